"""How often known tokens were refused, kept in memory until it is written to the trails of their workspaces.

Invariants: one row a minute for each workspace, address and route, however many requests there were; what cannot be
written waits for the next time; what is counted apart is bounded, and the rest is one row more for each workspace.
Tokens that nobody knows belong to no workspace: they are in the log and the metrics alone.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from structlog.typing import FilteringBoundLogger

from receiver import refuse
from receiver.refuse import Refused
from receiver.web.desk import Desk
from shared.errors import CarnetError

MAX_KEYS = 1_000
MAX_TOKENS = 10
_Key = tuple[str, str | None, str | None]


@dataclass(slots=True)
class _Count:
    first: datetime
    last: datetime
    codes: Counter[str] = field(default_factory=Counter)
    tokens: dict[str, None] = field(default_factory=dict)


class Tally:
    """The refusals since they were last taken."""

    def __init__(self) -> None:
        """Start with none."""
        self._counts: dict[_Key, _Count] = {}

    def add(self, workspace_id: str, origin: str | None, route: str, token_id: str, code: str, now: datetime) -> None:
        """Count one refusal."""
        self._merge(Refused(workspace_id, origin, route, {code: 1}, (token_id,), now, now))

    def take(self) -> tuple[Refused, ...]:
        """Give what was counted, and start anew."""
        counts, self._counts = self._counts, {}
        return tuple(
            Refused(workspace_id, origin, route, dict(one.codes), tuple(one.tokens), one.first, one.last)
            for (workspace_id, origin, route), one in counts.items()
        )

    def put_back(self, refused: Iterable[Refused]) -> None:
        """Count what was taken and could not be written."""
        for one in refused:
            self._merge(one)

    def _merge(self, one: Refused) -> None:
        key: _Key = (one.workspace_id, one.origin, one.route)
        if key not in self._counts and len(self._counts) >= MAX_KEYS:
            key = (one.workspace_id, None, None)
        count = self._counts.setdefault(key, _Count(one.first, one.last))
        count.first, count.last = min(count.first, one.first), max(count.last, one.last)
        count.codes.update(one.codes)
        for token_id in one.tokens:
            if len(count.tokens) < MAX_TOKENS:
                count.tokens[token_id] = None


class Keeper:
    """Writes a tally down again and again, and a last time at a stop."""

    def __init__(self, tally: Tally, desk: Desk[Any], journal: FilteringBoundLogger, seconds: float) -> None:
        """Take what is written, through which desk, and how many seconds are between two times."""
        self._tally = tally
        self._desk = desk
        self._journal = journal
        self._seconds = seconds
        self._stop = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run(), name="refusals")

    async def stop(self) -> None:
        """Write the last of it; call it when no request comes any more."""
        self._stop.set()
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        while not self._stop.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), self._seconds)
            await self._write()

    async def _write(self) -> None:
        refused = self._tally.take()
        if not refused:
            return
        try:
            await self._desk.change(refuse.note, refused, self._desk.now())
        except CarnetError as error:
            self._tally.put_back(refused)
            count = sum(one.count for one in refused)
            self._journal.warning("refusals_not_written", requests=count, code=error.code.value, detail=error.detail)
