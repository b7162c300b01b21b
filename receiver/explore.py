"""Look around something: what a digest, a commit, a pull request, a name or an id hangs together with, in one answer.

PR <-> commit <-> run <-> attestation <-> artifact digest <-> deployment, in both directions and whichever came first.
Invariants: everything has an end and says how much it left out; who says something is never lost.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeAlias, TypeVar

from receiver.core.posting import Record
from receiver.store import attestations, links, records, views
from receiver.store.engine import Store, Tx
from receiver.store.links import ByCommit, ByComponent, ByDigest, ByPullRequest, ByRepository, Key
from receiver.store.records import RecordRow
from shared.encoding import digest_text
from shared.errors import Code, StateError

AttestationView: TypeAlias = views.AttestationView
RecordView: TypeAlias = views.RecordView

SHOWN = 50
"""How many of each kind are given."""
COUNTED = links.COUNTED
_MAX_KEYS = 20
_HEX = re.compile(r"[0-9a-f]{7,64}", re.ASCII)
_DIGEST = re.compile(r"sha256:([0-9a-f]{7,64})", re.ASCII)
_ID = re.compile(r"(?:sha256:)?([0-9a-f]{64})", re.ASCII)
_NUMBER = re.compile(r"#?([1-9][0-9]{0,14})", re.ASCII)
_PULL_REQUEST = re.compile(r"([^#\s]+)#([1-9][0-9]{0,14})", re.ASCII)
_SHA256_BYTES = 32

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Some(Generic[T]):
    """The newest of a kind, and how many more there are; counted to 200 for each digest, commit or pull request."""

    items: tuple[T, ...]
    left_out: int


@dataclass(frozen=True, slots=True)
class Linked:
    """An attestation, and what it hangs on among that which was asked for or found on the way, in words.

    `sha256:` and the digest of a file, a commit in hex, `acme/api#42`, a repository, a component.
    """

    view: AttestationView
    linked_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Around:
    """What hangs together with something; `matched` says as what it was found."""

    matched: tuple[str, ...]
    runs: Some[RecordView]
    attestations: Some[Linked]
    artifacts: Some[RecordView]
    deployments: Some[RecordView]


@dataclass(slots=True)
class _Centre:
    """What is looked around: `keys` for everything, `origins` (where files come from) for what is of them.

    `numbers` are single attestations, `rows` single records that were asked for by their id.
    """

    keys: list[Key] = field(default_factory=list)
    origins: list[Key] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    rows: list[RecordRow] = field(default_factory=list)
    matched: list[str] = field(default_factory=list)

    def add(self, matched: str, keys: Iterable[Key]) -> None:
        found = [key for key in keys if key not in self.keys]
        self.keys += found[: max(0, _MAX_KEYS - len(self.keys))]
        if matched and matched not in self.matched:
            self.matched.append(matched)


@dataclass(frozen=True, slots=True)
class Artifact:
    """An artifact, and everything that touches its digest."""

    view: RecordView
    around: Around


def artifact(store: Store, workspace_id: str, artifact_id: str | bytes) -> Artifact:
    """Give an artifact by its id or its digest (32 bytes: the newest of it), with everything that touches the digest.

    Raises `StateError` (`not_found`).
    """

    def act(tx: Tx) -> Artifact:
        row = _artifact_row(tx, workspace_id, artifact_id)
        centre = _Centre()
        if row.digest is not None:
            centre.add("digest", [ByDigest(row.digest)])
            _look_up(tx, workspace_id, centre, row.digest)
        (view,) = views.of_records(tx, workspace_id, [row])
        return Artifact(view, _gather(tx, workspace_id, centre))

    return store.read(act)


def search(store: Store, workspace_id: str, text: str) -> Around:
    """Find what a text may name, and give everything that hangs on it.

    A digest or a commit or their beginning (7 hex digits or more), a pull request (`42`, `#42`, `acme/api#42`), the id
    of anything, a repository, an artifact's name, a component. What names nothing gives empty lists.
    """

    def act(tx: Tx) -> Around:
        centre = _Centre()
        for find in (_by_id, _by_digits, _by_pull_request, _by_name):
            find(tx, workspace_id, text, centre)
        return _gather(tx, workspace_id, centre)

    return store.read(act)


def _artifact_row(tx: Tx, workspace_id: str, artifact_id: str | bytes) -> RecordRow:
    if isinstance(artifact_id, str):
        return records.get(tx, workspace_id, Record.ARTIFACT, artifact_id)
    found = links.record_numbers(tx, workspace_id, Record.ARTIFACT, ByDigest(artifact_id))
    rows = records.numbered(tx, workspace_id, found[:1])
    if not rows:
        raise StateError(
            Code.NOT_FOUND, "there is no artifact with this digest in this workspace", "search for it to see the rest"
        )
    return rows[0]


def _by_id(tx: Tx, workspace_id: str, text: str, centre: _Centre) -> None:
    row = records.find(tx, workspace_id, text)
    if row is not None:
        centre.matched.append(row.kind.value)
        centre.rows.append(row)
        _look_around_row(tx, workspace_id, centre, row)
    named = _ID.fullmatch(text.lower())
    n = None if named is None else attestations.number_of(tx, workspace_id, bytes.fromhex(named[1]))
    if row is None and n is not None:
        centre.matched.append("attestation")
        _look_around_attestations(tx, workspace_id, centre, [n])


def _by_digits(tx: Tx, workspace_id: str, text: str, centre: _Centre) -> None:
    said = _DIGEST.fullmatch(text.lower())
    digits = said[1] if said else text.lower()
    if not _HEX.fullmatch(digits):
        return
    for digest in links.with_prefix(tx, workspace_id, digits, _MAX_KEYS):
        if len(digest) != _SHA256_BYTES or links.is_commit(tx, workspace_id, digest):
            if said is None:
                _look_down(tx, workspace_id, centre, "commit", [ByCommit(digest.hex())])
        else:
            centre.add("digest", [ByDigest(digest)])
            _look_up(tx, workspace_id, centre, digest)
    if said is None:
        shown = links.commits_with_prefix(tx, workspace_id, digits, _MAX_KEYS)
        if shown:
            _look_down(tx, workspace_id, centre, "commit", [ByCommit(commit) for commit in shown])


def _by_pull_request(tx: Tx, workspace_id: str, text: str, centre: _Centre) -> None:
    alone, named = _NUMBER.fullmatch(text), _PULL_REQUEST.fullmatch(text)
    key = ByPullRequest(int(alone[1])) if alone else ByPullRequest(int(named[2]), named[1]) if named else None
    if key is None:
        return
    commits = links.commits_of(tx, workspace_id, key)
    digests = links.digests_of(tx, workspace_id, key)
    found = links.attestation_numbers(tx, workspace_id, key) or any(
        links.record_numbers(tx, workspace_id, kind, key) for kind in (Record.RUN, Record.ARTIFACT, Record.DEPLOYMENT)
    )
    if found:
        centre.add("pullRequest", [key])
        _look_down(tx, workspace_id, centre, "", [ByCommit(commit) for commit in commits])
        centre.add("", [ByDigest(digest) for digest in digests])


def _by_name(tx: Tx, workspace_id: str, text: str, centre: _Centre) -> None:
    named = links.digests_named(tx, workspace_id, text)
    if named:
        centre.add("artifact", [ByDigest(digest) for digest in named])
        for digest in named[:_MAX_KEYS]:
            _look_up(tx, workspace_id, centre, digest)
    repository = ByRepository(text)
    if any(_numbers_of(tx, workspace_id, repository)):
        centre.add("repository", [repository])
    listing = links.attestation_numbers(tx, workspace_id, ByComponent(text))
    if listing:
        centre.add("component", [ByComponent(text)])
        _look_around_attestations(tx, workspace_id, centre, listing[:_MAX_KEYS])


def _numbers_of(tx: Tx, workspace_id: str, key: Key) -> Iterable[list[int]]:
    yield links.attestation_numbers(tx, workspace_id, key)
    for kind in (Record.RUN, Record.ARTIFACT, Record.DEPLOYMENT):
        yield links.record_numbers(tx, workspace_id, kind, key)


def _look_around_row(tx: Tx, workspace_id: str, centre: _Centre, row: RecordRow) -> None:
    if row.digest is not None:
        centre.add("", [ByDigest(row.digest)])
        _look_up(tx, workspace_id, centre, row.digest)
    if row.commit is None and row.digest is None and row.pr_number is not None:
        centre.add("", [ByPullRequest(row.pr_number, row.repository)])
    if row.commit is not None and row.digest is None:
        _look_down(tx, workspace_id, centre, "", [ByCommit(row.commit)])
    elif row.commit is not None:
        _add_origins(centre, [ByCommit(row.commit)])


def _look_around_attestations(tx: Tx, workspace_id: str, centre: _Centre, numbers: list[int]) -> None:
    centre.numbers += numbers
    rows = attestations.numbered(tx, workspace_id, numbers)
    commits = list(dict.fromkeys(row.commit for row in rows if row.commit is not None))
    named = links.subjects_of(tx, workspace_id, numbers)
    files = [digest for digest in named if digest.hex() not in commits]
    centre.add("", [ByDigest(digest) for digest in files])
    for digest in files[:_MAX_KEYS]:
        _look_up(tx, workspace_id, centre, digest)
    keys = [ByCommit(commit) for commit in commits]
    if files:
        _add_origins(centre, keys)
    else:
        _look_down(tx, workspace_id, centre, "", keys)


def _in_words(key: Key) -> str:
    if isinstance(key, ByDigest):
        return digest_text(key.digest)
    if isinstance(key, ByCommit):
        return key.commit
    if isinstance(key, ByPullRequest):
        return f"{key.repository or ''}#{key.number}"
    return key.repository if isinstance(key, ByRepository) else key.component


def _look_up(tx: Tx, workspace_id: str, centre: _Centre, digest: bytes) -> None:
    """From a file to the commits and the pull requests that it is said to come from."""
    commits = [ByCommit(one) for one in links.commits_of(tx, workspace_id, ByDigest(digest))]
    _add_origins(centre, commits)
    both: list[ByDigest | ByCommit] = [ByDigest(digest), *commits[:_MAX_KEYS]]
    for key in both:
        _add_origins(centre, links.pull_requests_of(tx, workspace_id, key))


def _add_origins(centre: _Centre, keys: Iterable[Key]) -> None:
    new = [key for key in keys if key not in centre.origins and key not in centre.keys]
    centre.origins += new[: max(0, _MAX_KEYS - len(centre.origins))]


def _look_down(tx: Tx, workspace_id: str, centre: _Centre, matched: str, commits: list[ByCommit]) -> None:
    """From commits to the files that are said to come from them."""
    centre.add(matched, commits)
    for key in commits[:_MAX_KEYS]:
        centre.add("", [ByDigest(digest) for digest in links.digests_of(tx, workspace_id, key)])
        _add_origins(centre, links.pull_requests_of(tx, workspace_id, key))


def _gather(tx: Tx, workspace_id: str, centre: _Centre) -> Around:
    """Everything that hangs on the keys; of the commits that files come from, their runs and their evidence alone."""
    everywhere = [*centre.keys, *centre.origins]

    def some(kind: Record, keys: list[Key]) -> Some[RecordView]:
        asked = {row.r for row in centre.rows if row.kind is kind}
        found = asked.union(*(links.record_numbers(tx, workspace_id, kind, key) for key in keys))
        shown = [*asked, *sorted(found - asked, reverse=True)][:SHOWN]
        rows = records.numbered(tx, workspace_id, shown)
        return Some(views.of_records(tx, workspace_id, rows), len(found) - len(rows))

    return Around(
        tuple(centre.matched),
        some(Record.RUN, everywhere),
        _attestations(tx, workspace_id, centre, everywhere),
        some(Record.ARTIFACT, centre.keys),
        some(Record.DEPLOYMENT, centre.keys),
    )


def _attestations(tx: Tx, workspace_id: str, centre: _Centre, keys: list[Key]) -> Some[Linked]:
    hanging: dict[int, list[Key]] = {}
    for key in keys:
        for n in links.attestation_numbers(tx, workspace_id, key):
            hanging.setdefault(n, []).append(key)
    asked = dict.fromkeys(centre.numbers)
    shown = [*asked, *sorted((n for n in hanging if n not in asked), reverse=True)][:SHOWN]
    rows = attestations.numbered(tx, workspace_id, shown)
    found = views.of_attestations(tx, workspace_id, rows)
    return Some(
        tuple(Linked(view, tuple(_in_words(key) for key in hanging.get(view.row.n, ()))) for view in found),
        len(hanging.keys() | asked.keys()) - len(rows),
    )
