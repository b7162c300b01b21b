"""What was released and taken back, each by the register number of the statement that says so; it only grows."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import bindparam, func, insert, select

from receiver.store.columns import micros, moment
from receiver.store.engine import Tx
from receiver.store.revocation_tables import releases, taken_back
from receiver.store.schema import register

_AT_ONCE = 500
# Asked for with every question of the gate: built once, since building takes several times as long as running it.
_NEWEST = select(func.max(releases.c.number)).where(releases.c.workspace_id == bindparam("its_workspace"))


def take_back(tx: Tx, workspace_id: str, revocation: int, number: int, now: datetime) -> None:
    """Note that a revocation no longer stands, by a statement's register number; a second one is refused."""
    tx.execute(
        insert(taken_back).values(
            workspace_id=workspace_id, revocation=revocation, number=number, taken_back_at=micros(now)
        )
    )


def release(tx: Tx, workspace_id: str, ids: Collection[bytes], number: int, now: datetime) -> None:
    """Note that these attestations (ids of 32 bytes) count after all, by a statement's register number."""
    at = micros(now)
    rows = [{"workspace_id": workspace_id, "id": one, "number": number, "released_at": at} for one in ids]
    if rows:
        tx.execute(insert(releases), rows)


def statements(tx: Tx, workspace_id: str, ids: Sequence[bytes]) -> set[bytes]:
    """Give the ids of the statements that released any of these attestations (ids of 32 bytes)."""
    found: set[bytes] = set()
    for at in range(0, len(ids), _AT_ONCE):
        asked = (
            select(register.c.id)
            .join_from(
                releases,
                register,
                (register.c.workspace_id == releases.c.workspace_id) & (register.c.number == releases.c.number),
            )
            .where(releases.c.workspace_id == workspace_id, releases.c.id.in_(list(ids[at : at + _AT_ONCE])))
        )
        found |= set(tx.execute(asked).scalars())
    return found


def newest(tx: Tx, workspace_id: str) -> int:
    """Give the register number of the newest release of a workspace; 0 where there is none."""
    found = tx.execute(_NEWEST, {"its_workspace": workspace_id}).scalar_one()
    return int(found or 0)


def every(tx: Tx, workspace_id: str) -> list[tuple[bytes, int, datetime]]:
    """Give all releases: id, register number of the statement, and when."""
    found = tx.execute(select(releases).where(releases.c.workspace_id == workspace_id))
    return [(row.id, row.number, moment(row.released_at)) for row in found]


def every_taking_back(tx: Tx, workspace_id: str) -> list[tuple[int, int, datetime]]:
    """Give of all revocations that were taken back their number, that of the statement, and when."""
    found = tx.execute(select(taken_back).where(taken_back.c.workspace_id == workspace_id))
    return [(row.revocation, row.number, moment(row.taken_back_at)) for row in found]
