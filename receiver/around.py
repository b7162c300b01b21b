"""What hangs together with the digests, commits and pull requests that something was found by, in one answer.

Invariants: everything has an end and says how much it left out; who says something is never lost.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeAlias, TypeVar

from receiver.core.posting import Record
from receiver.store import attestations, links, records, views
from receiver.store.engine import Tx
from receiver.store.links import ByCommit, ByDigest, ByPullRequest, ByRepository, Key
from receiver.store.records import RecordRow
from shared.encoding import digest_text

AttestationView: TypeAlias = views.AttestationView
RecordView: TypeAlias = views.RecordView

SHOWN = 50
"""How many of each kind are given."""
MAX_KEYS = 20
"""How many digests, commits and pull requests are looked around."""

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
class Centre:
    """What is looked around: `keys` for everything, `origins` (where files come from) for what is of them.

    `numbers` are single attestations, `rows` single records that were asked for by their id.
    """

    keys: list[Key] = field(default_factory=list)
    origins: list[Key] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    rows: list[RecordRow] = field(default_factory=list)
    matched: list[str] = field(default_factory=list)

    def add(self, matched: str, keys: Iterable[Key]) -> None:
        """Look around these keys too, as far as there is room; `matched` says as what they were found, if as any."""
        found = [key for key in keys if key not in self.keys]
        self.keys += found[: max(0, MAX_KEYS - len(self.keys))]
        if matched and matched not in self.matched:
            self.matched.append(matched)


def look_up(tx: Tx, workspace_id: str, centre: Centre, digest: bytes) -> None:
    """From a file to the commits and the pull requests that it is said to come from."""
    commits = [ByCommit(one) for one in links.commits_of(tx, workspace_id, ByDigest(digest))]
    add_origins(centre, commits)
    both: list[ByDigest | ByCommit] = [ByDigest(digest), *commits[:MAX_KEYS]]
    for key in both:
        add_origins(centre, links.pull_requests_of(tx, workspace_id, key))


def add_origins(centre: Centre, keys: Iterable[Key]) -> None:
    """Note where files come from, as far as there is room."""
    new = [key for key in keys if key not in centre.origins and key not in centre.keys]
    centre.origins += new[: max(0, MAX_KEYS - len(centre.origins))]


def look_down(tx: Tx, workspace_id: str, centre: Centre, matched: str, commits: list[ByCommit]) -> None:
    """From commits to the files that are said to come from them."""
    centre.add(matched, commits)
    for key in commits[:MAX_KEYS]:
        centre.add("", [ByDigest(digest) for digest in links.digests_of(tx, workspace_id, key)])
        add_origins(centre, links.pull_requests_of(tx, workspace_id, key))


def gather(tx: Tx, workspace_id: str, centre: Centre) -> Around:
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


def _attestations(tx: Tx, workspace_id: str, centre: Centre, keys: list[Key]) -> Some[Linked]:
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


def _in_words(key: Key) -> str:
    if isinstance(key, ByDigest):
        return digest_text(key.digest)
    if isinstance(key, ByCommit):
        return key.commit
    if isinstance(key, ByPullRequest):
        return f"{key.repository or ''}#{key.number}"
    return key.repository if isinstance(key, ByRepository) else key.component
