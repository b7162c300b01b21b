"""How much a workspace has of what licences count."""

from __future__ import annotations

from sqlalchemy import distinct, func, select

from receiver.store.collectors import CollectorStatus
from receiver.store.engine import Tx
from receiver.store.gate_tables import policies
from receiver.store.identity_tables import accounts, collectors

_HERE = (CollectorStatus.ACTIVE.value, CollectorStatus.PENDING.value)


def of(tx: Tx, workspace_id: str) -> tuple[int, int, int]:
    """Count accounts that nobody ended, collectors that are here or wait to be, and policies by their names."""
    users = select(func.count()).where(accounts.c.workspace_id == workspace_id, accounts.c.disabled_at.is_(None))
    here = select(func.count()).where(collectors.c.workspace_id == workspace_id, collectors.c.status.in_(_HERE))
    named = select(func.count(distinct(policies.c.name))).where(policies.c.workspace_id == workspace_id)
    return tx.execute(users).scalar_one(), tx.execute(here).scalar_one(), tx.execute(named).scalar_one()
