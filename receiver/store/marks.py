"""How far a workspace has come: the last number of everything that grows in it and that decisions rest on."""

from __future__ import annotations

from sqlalchemy import BindParameter, bindparam, func, select

from receiver.store.engine import Tx
from receiver.store.schema import attestations, heartbeats, register

_ITS: BindParameter[str] = bindparam("its_workspace")
# Asked for as long as anybody waits: built once.
_MARK = select(
    select(func.max(attestations.c.n)).where(attestations.c.workspace_id == _ITS).scalar_subquery(),
    select(func.max(register.c.number)).where(register.c.workspace_id == _ITS).scalar_subquery(),
    select(func.max(heartbeats.c.received_at)).where(heartbeats.c.workspace_id == _ITS).scalar_subquery(),
    select(func.count()).select_from(heartbeats).where(heartbeats.c.workspace_id == _ITS).scalar_subquery(),
)


def of(tx: Tx, workspace_id: str) -> tuple[int, ...]:
    """Give the mark of a workspace; it never leaves the receiver, since some of it counts over all of them."""
    return tuple(int(one or 0) for one in tx.execute(_MARK, {"its_workspace": workspace_id}).one())
