"""How much is sent at once, and what waits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.batching import Pace


def start(max_entries: int = 100) -> Pace:
    return Pace.start(max_entries, 60, 3_600)


def test_a_refused_batch_is_halved_down_to_one_and_never_to_none() -> None:
    pace, sizes = start(), []
    while pace.limit > 1:
        pace = pace.refused(tuple(range(pace.limit)), 0)
        sizes.append(pace.limit)
    assert sizes == [50, 25, 12, 6, 3, 1]
    assert pace.waiting == {}


def test_it_is_halved_from_what_was_sent_not_from_what_might_have_been() -> None:
    assert start().refused((1, 2, 3, 4), 0).limit == 2


def test_a_batch_that_went_through_doubles_the_next_one_up_to_the_maximum() -> None:
    pace = start().refused((1, 2), 0)
    assert pace.limit == 1
    assert [(pace := pace.settled(frozenset())).limit for _ in range(8)] == [2, 4, 8, 16, 32, 64, 100, 100]


def test_a_batch_of_one_is_put_back_for_a_minute_then_twice_as_long_and_at_most_an_hour() -> None:
    pace, now, delays = start(), 0.0, []
    for _ in range(9):
        pace = pace.refused((7,), now)
        delays.append(pace.waiting[7].due - now)
        assert pace.passed_over(now) == {7}
        now = pace.waiting[7].due
        assert pace.passed_over(now) == frozenset()
    assert delays == [60, 120, 240, 480, 960, 1_920, 3_600, 3_600, 3_600]


def test_put_backs_are_counted_until_something_is_settled() -> None:
    pace = start().refused((1,), 0).refused((2,), 0)
    assert pace.put_backs == 2
    assert pace.refused((3, 4), 0).put_backs == 2
    assert pace.settled(frozenset({9})).put_backs == 0


def test_what_is_settled_waits_no_longer_and_its_delay_is_forgotten() -> None:
    pace = start().refused((1,), 0).refused((1,), 60).settled(frozenset({1}))
    assert pace.next_due() is None
    assert pace.refused((1,), 100).waiting[1].delay == 60


def test_what_is_due_and_gone_is_forgotten_and_the_rest_waits_on() -> None:
    pace = start().put_back((1,), 0).put_back((2,), 30)
    assert pace.forget_due(60).waiting.keys() == {2}
    assert pace.forget_due(59.9) == pace


@given(
    st.lists(st.tuples(st.sampled_from(["refused", "settled", "put back"]), st.sets(st.integers(0, 20), min_size=1)))
)
def test_whatever_happens_the_size_stays_in_bounds_and_waits_too(steps: list[tuple[str, set[int]]]) -> None:
    pace = start(10)
    for at, (what, sequences) in enumerate(steps):
        ordered = tuple(sorted(sequences))
        if what == "refused":
            pace = pace.refused(ordered, at)
        elif what == "settled":
            pace = pace.settled(frozenset(ordered))
            assert not pace.waiting.keys() & sequences
        else:
            pace = pace.put_back(ordered, at)
            assert pace.passed_over(at) >= sequences
        assert 1 <= pace.limit <= 10
        assert all(60 <= one.delay <= 3_600 for one in pace.waiting.values())


@pytest.mark.parametrize("poison", [0, 1, 37, 50, 98, 99])
def test_halving_finds_one_poisoned_entry_among_a_hundred_in_few_batches(poison: int) -> None:
    pace, pending, batches = start(), list(range(100)), 0
    while set(pending) != {poison} or poison not in pace.waiting:
        batch = [one for one in pending if one not in pace.passed_over(0)][: pace.limit]
        batches += 1
        if poison in batch:
            pace = pace.refused(tuple(batch), 0)
        else:
            pace = pace.settled(frozenset(batch))
            pending = [one for one in pending if one not in batch]
    assert batches <= 40
