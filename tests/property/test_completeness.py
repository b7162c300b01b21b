"""Whatever is dropped, repeated or reordered on the way: the gap report is the truth, at the tail too."""

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.core.completeness import (
    IN_FLIGHT,
    Facts,
    Heard,
    Lack,
    Standing,
    State,
    next_steps,
    state,
)
from receiver.core.presence import Presence
from receiver.core.ranges import Ranges, count, of_numbers, ranges, within, without
from shared.stream import contiguous

START = datetime(2026, 3, 2, tzinfo=UTC)
ALWAYS = Presence.of([(START - timedelta(days=1), START + timedelta(days=400))])
NUMBERS = st.integers(0, 60)
SETS = st.sets(NUMBERS)


def numbers(parts: Ranges) -> set[int]:
    return {number for first, last in parts for number in range(first, last + 1)}


# --- ranges ---


@given(SETS, SETS)
def test_ranges_are_sets(these: set[int], those: set[int]) -> None:
    left, right = of_numbers(these), of_numbers(those)
    assert numbers(left) == these
    assert count(left) == len(these)
    assert numbers(without(left, right)) == these - those
    assert numbers(within(left, right)) == these & those
    assert ranges([*left, *right]) == of_numbers(these | those)
    assert without(left, right) == of_numbers(these - those)


@given(st.lists(st.tuples(NUMBERS, NUMBERS)))
def test_ranges_have_one_form(parts: list[tuple[int, int]]) -> None:
    assert ranges(parts) == of_numbers(n for first, last in parts for n in range(first, last + 1))


# --- a receiver that keeps what the store keeps, beside one that remembers everything ---


@dataclass
class Kept:
    """What the store keeps of a stream (`facts`), and the truth beside it."""

    mark: int = -1
    here: set[int] = field(default_factory=set)
    refused_here: set[int] = field(default_factory=set)
    heard: Heard | None = None
    first_known: dict[int, datetime] = field(default_factory=dict)

    def arrive(self, sequence: int, *, refused: bool = False) -> None:
        if sequence in self.here:
            # A place that was refused and is good now is stored; one that is stored stays so.
            self.refused_here -= set() if refused else {sequence}
            return
        self.here.add(sequence)
        self.refused_here |= {sequence} if refused else set()
        self.mark = contiguous(self.mark, (one for one in self.here if one > self.mark))

    def hear(self, high: int, now: datetime, quarantined: set[int], dropped: set[int]) -> None:
        before = () if self.heard is None else self.heard.steps
        for number in range(high + 1):
            self.first_known.setdefault(number, now)
        self.heard = Heard(
            received_at=now,
            high_water=None if high < 0 else high,
            refused=of_numbers(quarantined),
            dropped=of_numbers(dropped),
            steps=next_steps(before, None if high < 0 else high, now),
        )

    def report(self, now: datetime, closed: set[int], presence: Presence = ALWAYS) -> State:
        above = of_numbers(one for one in self.here if one > self.mark)
        facts = Facts(
            START,
            self.mark,
            above,
            of_numbers(self.refused_here),
            heard=self.heard,
            closed=of_numbers(closed),
        )
        return state(facts, presence, now)


@settings(max_examples=300)
@given(st.data(), st.integers(0, 40))
def test_the_gap_report_equals_the_truth(data: st.DataObject, length: int) -> None:
    """Entries in any order, any of them dropped, refused or repeated, heartbeats between them with rising marks."""
    kept, now, high = Kept(), START, -1
    quarantined = data.draw(st.sets(st.integers(0, length)), "given up at the collector")
    dropped = data.draw(st.sets(st.integers(0, length)), "dropped at the collector")
    named = (set[int](), set[int]())
    for _ in range(data.draw(st.integers(0, 30), "steps")):
        now += timedelta(seconds=data.draw(st.sampled_from([0, 1, 13, 60, 119, 120, 300]), "later"))
        if data.draw(st.booleans(), "a heartbeat"):
            high = data.draw(st.integers(high, length), "its mark")
            named = ({n for n in quarantined if n <= high}, {n for n in dropped if n <= high})
            kept.hear(high, now, *named)
        else:
            kept.arrive(data.draw(st.integers(0, length), "arrives"), refused=data.draw(st.booleans(), "refused"))
    now += timedelta(seconds=data.draw(st.sampled_from([0, 5, 119, 120, 131, 10_000]), "asked after"))
    closed = data.draw(st.sets(st.integers(0, length)), "closed by people")
    found = kept.report(now, closed)

    stored = kept.here - kept.refused_here
    known = set(range(max([high, *kept.here], default=-1) + 1))
    absent = known - stored
    head = max(kept.here, default=-1)
    assert found.known_to == max(known, default=-1)
    told = {kind: numbers(parts) for kind, parts in found.holes.items()}
    assert set().union(*told.values()) == absent
    assert sum(len(one) for one in told.values()) == len(absent)
    assert told.get(Lack.KNOWN_LOST, set()) == absent & closed
    rest = absent - closed
    assert told.get(Lack.DROPPED, set()) == rest & named[1]
    rest -= named[1]
    assert told.get(Lack.REFUSED, set()) == rest & (named[0] | kept.refused_here)
    rest -= named[0] | kept.refused_here
    flying = told.get(Lack.IN_FLIGHT, set())
    assert flying | told.get(Lack.MISSING, set()) == rest
    # Overtaken is missing at once; else in flight for two minutes, and at most a twelfth longer.
    assert all(number > head for number in flying)
    age = {number: now - kept.first_known[number] for number in rest if number > head}
    assert {number for number, one in age.items() if one < IN_FLIGHT} <= flying
    assert all(age[number] < IN_FLIGHT * 13 / 12 for number in flying)


@given(st.sets(st.integers(0, 30)), st.integers(0, 40))
def test_with_a_heartbeat_at_the_end_every_subset_is_told_exactly(arrived: set[int], length: int) -> None:
    kept = Kept()
    here = {one for one in arrived if one < length}
    for one in here:
        kept.arrive(one)
    kept.hear(length - 1, START, set(), set())
    found = kept.report(START + IN_FLIGHT, set())
    assert numbers(found.lacking(Lack.MISSING)) == set(range(length)) - here
    assert found.complete == (len(here) == length)


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 5)), max_size=200))
def test_marks_are_remembered_in_little_room(beats: list[tuple[int, int]]) -> None:
    steps, now, high = next_steps((), 0, START), START, 0
    for seconds, more in beats:
        now, high = now + timedelta(seconds=seconds), high + more
        steps = next_steps(steps, high, now)
        assert len(steps) <= 14
        assert steps[-1].high == high
        assert [one.high for one in steps] == sorted({one.high for one in steps})


# --- how a stream stands ---


def standing(heard: Heard | None, now: datetime, presence: Presence = ALWAYS, **said: object) -> Standing:
    facts = Facts(opened_at=START, heard=heard, **said)  # type: ignore[arg-type]
    return state(facts, presence, now).standing


@given(st.integers(0, 10_000), st.integers(0, 10_000), st.integers(0, 10_000))
def test_time_in_which_the_receiver_was_away_is_no_silence(before: int, away: int, after: int) -> None:
    left = START + timedelta(seconds=before)
    back = left + timedelta(seconds=151 + away)
    now = back + timedelta(seconds=after)
    presence = Presence.of([(START, left), (back, now)])
    assert (standing(Heard(START), now, presence) is Standing.SILENT) == (before + after > 360)
    # Whoever asks before the receiver is back sees what it saw last.
    stopped = Presence.of([(START, left)])
    assert (standing(Heard(START), now, stopped) is Standing.SILENT) == (before > 360)


def test_silence_is_three_intervals_without_a_heartbeat() -> None:
    assert standing(Heard(START), START + timedelta(seconds=360)) is Standing.LIVE
    assert standing(Heard(START), START + timedelta(seconds=361)) is Standing.SILENT
    assert standing(None, START + timedelta(seconds=361)) is Standing.SILENT
    assert standing(Heard(START), START + timedelta(days=90), intermittent=True) is Standing.LIVE
    assert standing(Heard(START, closed=True), START + timedelta(days=90)) is Standing.RETIRED
    assert standing(Heard(START), START, newer=True) is Standing.ABANDONED
    assert standing(Heard(START, closed=True), START, newer=True) is Standing.RETIRED
    assert standing(Heard(START), START + timedelta(days=90), ended=True) is Standing.ENDED


def test_heartbeats_that_somebody_withheld_and_hands_over_one_by_one_are_silence() -> None:
    """Each is above the last and comes in time; but what they name as the last receipt gets older and older."""
    now = START + timedelta(minutes=9)
    withheld = Heard(received_at=now, issued_at=START)
    assert standing(withheld, now) is Standing.SILENT
    healthy = Heard(received_at=now, issued_at=now - timedelta(seconds=144))
    assert standing(healthy, now + timedelta(seconds=144)) is Standing.LIVE


def test_a_clock_at_the_collector_that_runs_ahead_makes_no_heartbeat_younger() -> None:
    ahead = Heard(received_at=START, issued_at=START + timedelta(days=1))
    assert standing(ahead, START + timedelta(seconds=361)) is Standing.SILENT


def test_another_id_at_the_high_water_mark_is_a_fork() -> None:
    heard = Heard(START, high_water=4, head=b"a" * 32)
    there = Facts(START, mark=6, heard=heard, at_high_water=b"b" * 32)
    assert state(there, ALWAYS, START).forked_from == 4
    same = Facts(START, mark=6, heard=heard, at_high_water=b"a" * 32)
    assert state(same, ALWAYS, START).forked_from is None


def test_a_claim_of_all_numbers_there_are_costs_no_more_than_a_small_one() -> None:
    most = 2**53 - 1
    heard = Heard(START, high_water=most, steps=next_steps((), most, START))
    found = state(Facts(START, mark=3, above=((10, 10),), heard=heard), ALWAYS, START + IN_FLIGHT)
    assert found.lacking(Lack.MISSING) == ((4, 9), (11, most))


def test_a_collector_with_a_lag_of_its_own_may_send_in_any_order_within_it() -> None:
    heard = Heard(START, high_water=9, steps=next_steps((), 9, START, timedelta(days=7)))
    facts = Facts(START, above=((5, 9),), heard=heard, intermittent=True, lag=timedelta(days=7))
    assert state(facts, ALWAYS, START + timedelta(days=6)).holes == {Lack.IN_FLIGHT: ((0, 4),)}
    assert state(facts, ALWAYS, START + timedelta(days=7)).holes == {Lack.MISSING: ((0, 4),)}


def test_a_quarter_of_streams_with_known_holes_every_one_is_found_and_no_alarm_is_false() -> None:
    """Ninety days of a collector that sends each entry within its two minutes, but for those that somebody takes."""
    chance = random.Random(8)  # noqa: S311 - the same in every run
    kept, taken, now, number = Kept(), set[int](), START, -1
    on_the_way: list[tuple[datetime, int]] = []
    for _ in range(90 * 4):
        now += timedelta(hours=6)
        for _ in range(chance.randint(0, 2)):
            number += 1
            if chance.random() < 0.1:
                taken.add(number)
            else:
                on_the_way.append((now + timedelta(seconds=chance.randint(0, 119)), number))
        kept.hear(number, now, set(), set())
        for asked in (now, now + timedelta(seconds=60), now + timedelta(seconds=119)):
            for _, one in sorted(part for part in on_the_way if part[0] <= asked):
                kept.arrive(one)
            on_the_way = [part for part in on_the_way if part[0] > asked]
            lacks = numbers(kept.report(asked, set()).lacking(Lack.MISSING))
            assert lacks <= taken | {one for _, one in on_the_way if one < max(kept.here, default=-1)}
        assert not on_the_way
    now += IN_FLIGHT
    assert numbers(kept.report(now, set()).lacking(Lack.MISSING)) == taken
    assert len(taken) > 20
