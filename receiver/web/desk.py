"""Where handlers hand their work to: a use case is called in a worker thread, with the store and never without an end.

Invariants: a request that is cancelled leaves its thread running, so a transaction always ends; more work than can wait
is refused at once instead of being kept in memory. What is written goes through one thread: the database has one
writer anyway, and signatures are verified before, in processes of their own (`receiver.examining`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import Concatenate, Generic, ParamSpec, TypeVar

from shared.errors import Code, TryLaterError

S = TypeVar("S")
P = ParamSpec("P")
T = TypeVar("T")


class BusyError(TryLaterError):
    """More work waits than is kept: no fault of the database, and gone as soon as some of it is done."""

    def __init__(self) -> None:
        """It always says the same."""
        super().__init__(
            Code.UNAVAILABLE,
            "too many requests are being worked on",
            "send it again a little later",
            delay_seconds=1.0,
        )


class Desk(Generic[S]):
    """Calls use cases; `web` does not look into the store that it passes on."""

    def __init__(
        self,
        store: S,
        *,
        now: Callable[[], datetime],
        random: Callable[[int], bytes],
        threads: int,
        max_waiting: int,
    ) -> None:
        """Take the store, the clock, the source of random bytes, how many may read at once, and how much may wait."""
        self.now = now
        self.random = random
        self._store = store
        self._max_open = threads + max_waiting
        self._open = 0
        self._readers = ThreadPoolExecutor(threads, thread_name_prefix="reader")
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="writer")

    async def ask(self, use_case: Callable[Concatenate[S, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a use case that reads to its end and give its answer.

        Raises whatever the use case raises, and `BusyError` where too many wait already.
        """
        return await self._run(self._readers, partial(use_case, self._store, *args, **kwargs))

    async def change(self, use_case: Callable[Concatenate[S, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a use case that writes, one after the other; raises what `ask` raises."""
        return await self._run(self._writer, partial(use_case, self._store, *args, **kwargs))

    async def _run(self, threads: ThreadPoolExecutor, act: Callable[[], T]) -> T:
        if self._open >= self._max_open:
            raise BusyError
        self._open += 1
        future = asyncio.get_running_loop().run_in_executor(threads, act)
        future.add_done_callback(self._ended)
        return await asyncio.shield(future)

    def _ended(self, future: asyncio.Future[T]) -> None:
        self._open -= 1
        if not future.cancelled():
            # Looked at here, since nobody else does when the request is gone.
            future.exception()

    @property
    def open(self) -> int:
        """How many use cases run or wait."""
        return self._open

    def close(self) -> None:
        """Wait for what runs, and stop the threads."""
        self._readers.shutdown(wait=True, cancel_futures=False)
        self._writer.shutdown(wait=True, cancel_futures=False)
