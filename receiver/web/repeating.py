"""Something that is done again and again while the receiver runs.

Invariants: one call at a time; the first comes after the first wait, so that a start is not slowed down; a stop lets
the call that runs end, and begins no other but the last one where that is wanted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress


class Repeating:
    """Calls an act until it is stopped; what the act raises ends it, and is raised by `stop`."""

    def __init__(
        self, act: Callable[[], Awaitable[None]], seconds: float, name: str, *, once_more: bool = False
    ) -> None:
        """Take the act, the seconds between two calls, a name for the task, and whether a stop calls once more."""
        self._act = act
        self._seconds = seconds
        self._name = name
        self._once_more = once_more
        self._stop = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run(), name=self._name)

    async def stop(self) -> None:
        """Finish the call that runs, and end; nothing where it was not started."""
        self._stop.set()
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        while not self._stop.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), self._seconds)
            if not self._stop.is_set():
                await self._act()
        if self._once_more:
            await self._act()
