"""How often known tokens were refused, kept in memory until it is written to the trails of their workspaces.

Invariants: one row a minute for each workspace, address and route, however many requests there were; what cannot be
written waits for the next time; what is counted apart is bounded, and the rest is one row more for each workspace.
Tokens that nobody knows belong to no workspace: they are in the log and the metrics alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
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
    """Writes a tally down; call it a last time when no request comes any more."""

    def __init__(self, tally: Tally, desk: Desk[Any], journal: FilteringBoundLogger) -> None:
        """Take what is written, and through which desk."""
        self._tally = tally
        self._desk = desk
        self._journal = journal

    async def write(self) -> None:
        """Write what was counted since the last time; what cannot be written is counted on."""
        refused = self._tally.take()
        if not refused:
            return
        try:
            await self._desk.change(refuse.note, refused, self._desk.now())
        except CarnetError as error:
            self._tally.put_back(refused)
            count = sum(one.count for one in refused)
            self._journal.warning("refusals_not_written", requests=count, code=error.code.value, detail=error.detail)
