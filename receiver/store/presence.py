"""When the receiver was there for a workspace, as it noted it every minute; several processes note together."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import bindparam, insert, select, update

from receiver.core.presence import Presence, extends
from receiver.store.columns import micros, moment
from receiver.store.engine import Tx
from receiver.store.stream_tables import presence

# Asked for with every question of the gate: built once, since building takes several times as long as running it.
_NOTED = (
    select(presence.c.since, presence.c.until)
    .where(presence.c.workspace_id == bindparam("its_workspace"))
    .order_by(presence.c.since)
)


def note(tx: Tx, workspace_id: str, now: datetime) -> None:
    """Note that we are there: the last span goes on, or a new one begins after a time in which we were not."""
    last = tx.execute(
        select(presence.c.since, presence.c.until)
        .where(presence.c.workspace_id == workspace_id)
        .order_by(presence.c.since.desc())
        .limit(1)
    ).one_or_none()
    if last is not None and now <= moment(last.until):
        return
    if last is not None and extends(moment(last.until), now):
        tx.execute(
            update(presence)
            .where(presence.c.workspace_id == workspace_id, presence.c.since == last.since)
            .values(until=micros(now))
        )
    else:
        tx.execute(insert(presence).values(workspace_id=workspace_id, since=micros(now), until=micros(now)))


def noted(tx: Tx, workspace_id: str) -> Presence:
    """Give when we were there; there is one row for each time that we came back."""
    found = tx.execute(_NOTED, {"its_workspace": workspace_id})
    return Presence.of((moment(row.since), moment(row.until)) for row in found)
