"""R17: whoever hangs up, wherever a request is cancelled: no transaction stays open, and the next one is answered."""

from __future__ import annotations

from pathlib import Path

from tests.fault.cancelling import KINDS, tried
from tests.helpers.databases import Databases

CLIENTS = 100
CANCELLATIONS = 150
"""On each kind of database: 200 and 300 in all."""
SEED = 17
FEWEST_AWAITS = 3
"""Of a request that stores something: for its token, for what is looked at before, for the transaction."""


async def test_clients_that_hang_up_leave_no_transaction_and_nothing_half(tmp_path: Path, databases: Databases) -> None:
    async with tried(tmp_path / "data", databases, SEED) as one:
        await one.hang_up(CLIENTS)


async def test_requests_cancelled_at_every_await_leave_no_transaction_and_nothing_half(
    tmp_path: Path, databases: Databases
) -> None:
    async with tried(tmp_path / "data", databases, SEED) as one:
        swept = await one.cancel(CANCELLATIONS)
    assert swept.keys() == set(KINDS)
    assert min(swept.values()) >= FEWEST_AWAITS
