"""What chains of `previous` show, as a table; and the same whatever stretches a stream is read in."""

from __future__ import annotations

from itertools import product

import pytest

from receiver.core.chains import Link, Stretch, stretch

EARLY, LATE = True, False


def chain(*early: bool | None, broken_at: int | None = None) -> list[Link]:
    """Places one behind the other, each early or late; None is a hole."""
    return [
        Link(place, b"%d" % place, b"other" if place == broken_at else b"%d" % (place - 1), is_early)
        for place, is_early in enumerate(early)
        if is_early is not None
    ]


@pytest.mark.parametrize(
    ("links", "shown", "open_from"),
    [
        pytest.param(chain(EARLY, LATE, LATE), {0}, 1, id="each by itself"),
        pytest.param(chain(LATE, LATE, EARLY), {0, 1, 2}, 3, id="what a later one leads to was there before it"),
        pytest.param(chain(LATE, EARLY, LATE), {0, 1}, 2, id="nothing is shown of what follows"),
        pytest.param(chain(LATE, LATE, EARLY, broken_at=2), {2}, 3, id="a link to another one shows nothing"),
        pytest.param(chain(LATE, LATE, LATE, broken_at=2), set(), 2, id="nor is it open below one"),
        pytest.param(chain(LATE, None, EARLY), {2}, 3, id="a hole shows nothing"),
        pytest.param(chain(LATE, LATE, None), set(), 3, id="a hole at the top"),
        pytest.param(chain(None, None, None), set(), 3, id="nothing stands there"),
    ],
)
def test_what_a_stretch_shows_by_itself(links: list[Link], shown: set[int], open_from: int) -> None:
    found = stretch(links, 0, 2)
    assert (set(found.shown), found.open_from) == (shown, open_from)


def leads(stretches: list[Stretch], sequence: int, at: int) -> bool:
    """Whether a place in the stretch at an index leads to something early, by what stands above."""
    if sequence in stretches[at].shown:
        return True
    if sequence < stretches[at].open_from:
        return False
    for here, above in zip(stretches[at:], stretches[at + 1 :], strict=False):
        decided = here.decided_by(above)
        if decided is not None:
            return decided
    return False


@pytest.mark.parametrize("broken_at", [None, 1, 2, 3])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_stream_shows_the_same_in_whatever_stretches_it_is_read(size: int, broken_at: int | None) -> None:
    count = 5
    for early in product((EARLY, LATE, None), repeat=count):
        links = chain(*early, broken_at=broken_at)
        firsts = range(0, count, size)
        stretches = [
            stretch([one for one in links if first <= one.sequence < first + size], first, min(first + size, count) - 1)
            for first in firsts
        ]
        whole = stretch(links, 0, count - 1)
        found = {one.sequence for one in links if leads(stretches, one.sequence, one.sequence // size)}
        assert found == whole.shown
