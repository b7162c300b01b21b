"""Every stream is numbered and chained, so that what is missing shows."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.encoding import digest_text, sha256
from shared.errors import Code, MalformedError
from shared.stream import Head, check_link, contiguous, gaps
from tests.helpers.build import EPOCH, STREAM_ID, digest, link

SEQUENCES = st.sets(st.integers(0, 60), max_size=40)


def test_links_lead_from_each_entry_to_the_one_before() -> None:
    head = Head(STREAM_ID, 0, None)
    ids = [sha256(b"%d" % number) for number in range(5)]
    for number, entry_id in enumerate(ids):
        made = head.link(EPOCH)
        check_link(made)
        assert (made.id, made.epoch, made.sequence) == (STREAM_ID, EPOCH, number)
        assert made.previous == (None if number == 0 else digest_text(ids[number - 1]))
        head = head.after(entry_id)
    assert head == Head(STREAM_ID, 5, ids[-1])


@pytest.mark.parametrize(("sequence", "previous"), [(0, digest("before")), (1, None), (7, None), (2**53, None)])
def test_a_link_that_cannot_be_is_refused(sequence: int, previous: str | None) -> None:
    with pytest.raises(MalformedError, match=f"sequence {sequence}") as refused:
        check_link(link(sequence, previous))
    assert refused.value.code is Code.BAD_LINK


@given(st.integers(0, 2**53), st.booleans())
def test_only_the_first_link_has_nothing_before_it(sequence: int, linked: bool) -> None:  # noqa: FBT001
    made = link(sequence, digest("before") if linked else None)
    if linked == (sequence > 0):
        check_link(made)
    else:
        with pytest.raises(MalformedError):
            check_link(made)


@given(SEQUENCES)
def test_gaps_are_exactly_what_is_missing_below_the_highest(present: set[int]) -> None:
    holes = gaps(present)
    missing = {number for first, last in holes for number in range(first, last + 1)}
    assert missing == set(range(max(present, default=-1) + 1)) - present
    assert all(first <= last for first, last in holes)
    assert all(before[1] + 1 < after[0] for before, after in itertools.pairwise(holes))


@given(SEQUENCES, st.data())
def test_the_mark_is_the_same_in_whatever_order_entries_arrive(present: set[int], data: st.DataObject) -> None:
    order = data.draw(st.permutations(sorted(present)))
    mark, here = -1, set[int]()
    for number in order:
        here.add(number)
        moved = contiguous(mark, here)
        assert moved >= mark
        mark = moved
    assert mark == contiguous(-1, present)
    assert set(range(mark + 1)) <= present
    assert mark + 1 not in present


@given(SEQUENCES)
def test_without_gaps_the_mark_is_the_highest(present: set[int]) -> None:
    assert (contiguous(-1, present) == max(present, default=-1)) == (gaps(present) == [])


def test_duplicates_change_nothing() -> None:
    assert contiguous(-1, [0, 0, 1, 1, 3]) == 1
    assert gaps([3, 3, 0]) == [(1, 2)]


def test_a_huge_number_does_not_fill_the_memory() -> None:
    assert gaps([2**53]) == [(0, 2**53 - 1)]
    assert contiguous(5, [2**53]) == 5
