"""The other ways in which a group could be read: with what is held counted, and with each thing that is in doubt.

Source: policy.md section 1, "Monotone": holding evidence never makes a decision better. So whatever a rule asks must be
true as if nothing were held too, and as if any of it were not. All the ways are read while few pieces are held; of
many, that in which all count and those in which the newest do, each alone.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from itertools import chain, combinations
from typing import NamedTuple

_FEW = 3
_MOST = 16

Counts = tuple[int, ...]


class Pick(NamedTuple):
    """How to select from the pieces of a group, which are known by their places.

    `select` gives what counts and what stands in doubt beside it, if these of the held ones counted. `held` are they,
    the newest first. `slot_of` names what a piece is a state of, `is_newer` says which of two stands behind the other.
    """

    select: Callable[[frozenset[int]], tuple[Counts, Counts]]
    held: Counts
    slot_of: Callable[[int], Hashable]
    is_newer: Callable[[int, int], bool]


def readings(pick: Pick, base: Counts) -> tuple[Counts, ...]:
    """Give the other sets of pieces by which to read a group; the last one is that with all that is doubted."""
    found: dict[frozenset[int], Counts] = {}
    for lifted in _lifted(pick.held):
        members, beside = pick.select(lifted)
        for one in chain([members], _swaps(pick, members, beside)):
            if one:
                found.pop(frozenset(one), None)
                found[frozenset(one)] = one
    found.pop(frozenset(base), None)
    return tuple(found.values())


def _lifted(held: Counts) -> Iterator[frozenset[int]]:
    """Give the sets of held pieces to count: none first, all of them last."""
    yield frozenset()
    few = held if len(held) <= _FEW else held[:_MOST]
    sizes = range(1, len(held)) if len(held) <= _FEW else [1]
    for size in sizes:
        yield from map(frozenset, combinations(few, size))
    if held:
        yield frozenset(held)


def _swaps(pick: Pick, members: Counts, beside: Sequence[int]) -> Iterator[Counts]:
    """Give the members with each one in doubt in its place, and with all of them."""
    for one in beside[:_MOST]:
        yield _with(pick, members, [one])
    if len(beside) > 1:
        yield _with(pick, members, beside)


def _with(pick: Pick, members: Counts, others: Sequence[int]) -> Counts:
    chosen: dict[Hashable, int] = {}
    for one in others:
        slot = pick.slot_of(one)
        if slot not in chosen or pick.is_newer(one, chosen[slot]):
            chosen[slot] = one
    kept = [one for one in members if pick.slot_of(one) not in chosen]
    return (*kept, *chosen.values())
