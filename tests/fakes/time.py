"""A clock that stands still until somebody waits, and then jumps: hours of waiting pass in milliseconds."""

import asyncio
import heapq
import itertools
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

from tests.helpers.build import NOW

Act = Callable[[], Awaitable[None] | None]


class SimulatedTime:
    """Monotonic seconds, a wall clock that goes with them, and what is planned for which moment."""

    def __init__(self, start: float = 1_000.0) -> None:
        self.monotonic_now = start
        self.start = start
        self.waits: list[float] = []
        self._plans: list[tuple[float, int, Act]] = []
        self._count = itertools.count()

    def monotonic(self) -> float:
        return self.monotonic_now

    def utcnow(self) -> datetime:
        return NOW + timedelta(seconds=self.monotonic_now - self.start)

    @property
    def elapsed(self) -> float:
        return self.monotonic_now - self.start

    def after(self, seconds: float, act: Act) -> None:
        """Plan something for so many seconds from now."""
        heapq.heappush(self._plans, (self.monotonic_now + seconds, next(self._count), act))

    async def wait(self, events: Sequence[asyncio.Event], seconds: float, /) -> None:
        """Let the time pass at once, up to whatever was planned for it and sets one of the events."""
        self.waits.append(seconds)
        deadline = self.monotonic_now + seconds
        await asyncio.sleep(0)
        while not any(event.is_set() for event in events):
            if not self._plans or self._plans[0][0] > deadline:
                self.monotonic_now = deadline
                return
            moment, _, act = heapq.heappop(self._plans)
            self.monotonic_now = max(self.monotonic_now, moment)
            done = act()
            if done is not None:
                await done
