"""What judging is given and what it answers: values alone, the same for the receiver and for whoever replays it.

Source: policy.md. Ids are texts (`sha256:...`), digests and commits lower-case hex without a prefix, times aware (UTC).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from shared.encoding import JsonObject


class _Word(StrEnum):
    """A word of a closed list, hashed as the text that it is: the library's own hash is slow, and asked for always."""

    __hash__ = str.__hash__


class Decision(_Word):
    """What is decided, strongest first (`STRENGTH`)."""

    BLOCK = "BLOCK"
    ROLLBACK_RECOMMENDED = "ROLLBACK_RECOMMENDED"
    HOLD = "HOLD"
    REQUIRE_APPROVAL = "REQUIRE_APPROVAL"
    ALLOW_WITH_CANARY = "ALLOW_WITH_CANARY"
    ALLOW = "ALLOW"


STRENGTH: tuple[Decision, ...] = tuple(Decision)
"""Strongest first: the strongest finding wins."""


class Mode(_Word):
    """What the answer does to the caller, weakest first."""

    SHADOW = "shadow"
    ADVISORY = "advisory"
    ENFORCE = "enforce"


class Basis(_Word):
    """On what something rests, strongest first."""

    MEASURED = "measured"
    CARRIED = "carried"
    DECLARED = "declared"
    POSTED = "posted"
    ASSERTED = "asserted"


class Cause(_Word):
    """Why a rule is not met."""

    FAILED = "failed"
    CONTRADICTED = "contradicted"
    REVOKED = "revoked"
    HELD = "held"
    STALE = "stale"
    UNSIGNED = "unsigned"
    NEAR_MISS = "near_miss"
    ON_ITS_WAY = "on_its_way"
    NOT_REPORTED = "not_reported"
    MISSING = "missing"
    WAITING_FOR_PERSON = "waiting_for_person"
    ERROR = "error"
    WAIVED = "waived"


# --- the question ---


@dataclass(frozen=True, slots=True)
class Target:
    """Where to: a service in an environment."""

    service: str
    namespace: str | None
    environment: str


@dataclass(frozen=True, slots=True)
class Request:
    """What a pipeline asks: may this digest go there? `source_sha` is a full commit or a prefix of 7 hex or more."""

    target: Target
    digest: str
    mode: Mode
    release_id: str | None = None
    source_sha: str | None = None
    author: str | None = None
    requested_by: str | None = None
    ready: bool | None = None
    require_healthy_target: bool = False
    rollback_available: bool | None = None
    rollback_verified: bool | None = None
    canary: bool = False
    policy: str | None = None
    context: JsonObject = field(default_factory=dict)


# --- the evidence ---


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece of evidence, as it stands now.

    `source_key` tells which pieces are of the same report (of what was posted: source, externalId and type), `content`
    is the digest of what it says. `held` is None where it counts, else why it does not (a code of trust.md section 6).
    `repeat_of` is the id of the piece that it was seen again of. `against` are contradictions that others make; those
    that it makes with itself are worked out from `evidence`. The `type` of ingested evidence is any text, its `passed`
    is false unless it said so, and `source` is who says so. `cut` names fields that the disclosure level left out. A
    piece that repeats another comes together with that one.
    """

    id: str
    type: str
    name: str
    basis: Basis
    passed: bool
    evidence: JsonObject
    received_at: datetime
    observed_at: datetime
    source_key: str
    content: str
    digests: frozenset[str] = frozenset()
    commits: frozenset[str] = frozenset()
    repository: str | None = None
    service: str | None = None
    namespace: str | None = None
    environment: str | None = None
    run: str | None = None
    job: str | None = None
    source: str | None = None
    voice: str | None = None
    """Whose token brought what was posted: the same for all tokens of one owner."""
    reports: int | None = None
    collector: str | None = None
    stream: str | None = None
    sequence: int | None = None
    arrival: int = 0
    """Counts up by the order in which the receiver stored things: between streams and posts that is their order."""
    held: str | None = None
    repeat_of: str | None = None
    against: tuple[str, ...] = ()
    expires_at: datetime | None = None
    cut: tuple[str, ...] = ()
    alone: Any = field(default=None, init=False, repr=False, compare=False)
    """What follows from the rest (`shared.judging.alone`), once that was asked for; no part of what it is."""

    @property
    def signed(self) -> bool:
        """What a policy's `signed: true` means: a collector signed it, and measured it itself."""
        return self.basis is Basis.MEASURED

    @property
    def by_collector(self) -> bool:
        """Whether a collector signed it, on whatever basis."""
        return self.collector is not None


@dataclass(frozen=True, slots=True)
class Link:
    """Somebody's word that a digest was built from a commit (full hex); `signed` if a collector signed it."""

    id: str
    digest: str
    commit: str
    signed: bool
    received_at: datetime
    held: str | None = None


@dataclass(frozen=True, slots=True)
class StreamFact:
    """A stream that could have something to say: what it feeds, what it brings, and what of it is not here.

    `delivered` says that it delivered for this commit, digest or run; `bound` that an admin bound its collector to the
    service; `recent` that its collector delivered so, or brought this repository's evidence in the last 14 days, and
    may have more of it here. `brings` are the types and names that the collector brought for this repository. `lacking`
    counts places up to its mark that are missing, in flight, refused or dropped and not closed by a signed statement;
    `closed` those that are.
    """

    stream: str
    collector: str
    name: str
    heard_at: datetime | None
    waiting: int
    oldest_waiting_at: datetime | None
    silent: bool
    forked: bool
    abandoned: bool
    retired: bool
    lacking: int
    closed: int
    delivered: bool
    bound: bool
    recent: bool
    brings: frozenset[tuple[str, str]] = frozenset()


# --- people ---


@dataclass(frozen=True, slots=True)
class Actor:
    """A person who acted, and every identity that is verified of them (e-mail, SCM logins, OIDC claims), lower-case."""

    subject: str
    role: str
    identities: frozenset[str]


@dataclass(frozen=True, slots=True)
class Approval:
    """A person's yes to the findings of one passport; good for one target and digest.

    `rules` are those that waited for it there, `findings` the fingerprints of the findings that it lifts, and the
    marks of all that was not met.
    """

    id: str
    target: Target
    digest: str
    rules: frozenset[str]
    by: Actor
    at: datetime
    expires_at: datetime
    findings: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Waiver:
    """A dated exception to one rule for one target and digest, and who made it."""

    id: str
    rule: str
    target: Target
    digest: str
    reason: str
    by: tuple[Actor, ...]
    at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Deployed:
    """Since when the digest runs at the target, and for how long it is watched."""

    at: datetime
    window: timedelta = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Facts:
    """All that is known when a question is asked; the order of tuples means nothing.

    `evidence` holds what could be about the digest, its commits, or the target, and what would be a near miss.
    `authors` are the identities of author and requester that are known, lower-case; none known: `author unknown`.
    """

    request: Request
    now: datetime
    evidence: tuple[Piece, ...] = ()
    links: tuple[Link, ...] = ()
    streams: tuple[StreamFact, ...] = ()
    approvals: tuple[Approval, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    deployed: Deployed | None = None
    authors: frozenset[str] = frozenset()
    known_targets: tuple[Target, ...] = ()


# --- evidence, selected ---


@dataclass(frozen=True, slots=True)
class Considered:
    """A piece that was looked at for a rule, and why it does not help; None where it does."""

    id: str
    refused: Cause | None = None
    detail: str = ""


class Reading(NamedTuple):
    """One way to read a group: which pieces count, and what they say together.

    `counts` is the evidence that a rule's `where` sees: sums over members, percentages recomputed, what only one member
    can say as it says it. `weakest` is the weakest basis among members and the links that bind them, `age` is that of
    the oldest member.
    """

    members: tuple[Piece, ...]
    counts: JsonObject
    signed: bool
    weakest: Basis
    age: timedelta

    @property
    def size(self) -> int:
        """How many members it has, those with the same content once."""
        return len(self.members)


class Group(NamedTuple):
    """All evidence of one type and name for one subject, judged together (policy.md section 1).

    `reading` is what counts. `passed` is the effective pass of all that speaks: the members, and `doubted`, which are
    pieces that do not count, and yet speak, since nothing newer that counts has surely taken their place. `others` are
    the readings that there would be if those counted, or in another order: whatever a rule asks must be true of each.
    `cause` is None where the group is whole and nothing speaks against it; else why it is not met whatever a rule asks:
    contradicted, held, revoked, stale, unsigned, on its way. Where nothing counts, `reading` is of what does not.
    """

    type: str
    name: str
    reading: Reading
    passed: bool
    considered: tuple[Considered, ...] = ()
    cause: Cause | None = None
    detail: str = ""
    cut: tuple[str, ...] = ()
    doubted: tuple[Piece, ...] = ()
    others: tuple[Reading, ...] = ()

    @property
    def readings(self) -> tuple[Reading, ...]:
        """All the ways to read it, what counts first."""
        return (self.reading, *self.others)

    @property
    def members(self) -> tuple[Piece, ...]:
        """The pieces that count."""
        return self.reading.members

    @property
    def size(self) -> int:
        """How many of them there are, those with the same content once."""
        return self.reading.size

    @property
    def counts(self) -> JsonObject:
        """What they say together."""
        return self.reading.counts

    @property
    def signed(self) -> bool:
        """Whether collectors measured and signed all that counts, and what binds it."""
        return self.reading.signed

    @property
    def weakest(self) -> Basis:
        """On what it rests."""
        return self.reading.weakest

    @property
    def age(self) -> timedelta:
        """How old the oldest of what counts is."""
        return self.reading.age


# --- the answer ---


@dataclass(frozen=True, slots=True)
class Finding:
    """What one rule found: met, or not met with a cause, what to do, and what the decision becomes then.

    `rule` is the id of a rule of the configured policy, of one that was judged besides it `policy/id`.
    """

    rule: str
    title: str
    met: bool
    otherwise: Decision
    cause: Cause | None = None
    reason: str = ""
    who: str = ""
    next_action: str = ""
    then_decision: Decision | None = None
    considered: tuple[Considered, ...] = ()
    waived_by: tuple[str, ...] = ()
    waived_until: datetime | None = None
    slots: Mapping[Basis, int] = field(default_factory=dict)
    """How many evidence slots it filled, by basis; for the confidence."""
    brief: str = ""
    """What is wrong in a few words, for the headline: "3 tests failed"."""
    waivers_needed: int = 0
    """How many approvers can lift it by a waiver as it stands; 0 where nobody can."""
    fingerprint: str = ""
    """What an approval that lifts it is bound to; empty where none does."""
    marks: tuple[str, ...] = ()
    """What there is of it that an approval of the release must have seen; none of a rule that is met."""

    @property
    def lifted(self) -> bool:
        """Whether it no longer speaks against the release."""
        return self.met or self.cause is Cause.WAIVED


@dataclass(frozen=True, slots=True)
class PolicyRef:
    """The policy that was judged by: name, version (0: built in) and digest."""

    name: str
    version: int
    digest: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """The whole answer, before anything is signed."""

    decision: Decision
    proceed: bool
    mode: Mode
    requested_mode: Mode
    headline: str
    severity: str
    confidence: float
    confidence_words: str
    findings: tuple[Finding, ...]
    warnings: tuple[str, ...]
    policies: tuple[PolicyRef, ...]
    oldest_evidence_seconds: int | None
    stale: tuple[str, ...]
    evaluated_at: datetime
    valid_until: datetime

    @property
    def blockers(self) -> tuple[Finding, ...]:
        """The findings that keep it from ALLOW, the strongest first."""
        open_ = [one for one in self.findings if not one.lifted]
        return tuple(sorted(open_, key=lambda one: STRENGTH.index(one.otherwise)))
