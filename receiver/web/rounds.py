"""What a running receiver looks after by itself, again and again: streams, and evidence that never came.

Invariants: one round at a time; what fails is said in the log and tried again in the next round; the first round comes
after the first wait, so that a start is not slowed down.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from structlog.typing import FilteringBoundLogger

from receiver import expect, watch
from receiver.core.expectations import Expectation
from receiver.keys_at_hand import RoleSigners
from receiver.web.desk import Desk
from receiver.web.metrics import Metrics
from shared.errors import CarnetError


class Rounds:
    """Goes round all workspaces until it is stopped."""

    def __init__(
        self,
        desk: Desk[Any],
        signers: Callable[[Any, str], RoleSigners],
        expectations: Sequence[Expectation],
        metrics: Metrics,
        journal: FilteringBoundLogger,
        seconds: float,
    ) -> None:
        """Take through which desk, with whose keys, what is expected, and how many seconds are between two rounds."""
        self._desk = desk
        self._signers = signers
        self._expectations = tuple(expectations)
        self._metrics = metrics
        self._journal = journal
        self._seconds = seconds
        self._stop = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run(), name="rounds")

    async def stop(self) -> None:
        """Finish the round that runs, and begin no other."""
        self._stop.set()
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        while not self._stop.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), self._seconds)
            if not self._stop.is_set():
                await self._round()

    async def _round(self) -> None:
        states: Counter[str] = Counter()
        missing = never_came = 0
        try:
            for workspace_id in await self._desk.ask(watch.all_workspaces):
                totals = await self._desk.change(watch.look, workspace_id, self._desk.now())
                states.update(totals.states)
                missing += totals.missing
                never_came += await self._desk.change(self._expect, workspace_id)
        except CarnetError as error:
            self._journal.warning("round_not_made", code=error.code.value, detail=error.detail)
            return
        self._metrics.streams(states, missing)
        self._metrics.never_came(never_came)

    def _expect(self, store: Any, workspace_id: str) -> int:  # noqa: ANN401 - the store is opaque here
        if not self._expectations:
            return 0
        signers = self._signers(store, workspace_id)
        return expect.check(store, signers, self._expectations, self._desk.now(), self._desk.random)
