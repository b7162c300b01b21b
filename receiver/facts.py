"""From the database to all that is known when the gate is asked: the one way to `shared.judging.values.Facts`.

Invariants: what is about the digest or about a commit that anybody linked to it is there, held or not; of one stream
nothing is known earlier than what stands below it; what repeats something comes with that; whether something counts is
worked out now. What was parsed or walked once is remembered (`Memory`), since what was signed never changes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain

from receiver.core.approving import authors_of
from receiver.core.passport import release_key
from receiver.core.placing import Status
from receiver.core.posting import Record
from receiver.store import (
    contradictions,
    gate_evidence,
    gate_people,
    gate_streams,
    gate_targets,
    links,
    passports,
    standing,
    triggered,
)
from receiver.store.attestations import AttestationRow, FromCollector
from receiver.store.engine import Tx
from receiver.store.gate_feeds import Feed, Feeds
from receiver.store.gate_statements import Known, Statements
from receiver.store.gate_streams import Asked
from receiver.store.gate_targets import KnownTargets
from receiver.store.known_since import KnownSince
from shared.encoding import digest_text
from shared.errors import Code, StateError
from shared.judging.contradictions import OF_OTHERS
from shared.judging.identities import identities_of
from shared.judging.pieces import Told
from shared.judging.policy import APPROVAL_AGE
from shared.judging.values import Facts, Link, Piece, Request
from shared.passports import Input

_MAX_COMMITS = 200
"""Of how many linked commits evidence is looked for; a release has one."""
_REPOSITORIES = 10
_NEAR_REPOSITORIES = _MAX_MEANT = 3
_QUESTIONS = 20
"""Of how many earlier passports of the release it is looked at whom their requests named."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What one process remembers between questions; bounded, and safe to use from several threads."""

    statements: Statements = field(default_factory=Statements)
    known_since: KnownSince = field(default_factory=KnownSince)
    feeds: Feeds = field(default_factory=Feeds)
    targets: KnownTargets = field(default_factory=KnownTargets)


@dataclass(frozen=True, slots=True)
class Gathered:
    """The facts, and the ids of the keys that signed the evidence among them."""

    facts: Facts
    signed_by: frozenset[str]


def facts_of(
    tx: Tx,
    workspace_id: str,
    request: Request,
    now: datetime,
    *,
    owner: str | None = None,
    memory: Memory | None = None,
    collectors: Collection[str] | None = None,
) -> Gathered:
    """Gather what is known of a release.

    `owner` is whose token asks. `memory` is what the process remembers; without one everything is read. `collectors`
    are the globs of collectors' names that policies ask for; None where that is not known, then all are looked at.

    Raises `StateError` (`conflict`) where more is about the release than can be judged, and `MalformedError` for
    something stored that cannot be read.
    """
    at_hand = Memory() if memory is None else memory
    look = _Look(tx, workspace_id, request, at_hand)
    look.gather()
    pieces = look.told()
    target = request.target
    brought = [one.brought(now) for one in look.feeds]
    kinds: dict[bytes, frozenset[tuple[str, str]]] = {}
    for stream_id, brings in chain.from_iterable(one.items() for one in brought):
        kinds[stream_id] = kinds.get(stream_id, frozenset()) | brings
    streams = gate_streams.facts(tx, workspace_id, now, Asked(look.delivered, kinds, target, collectors))
    facts = Facts(
        request=request,
        now=now,
        evidence=tuple(one.piece for one in pieces),
        links=tuple(link for one in pieces for link in one.links),
        streams=streams,
        approvals=gate_people.approvals(tx, workspace_id, look.digest, now),
        waivers=gate_people.waivers(tx, workspace_id, look.digest, now),
        deployed=gate_targets.deployed_at(tx, workspace_id, target, request.digest),
        authors=_authors(tx, workspace_id, look, now, owner),
    )
    signed_by = frozenset(one.key_id for one in pieces)
    return Gathered(facts, signed_by)


def look_ahead(tx: Tx, workspace_id: str, request: Request, memory: Memory) -> None:
    """Read what a question is about into memory, so that whoever then judges it under a lock holds that the less."""
    _Look(tx, workspace_id, request, memory).gather_own()


class _Look:
    """One question while its evidence is gathered: by number what it says."""

    def __init__(self, tx: Tx, workspace_id: str, request: Request, memory: Memory) -> None:
        self._tx = tx
        self._workspace_id = workspace_id
        self.request = request
        self._memory = memory
        self.digest = bytes.fromhex(request.digest)
        self._known: dict[int, Known] = {}
        self.commits: frozenset[str] = frozenset()
        self.feeds: tuple[Feed, ...] = ()
        self.delivered: frozenset[bytes] = frozenset()

    def gather(self) -> None:
        """Find the rows: about the digest, about its commits, at the target, what these repeat, and what is near."""
        self.gather_own()
        tx, workspace_id, target = self._tx, self._workspace_id, self.request.target
        bound = [one for one in self._known.values() if self._is_bound(one.piece)]
        origins = [one.row.origin for one in bound]
        self.delivered = frozenset(one.stream_id for one in origins if isinstance(one, FromCollector))
        repositories = self._repositories([one.piece for one in bound])
        self._take(gate_evidence.at_target(tx, workspace_id, target.service, target.namespace, target.environment))
        self.feeds = tuple(self._memory.feeds.of(tx, workspace_id, one) for one in repositories)
        newest = [one.newest for one in self.feeds[:_NEAR_REPOSITORIES]]
        self._take(gate_evidence.near(newest, self._known.keys()))
        self._take_firsts()

    def gather_own(self) -> None:
        """Find the rows about the digest and about its commits."""
        tx, workspace_id, request = self._tx, self._workspace_id, self.request
        self._take(gate_evidence.about(tx, workspace_id, [self.digest]))
        self.commits = frozenset(one.commit for one in self._links if one.digest == request.digest)
        if len(self.commits) > _MAX_COMMITS:
            # Not cut: whoever names many could hide the evidence of one.
            detail = f"this digest is said to be of {len(self.commits)} commits"
            raise StateError(Code.CONFLICT, detail, "revoke the token that says so, or build the artifact anew")
        commits = [bytes.fromhex(one) for one in self.commits]
        self._take(gate_evidence.about(tx, workspace_id, {*commits, *self._asked_for()}))

    @property
    def _links(self) -> Iterable[Link]:
        return (link for one in self._known.values() for link in one.links)

    def told(self) -> list[Known]:
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

    def built_by(self) -> frozenset[str]:
        """Name who triggered the builds of the digest, as the artifact's records say it."""
        evidence = [
            one.piece.evidence.get("ciContext")
            for one in self._known.values()
            if one.row.record is Record.ARTIFACT and self.request.digest in one.piece.digests
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
        asked = (self.request.source_sha or "").lower()
        if not asked or any(one.startswith(asked) for one in self.commits):
            return []
        return links.with_prefix(self._tx, self._workspace_id, asked, _MAX_MEANT)

    def _is_bound(self, piece: Piece) -> bool:
        if piece.digests:
            return self.request.digest in piece.digests
        return not piece.commits.isdisjoint(self.commits)

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


def _authors(tx: Tx, workspace_id: str, look: _Look, now: datetime, owner: str | None) -> frozenset[str]:
    """Name everybody who made this release or had it made, as far as anybody says so; nobody where that is unknown.

    Runs and tokens tell whose it is. What requests alone say is known where an account has such a name: with an
    invented one nobody would be its author. Whom an earlier request named stays one, whatever a later one says.
    """
    request = look.request
    release = release_key(request.target, request.digest)
    before = gate_people.asked(tx, workspace_id, release, now - APPROVAL_AGE, _QUESTIONS)
    runs = triggered.of_commits(tx, workspace_id, look.commits)
    known = identities_of(owner, *(one.owner for one in before), *runs, *look.built_by())
    if len(before) == _QUESTIONS:
        # Its authors are those of all that was asked before it, too.
        known |= authors_of(passports.papers(tx, workspace_id, before[-1].number).docket)
    said = identities_of(request.author, request.requested_by, *(name for one in before for name in one.named))
    if known or not said.isdisjoint(gate_people.names(tx, workspace_id) if said else ()):
        return known | said
    return frozenset()


def inputs_of(facts: Facts) -> tuple[Input, ...]:
    """Name the envelopes that facts are of, as a passport does."""
    pieces = [Input(id=one.id, received_at=one.received_at, held=one.held) for one in facts.evidence]
    acts = (one.id for acts in (facts.approvals, facts.waivers) for one in acts)
    return (*pieces, *(Input(id=one) for one in acts))
