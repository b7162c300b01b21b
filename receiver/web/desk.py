"""Where handlers hand their work to: a use case is called in a worker thread, with the store and never without an end.

Invariants: a request that is cancelled leaves its thread running, so a transaction always ends; more work than can wait
is refused at once instead of being kept in memory. What is written goes through one thread: the database has one
writer anyway, and signatures are verified before, in processes of their own (`receiver.examining`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from copy import copy
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
        at_hand: S | None = None,
    ) -> None:
        """Take the store, the clock, the source of random bytes, how many may read at once, and how much may wait.

        `at_hand` is the same store for reads that never wait; None where there is no such thing.
        """
        self.now = now
        self.random = random
        self._store = store
        self._at_hand = at_hand
        self._readers = threads
        self._threads = _Threads(threads, max_waiting)

    def behind(self, front: Callable[[S], S]) -> Desk[S]:
        """Give the same desk, whose use cases get what `front` makes of the store."""
        desk = copy(self)
        desk._store = front(self._store)  # noqa: SLF001 - of this class
        desk._at_hand = None if self._at_hand is None else front(self._at_hand)  # noqa: SLF001
        return desk

    async def ask(self, use_case: Callable[Concatenate[S, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a use case that reads to its end and give its answer.

        Raises whatever the use case raises, and `BusyError` where too many wait already.
        """
        return await self._threads.run(self._threads.readers, partial(use_case, self._store, *args, **kwargs))

    async def glance(self, use_case: Callable[Concatenate[S, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a use case that reads a few rows by their keys: here and now where the store is at hand, else as `ask`.

        Handing such a read to a thread and back costs several times what it takes itself (docs/adr/0007).
        """
        if self._at_hand is not None:
            try:
                return use_case(self._at_hand, *args, **kwargs)
            except TryLaterError:
                pass
        return await self.ask(use_case, *args, **kwargs)

    async def change(self, use_case: Callable[Concatenate[S, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a use case that writes, one after the other; raises what `ask` raises."""
        return await self._threads.run(self._threads.writer, partial(use_case, self._store, *args, **kwargs))

    @property
    def side_by_side(self) -> int:
        """How many long reads do best at once: one where none waits for a server, since they would only take turns."""
        return self._readers if self._at_hand is None else 1

    @property
    def most(self) -> int:
        """How many use cases may run or wait."""
        return self._threads.most

    @property
    def open(self) -> int:
        """How many use cases run or wait."""
        return self._threads.open

    def close(self) -> None:
        """Wait for what runs, and stop the threads."""
        self._threads.close()


class _Threads:
    """Some threads that read and one that writes, and how much waits for them."""

    def __init__(self, threads: int, max_waiting: int) -> None:
        self.readers = ThreadPoolExecutor(threads, thread_name_prefix="reader")
        self.writer = ThreadPoolExecutor(1, thread_name_prefix="writer")
        self.open = 0
        self.most = threads + max_waiting

    async def run(self, threads: ThreadPoolExecutor, act: Callable[[], T]) -> T:
        if self.open >= self.most:
            raise BusyError
        self.open += 1
        future = asyncio.get_running_loop().run_in_executor(threads, act)
        future.add_done_callback(self._ended)
        return await asyncio.shield(future)

    def close(self) -> None:
        self.readers.shutdown(wait=True, cancel_futures=False)
        self.writer.shutdown(wait=True, cancel_futures=False)

    def _ended(self, future: asyncio.Future[T]) -> None:
        self.open -= 1
        if not future.cancelled():
            # Looked at here, since nobody else does when the request is gone.
            future.exception()
