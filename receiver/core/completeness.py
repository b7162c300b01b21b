"""What is missing of a stream, and how it stands: exactly, from what is here and what its collector signed.

Pure: `now` and the time that the receiver lived through come in. Invariants: every number up to the highest that is
known of is here or in exactly one hole; nothing that is here is called missing; a number is in flight for the lag of
its collector, at most a twelfth longer. Numbers travel as ranges: a claim of 2^53 costs what one of ten does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise

from receiver.core.presence import Presence
from receiver.core.ranges import Range, Ranges, count, ranges, within, without

IN_FLIGHT = timedelta(minutes=2)
INTERVAL = timedelta(seconds=120)
SILENT_AFTER = 3
_STEPS = 12


class Lack(StrEnum):
    """Why a number is not here."""

    IN_FLIGHT = "in_flight"
    MISSING = "missing"
    REFUSED = "refused"
    DROPPED = "dropped"
    KNOWN_LOST = "known_lost"


class Standing(StrEnum):
    """How a stream stands; whether it is forked is said beside."""

    LIVE = "live"
    SILENT = "silent"
    ABANDONED = "abandoned"
    RETIRED = "retired"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Step:
    """A high-water mark, and when it was first known."""

    high: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Heard:
    """What the latest heartbeat of a stream says, and when it came.

    `issued_at` is the issue of the receipt that it names, by our clock: it was signed after that, however long it was
    on its way. `head` is the id (32 bytes) that it says stands at the high-water mark. `steps` are the marks of it and
    of the heartbeats before it, rising.
    """

    received_at: datetime
    issued_at: datetime | None = None
    high_water: int | None = None
    head: bytes | None = None
    waiting: int | None = None
    refused: Ranges = ()
    dropped: Ranges = ()
    closed: bool = False
    steps: tuple[Step, ...] = ()
    beat: int = 0

    @property
    def good_until(self) -> datetime:
        """The moment that it certainly is not older than: neither clock of the way matters."""
        return self.received_at if self.issued_at is None else min(self.issued_at, self.received_at)


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a stream.

    `mark` is contiguous (-1: nothing), `above` are the places above it that are taken, `unstored` those that are taken
    by what was refused. `forked_from` is where two entries parted; `at_high_water` the id that stands here at the place
    of the heartbeat's mark. `closed` are places that people said are lost, `ends` those from which on they said that
    nothing comes any more. `newer` says that the collector opened another stream after it; `ended` that people
    revoked the collector; `intermittent` and `lag` are what an admin said of it. `two_holders` says that somebody signs
    with a key of it where that is not good, and nobody revoked that yet.
    """

    opened_at: datetime
    mark: int = -1
    above: Ranges = ()
    unstored: Ranges = ()
    forked_from: int | None = None
    heard: Heard | None = None
    at_high_water: bytes | None = None
    closed: Ranges = ()
    ends: frozenset[int] = frozenset()
    newer: bool = False
    ended: bool = False
    intermittent: bool = False
    lag: timedelta = field(default=timedelta())
    two_holders: bool = False


@dataclass(frozen=True, slots=True)
class State:
    """A stream's holes by what they are, its standing, from where it is forked, and the highest number known of.

    `is_over` says that people said that nothing comes behind that number: until something does.
    """

    standing: Standing
    known_to: int
    holes: Mapping[Lack, Ranges]
    forked_from: int | None
    two_holders: bool = False
    is_over: bool = False

    def lacking(self, *kinds: Lack) -> Ranges:
        """Give the holes of some kinds as one set."""
        return ranges(part for kind in kinds for part in self.holes.get(kind, ()))

    @property
    def in_order(self) -> tuple[tuple[Lack, Range], ...]:
        """Every hole with what it is, in rising order."""
        listed = ((kind, part) for kind, parts in self.holes.items() for part in parts)
        return tuple(sorted(listed, key=lambda one: one[1]))

    @property
    def complete(self) -> bool:
        """Whether nothing is missing but what people closed, and nothing stands against the stream itself."""
        open_holes = any(parts for kind, parts in self.holes.items() if kind is not Lack.KNOWN_LOST)
        against = self.forked_from is not None or self.two_holders
        return not open_holes and not against and self.standing in {Standing.LIVE, Standing.RETIRED}


def state(facts: Facts, presence: Presence, now: datetime, interval: timedelta = INTERVAL) -> State:
    """Work a stream's state out; `interval` is how often a heartbeat is due."""
    heard = facts.heard
    here = ranges([(0, facts.mark), *facts.above])
    named = [part[1] for part in (() if heard is None else (*heard.refused, *heard.dropped))]
    known_to = max([here[-1][1] if here else -1, *(one.high for one in _steps(heard)), *named])
    rest = without(((0, known_to),) if known_to >= 0 else (), without(here, facts.unstored))
    holes: dict[Lack, Ranges] = {}
    gone: Ranges = () if heard is None else heard.dropped
    refused = ranges([*facts.unstored, *(() if heard is None else heard.refused)])
    # In this order: what people decided, what the collector gave up, what was refused, what may yet come.
    for kind, named_so in (
        (Lack.KNOWN_LOST, facts.closed),
        (Lack.DROPPED, gone),
        (Lack.REFUSED, refused),
        (Lack.IN_FLIGHT, _in_flight(facts, here, presence, now)),
    ):
        found = within(rest, named_so)
        if found:
            holes[kind] = found
            rest = without(rest, found)
    if rest:
        holes[Lack.MISSING] = rest
    standing, is_over = _standing(facts, presence, now, interval), known_to + 1 in facts.ends
    return State(standing, known_to, holes, _forked_from(facts), facts.two_holders, is_over)


def missing_count(found: State) -> int:
    """Count what is missing, refused or dropped and closed by nobody."""
    return count(found.lacking(Lack.MISSING, Lack.REFUSED, Lack.DROPPED))


def next_steps(before: Iterable[Step], high: int | None, now: datetime, lag: timedelta = IN_FLIGHT) -> tuple[Step, ...]:
    """Note a high-water mark; keeps no more than tells which numbers have been known for longer than the lag.

    Marks that come close after each other are taken together under the later moment, so a number may be in flight a
    twelfth of the lag longer than it should, and is never called missing too early.
    """
    steps = list(before)
    if high is None or (steps and high <= steps[-1].high):
        return tuple(steps)
    lag = max(lag, IN_FLIGHT)
    if len(steps) > 1 and now - steps[-2].at < lag / _STEPS:
        steps.pop()
    steps.append(Step(high, now))
    # Of what is older than the lag, the newest says it all.
    while steps[1:-1] and (now - steps[1].at >= lag or len(steps) > _STEPS + 2):
        steps.pop(0)
    return tuple(steps)


def _in_flight(facts: Facts, here: Ranges, presence: Presence, now: datetime) -> Ranges:
    """The numbers that are known from a heartbeat alone, and not for longer than the lag.

    A collector sends in order, so what later ones have overtaken is missing at once, but where an admin said that it
    comes in parts (a lag of its own).
    """
    steps = _steps(facts.heard)
    lag = max(facts.lag, IN_FLIGHT)
    young = ranges(
        (before.high + 1, after.high)
        for before, after in pairwise((Step(-1, facts.opened_at), *steps))
        if presence.lived(after.at, now) < lag
    )
    if facts.lag or not young:
        return young
    return within(young, (((here[-1][1] if here else -1) + 1, young[-1][1]),))


def _steps(heard: Heard | None) -> tuple[Step, ...]:
    if heard is None or heard.high_water is None or heard.steps:
        return () if heard is None else heard.steps
    return (Step(heard.high_water, heard.received_at),)


def _standing(facts: Facts, presence: Presence, now: datetime, interval: timedelta) -> Standing:
    heard = facts.heard
    if heard is not None and heard.closed:
        return Standing.RETIRED
    if facts.ended:
        return Standing.ENDED
    if facts.newer:
        return Standing.ABANDONED
    if facts.intermittent:
        return Standing.LIVE
    came = facts.opened_at if heard is None else heard.received_at
    signed = facts.opened_at if heard is None else heard.good_until
    # A heartbeat names the receipt of the one before it, so by that it is an interval older than it is.
    late = presence.lived(came, now) > SILENT_AFTER * interval
    old = presence.lived(signed, now) > (SILENT_AFTER + 1) * interval
    return Standing.SILENT if late or old else Standing.LIVE


def _forked_from(facts: Facts) -> int | None:
    """Where two entries parted, or where the heartbeat says that another one stands than does here."""
    heard, at_mark = facts.heard, facts.at_high_water
    if heard is None or heard.high_water is None or None in (heard.head, at_mark) or heard.head == at_mark:
        return facts.forked_from
    return heard.high_water if facts.forked_from is None else min(facts.forked_from, heard.high_water)
