"""Taking turns: so many do a thing at once, some wait, and whoever comes then is sent away at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from receiver.web.desk import BusyError


class Turns:
    """A bounded queue before something that few do at once; for one event loop."""

    def __init__(self, at_once: int, most: int) -> None:
        """Take how many have a turn at once, and how many may have or wait for one."""
        self._free = asyncio.Semaphore(at_once)
        self._here = 0
        self._most = most

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Wait for a turn and have it; raises `BusyError` where too many wait already."""
        if self._here >= self._most:
            raise BusyError
        self._here += 1
        try:
            async with self._free:
                yield
        finally:
            self._here -= 1
