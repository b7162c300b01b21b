"""Time as the receiver lived through it: how long ago something was, without the time in which we were away ourselves.

Whoever was not there cannot say that somebody else was silent.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

NOTED_EVERY = timedelta(seconds=60)
STILL_THERE = timedelta(seconds=150)
"""How long after the last note we take ourselves to have been there: two notes, and half of one for a slow moment."""


@dataclass(frozen=True, slots=True)
class Presence:
    """When the receiver was there, as it noted it: from, until; in rising order and apart from each other."""

    spans: tuple[tuple[datetime, datetime], ...]

    @classmethod
    def of(cls, noted: Iterable[tuple[datetime, datetime]]) -> Presence:
        """Read what was noted; notes that follow each other closely are one."""
        spans: list[tuple[datetime, datetime]] = []
        for since, until in sorted(noted):
            if spans and since <= spans[-1][1] + STILL_THERE:
                spans[-1] = (spans[-1][0], max(spans[-1][1], until))
            else:
                spans.append((since, until))
        return cls(tuple(spans))

    def lived(self, since: datetime, now: datetime) -> timedelta:
        """Say how long we were there between two moments; nothing where the first is the later one.

        Shortly after the last note we still are; once it is old, we were there no longer than it says.
        """
        spans = self.spans
        if spans and extends(spans[-1][1], now):
            spans = (*spans[:-1], (spans[-1][0], now))
        inside = (min(until, now) - max(start, since) for start, until in spans)
        return sum((max(one, timedelta()) for one in inside), timedelta())


def extends(until: datetime, now: datetime) -> bool:
    """Say whether a note now goes on from one that ended then."""
    return timedelta() <= now - until <= STILL_THERE
