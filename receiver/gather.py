"""The evidence that a question of the gate is about, with all that the receiver knows of it.

Invariants: what is about the digest or about a commit that anybody linked to it is there, held or not; of one stream
nothing is known earlier than what stands below it; what repeats something comes with that. What was parsed or walked
once is remembered (`Memory`), since what was signed never changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from receiver.core.placing import Status
from receiver.core.posting import Record
from receiver.store import contradictions, gate_evidence, links, standing
from receiver.store.attestations import AttestationRow, FromCollector
from receiver.store.engine import Tx
from receiver.store.gate_feeds import Feed, Feeds
from receiver.store.gate_statements import Known, Statements
from receiver.store.gate_targets import KnownTargets
from receiver.store.known_since import KnownSince
from receiver.store.unchanged import once, rows
from shared.encoding import digest_text
from shared.errors import Code, StateError
from shared.judging.contradictions import OF_OTHERS
from shared.judging.pieces import Told
from shared.judging.values import Link, Piece, Request, Target

_MAX_COMMITS = 200
"""Of how many linked commits evidence is looked for; a release has one."""
_REPOSITORIES = 10
_NEAR_REPOSITORIES = _MAX_MEANT = 3


@dataclass(frozen=True, slots=True)
class Memory:
    """What one process remembers between questions; bounded, and safe to use from several threads."""

    statements: Statements = field(default_factory=Statements)
    known_since: KnownSince = field(default_factory=KnownSince)
    feeds: Feeds = field(default_factory=Feeds)
    targets: KnownTargets = field(default_factory=KnownTargets)


def look_ahead(tx: Tx, workspace_id: str, request: Request, memory: Memory) -> None:
    """Read what a question is about into memory, so that whoever then judges it under a lock holds that the less."""
    _Look(tx, workspace_id, _about(request), memory).gather_own()


def gather(tx: Tx, workspace_id: str, request: Request, memory: Memory) -> Found:
    """Find the evidence of a release, with all that the receiver knows of it.

    Raises `StateError` (`conflict`) where it is more than can be judged, and `MalformedError` for something stored that
    cannot be read.
    """
    about = _about(request)
    return once(
        tx, (gather, workspace_id, about), _Look(tx, workspace_id, about, memory).found, lambda found: found.bytes
    )


class _About(NamedTuple):
    """What of a question its evidence is looked for by."""

    digest: str
    source_sha: str | None
    target: Target


def _about(request: Request) -> _About:
    return _About(request.digest, request.source_sha, request.target)


@dataclass(frozen=True, slots=True)
class Found:
    """The evidence of a question, in the order of storage, and what else it tells; no time goes into it."""

    evidence: tuple[Piece, ...]
    links: tuple[Link, ...]
    signed_by: frozenset[str]
    feeds: tuple[Feed, ...]
    delivered: frozenset[bytes]
    commits: frozenset[str]
    built_by: frozenset[str]
    bytes: int
    """About how many bytes were read for it."""


class _Look:
    """One question while its evidence is gathered: by number what it says."""

    def __init__(self, tx: Tx, workspace_id: str, about: _About, memory: Memory) -> None:
        self._tx = tx
        self._workspace_id = workspace_id
        self._about = about
        self._memory = memory
        self._known: dict[int, Known] = {}
        self._commits: frozenset[str] = frozenset()

    def found(self) -> Found:
        """Find the rows: about the digest, about its commits, at the target, what these repeat, and what is near."""
        self.gather_own()
        tx, workspace_id, target = self._tx, self._workspace_id, self._about.target
        bound = [one for one in self._known.values() if self._is_bound(one.piece)]
        origins = [one.row.origin for one in bound]
        delivered = frozenset(one.stream_id for one in origins if isinstance(one, FromCollector))
        repositories = self._repositories([one.piece for one in bound])
        self._take(gate_evidence.at_target(tx, workspace_id, target.service, target.namespace, target.environment))
        feeds = tuple(self._memory.feeds.of(tx, workspace_id, one) for one in repositories)
        newest = [one.newest for one in feeds[:_NEAR_REPOSITORIES]]
        self._take(gate_evidence.near(newest, self._known.keys()))
        self._take_firsts()
        told = self._told()
        return Found(
            evidence=tuple(one.piece for one in told),
            links=tuple(link for one in told for link in one.links),
            signed_by=frozenset(one.key_id for one in told),
            feeds=feeds,
            delivered=delivered,
            commits=self._commits,
            built_by=self._built_by(),
            bytes=rows(told) + sum([one.size for one in told]),
        )

    def gather_own(self) -> None:
        """Find the rows about the digest and about its commits."""
        tx, workspace_id, digest = self._tx, self._workspace_id, self._about.digest
        self._take(gate_evidence.about(tx, workspace_id, [bytes.fromhex(digest)]))
        self._commits = frozenset(one.commit for one in self._links if one.digest == digest)
        if len(self._commits) > _MAX_COMMITS:
            # Not cut: whoever names many could hide the evidence of one.
            detail = f"this digest is said to be of {len(self._commits)} commits"
            raise StateError(Code.CONFLICT, detail, "revoke the token that says so, or build the artifact anew")
        commits = [bytes.fromhex(one) for one in self._commits]
        self._take(gate_evidence.about(tx, workspace_id, {*commits, *self._asked_for()}))

    @property
    def _links(self) -> Iterable[Link]:
        return (link for one in self._known.values() for link in one.links)

    def _told(self) -> list[Known]:
        """Give what was found, in the order of storage, with all that the receiver knows of it."""
        tx, workspace_id = self._tx, self._workspace_id
        rows = [self._known[n].row for n in sorted(self._known)]
        stood = standing.of_rows(tx, workspace_id, rows)
        against = contradictions.of(tx, workspace_id, [row.n for row in rows])
        received = self._received()
        by_id = {row.id: row for row in rows}
        found, changed = [], []
        # Their order alone: numbers count over all workspaces, and a passport's facts are shown.
        for place, row in enumerate(rows):
            n, now = row.n, stood[row.n]
            told = Told(
                received_at=received.get(n),
                held=(now.code or Code.KEY_REVOKED).value if now.status is Status.HELD else None,
                arrival=place,
                repeat_of=_repeat_of(row, by_id),
                against=tuple(one.said.detail for one in against.get(n, ()) if one.said.kind in OF_OTHERS),
            )
            known = self._known[n].told(told)
            found.append(known)
            if known is not self._known[n]:
                changed.append(known)
        self._memory.statements.keep(workspace_id, changed)
        return found

    def _built_by(self) -> frozenset[str]:
        """Name who triggered the builds of the digest, as the artifact's records say it."""
        evidence = [
            one.piece.evidence.get("ciContext")
            for one in self._known.values()
            if one.row.record is Record.ARTIFACT and self._about.digest in one.piece.digests
        ]
        named = [one.get("triggeredBy") for one in evidence if isinstance(one, dict)]
        return frozenset(one for one in named if isinstance(one, str))

    def _received(self) -> dict[int, datetime]:
        """Say of what collectors signed since when it is known; in one stream that never goes down."""
        lines: dict[bytes, list[tuple[int, int]]] = {}
        for n, one in self._known.items():
            if isinstance(one.row.origin, FromCollector):
                lines.setdefault(one.row.origin.stream_id, []).append((one.row.origin.sequence, n))
        found: dict[int, datetime] = {}
        for stream_id, line in lines.items():
            earlier = self._memory.known_since.of(self._tx, self._workspace_id, stream_id, min(line)[0])
            latest: datetime | None = None
            for _, n in sorted(line, reverse=True):
                row = self._known[n].row
                since = min(earlier.get(row.id, row.received_at), row.received_at)
                # What stands below a hole or on another branch is known no later either than what stands above it.
                latest = since if latest is None else min(latest, since)
                found[n] = latest
        return found

    def _take(self, ids: Mapping[int, bytes]) -> None:
        new = {n: id_ for n, id_ in ids.items() if n not in self._known}
        self._known |= self._memory.statements.read(self._tx, self._workspace_id, new)

    def _take_firsts(self) -> None:
        """Take what is repeated with what repeats it, to the first of each."""
        while True:
            ids = {one.row.id for one in self._known.values()}
            origins = [one.row.origin for one in self._known.values()]
            lacking = {one.repeat_of for one in origins if isinstance(one, FromCollector) and one.repeat_of} - ids
            before = len(self._known)
            self._take(gate_evidence.firsts(self._tx, self._workspace_id, lacking))
            if len(self._known) == before:
                return

    def _asked_for(self) -> list[bytes]:
        """Give the commits that the request may mean, where nothing links the digest to such a one."""
        asked = (self._about.source_sha or "").lower()
        if not asked or any(one.startswith(asked) for one in self._commits):
            return []
        return links.with_prefix(self._tx, self._workspace_id, asked, _MAX_MEANT)

    def _is_bound(self, piece: Piece) -> bool:
        if piece.digests:
            return self._about.digest in piece.digests
        return not piece.commits.isdisjoint(self._commits)

    def _repositories(self, bound: Iterable[Piece]) -> tuple[str, ...]:
        """Name the repositories that the release is of, else that of the commit which the request names.

        Those that collectors name come first: whoever has a token may name any.
        """
        of = list(bound) or [one.piece for one in self._known.values()]
        named = {one.repository: False for one in of if one.repository is not None}
        named |= {one.repository: True for one in of if one.repository is not None and one.by_collector}
        return tuple(sorted(named, key=lambda one: (not named[one], one))[:_REPOSITORIES])


def _repeat_of(row: AttestationRow, by_id: Mapping[bytes, AttestationRow]) -> str | None:
    """Name the first that a piece repeats; an observation is one collector's, so another one's is no first of it."""
    first = row
    while isinstance(first.origin, FromCollector) and first.origin.repeat_of is not None:
        before = by_id.get(first.origin.repeat_of)
        if before is None or before.n >= first.n:
            break
        first = before
    mine, its = row.origin, first.origin
    if first is row or not isinstance(mine, FromCollector) or not isinstance(its, FromCollector):
        return None
    return digest_text(first.id) if mine.collector_id == its.collector_id else None
