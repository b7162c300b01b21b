"""Look around something: what a digest, a commit, a pull request, a name or an id hangs together with, in one answer.

PR <-> commit <-> run <-> attestation <-> artifact digest <-> deployment, in both directions and whichever came first.
Invariants: everything has an end and says how much it left out; who says something is never lost.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from receiver.around import MAX_KEYS, Around, Centre, RecordView, add_origins, gather, look_down, look_up
from receiver.core.posting import Record
from receiver.store import attestations, links, records, views
from receiver.store.engine import Store, Tx
from receiver.store.links import ByCommit, ByComponent, ByDigest, ByPullRequest, ByRepository, Key
from receiver.store.records import RecordRow
from shared.errors import Code, StateError

__all__ = ["Around", "Artifact", "artifact", "search"]

_HEX = re.compile(r"[0-9a-f]{7,64}", re.ASCII)
_DIGEST = re.compile(r"sha256:([0-9a-f]{7,64})", re.ASCII)
_ID = re.compile(r"(?:sha256:)?([0-9a-f]{64})", re.ASCII)
_NUMBER = re.compile(r"#?([1-9][0-9]{0,14})", re.ASCII)
_PULL_REQUEST = re.compile(r"([^#\s]+)#([1-9][0-9]{0,14})", re.ASCII)
_SHA256_BYTES = 32


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
        centre = Centre()
        if row.digest is not None:
            centre.add("digest", [ByDigest(row.digest)])
            look_up(tx, workspace_id, centre, row.digest)
        (view,) = views.of_records(tx, workspace_id, [row])
        return Artifact(view, gather(tx, workspace_id, centre))

    return store.read(act)


def search(store: Store, workspace_id: str, text: str) -> Around:
    """Find what a text may name, and give everything that hangs on it.

    A digest or a commit or their beginning (7 hex digits or more), a pull request (`42`, `#42`, `acme/api#42`), the id
    of anything, a repository, an artifact's name, a component. What names nothing gives empty lists.
    """

    def act(tx: Tx) -> Around:
        centre = Centre()
        for find in (_by_id, _by_digits, _by_pull_request, _by_name):
            find(tx, workspace_id, text, centre)
        return gather(tx, workspace_id, centre)

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


def _by_id(tx: Tx, workspace_id: str, text: str, centre: Centre) -> None:
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


def _by_digits(tx: Tx, workspace_id: str, text: str, centre: Centre) -> None:
    said = _DIGEST.fullmatch(text.lower())
    digits = said[1] if said else text.lower()
    if not _HEX.fullmatch(digits):
        return
    for digest in links.with_prefix(tx, workspace_id, digits, MAX_KEYS):
        if len(digest) != _SHA256_BYTES or links.is_commit(tx, workspace_id, digest):
            if said is None:
                look_down(tx, workspace_id, centre, "commit", [ByCommit(digest.hex())])
        else:
            centre.add("digest", [ByDigest(digest)])
            look_up(tx, workspace_id, centre, digest)
    if said is None:
        shown = links.commits_with_prefix(tx, workspace_id, digits, MAX_KEYS)
        if shown:
            look_down(tx, workspace_id, centre, "commit", [ByCommit(commit) for commit in shown])


def _by_pull_request(tx: Tx, workspace_id: str, text: str, centre: Centre) -> None:
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
        look_down(tx, workspace_id, centre, "", [ByCommit(commit) for commit in commits])
        centre.add("", [ByDigest(digest) for digest in digests])


def _by_name(tx: Tx, workspace_id: str, text: str, centre: Centre) -> None:
    named = links.digests_named(tx, workspace_id, text)
    if named:
        centre.add("artifact", [ByDigest(digest) for digest in named])
        for digest in named[:MAX_KEYS]:
            look_up(tx, workspace_id, centre, digest)
    repository = ByRepository(text)
    if any(_numbers_of(tx, workspace_id, repository)):
        centre.add("repository", [repository])
    listing = links.attestation_numbers(tx, workspace_id, ByComponent(text))
    if listing:
        centre.add("component", [ByComponent(text)])
        _look_around_attestations(tx, workspace_id, centre, listing[:MAX_KEYS])


def _numbers_of(tx: Tx, workspace_id: str, key: Key) -> Iterable[list[int]]:
    yield links.attestation_numbers(tx, workspace_id, key)
    for kind in (Record.RUN, Record.ARTIFACT, Record.DEPLOYMENT):
        yield links.record_numbers(tx, workspace_id, kind, key)


def _look_around_row(tx: Tx, workspace_id: str, centre: Centre, row: RecordRow) -> None:
    if row.digest is not None:
        centre.add("", [ByDigest(row.digest)])
        look_up(tx, workspace_id, centre, row.digest)
    if row.commit is None and row.digest is None and row.pr_number is not None:
        centre.add("", [ByPullRequest(row.pr_number, row.repository)])
    if row.commit is not None and row.digest is None:
        look_down(tx, workspace_id, centre, "", [ByCommit(row.commit)])
    elif row.commit is not None:
        add_origins(centre, [ByCommit(row.commit)])


def _look_around_attestations(tx: Tx, workspace_id: str, centre: Centre, numbers: list[int]) -> None:
    centre.numbers += numbers
    rows = attestations.numbered(tx, workspace_id, numbers)
    commits = list(dict.fromkeys(row.commit for row in rows if row.commit is not None))
    named = links.subjects_of(tx, workspace_id, numbers)
    files = [digest for digest in named if digest.hex() not in commits]
    centre.add("", [ByDigest(digest) for digest in files])
    for digest in files[:MAX_KEYS]:
        look_up(tx, workspace_id, centre, digest)
    keys = [ByCommit(commit) for commit in commits]
    if files:
        add_origins(centre, keys)
    else:
        look_down(tx, workspace_id, centre, "", keys)
