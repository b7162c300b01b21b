"""What a running receiver looks after by itself, again and again: streams, and evidence that never came.

Invariant: what fails is said in the log and tried again in the next round.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from structlog.typing import FilteringBoundLogger

from receiver import expect, watch
from receiver.core.expectations import Expectation
from receiver.keys_at_hand import RoleSigners
from receiver.web.desk import Desk
from receiver.web.metrics import Metrics
from shared.errors import CarnetError


class Rounds:
    """Goes round all workspaces."""

    def __init__(
        self,
        desk: Desk[Any],
        signers: Callable[[Any, str], RoleSigners],
        expectations: Sequence[Expectation],
        metrics: Metrics,
        journal: FilteringBoundLogger,
    ) -> None:
        """Take through which desk, with whose keys, and what is expected."""
        self._desk = desk
        self._signers = signers
        self._expectations = tuple(expectations)
        self._metrics = metrics
        self._journal = journal
        self._looked: dict[str, expect.Mark] = {}

    async def make(self) -> None:
        """Make one round."""
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
        return expect.check(store, signers, self._expectations, self._desk.now(), self._desk.random, self._looked)
