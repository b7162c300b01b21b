"""Sets of sequence numbers as inclusive ranges: sorted, apart from each other, never touching.

A stream may claim 2^53 places, so nothing here ever counts them one by one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from shared.encoding import MAX_INTEGER

Range: TypeAlias = tuple[int, int]
"""The first and the last number, both inside."""
Ranges: TypeAlias = tuple[Range, ...]
NO_END = MAX_INTEGER
"""The last number of a range that goes on for ever."""


def ranges(parts: Iterable[Range]) -> Ranges:
    """Bring ranges in any order, overlapping or empty (first above last), into their one form."""
    joined: list[Range] = []
    for first, last in sorted(part for part in parts if part[0] <= part[1]):
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(joined[-1][1], last))
        else:
            joined.append((first, last))
    return tuple(joined)


def of_numbers(numbers: Iterable[int]) -> Ranges:
    """Give numbers as ranges."""
    return ranges((number, number) for number in numbers)


def without(these: Ranges, those: Ranges) -> Ranges:
    """Give what is in these and not in those."""
    left: list[Range] = []
    at = 0
    for first, last in these:
        start = first
        while at < len(those) and those[at][1] < start:
            at += 1
        look = at
        while look < len(those) and those[look][0] <= last:
            left.append((start, those[look][0] - 1))
            start = max(start, those[look][1] + 1)
            look += 1
        left.append((start, last))
    return tuple(part for part in left if part[0] <= part[1])


def within(these: Ranges, those: Ranges) -> Ranges:
    """Give what is in both."""
    return without(these, without(these, those))


def count(these: Ranges) -> int:
    """Count the numbers."""
    return sum(last - first + 1 for first, last in these)
