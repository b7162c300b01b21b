"""The audit trail of a workspace: numbered, chained, only growing."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, bindparam, insert, select

from receiver.core import trail
from receiver.core.trail import Act
from receiver.store.columns import micros, moment
from receiver.store.engine import IN_PORTIONS, Tx
from receiver.store.schema import audit
from shared.encoding import canonical, parse_object

# Built once, since building a query takes several times as long as running it.
_LAST = (
    select(audit.c.number, audit.c.hash)
    .where(audit.c.workspace_id == bindparam("its_workspace"))
    .order_by(audit.c.number.desc())
    .limit(1)
)
_INSERT = insert(audit)


@dataclass(frozen=True, slots=True)
class AuditRow:
    """A row as it is stored."""

    number: int
    act: Act
    hash: bytes


def add(tx: Tx, workspace_id: str, act: Act) -> None:
    """Append an act to the trail, chained to the last."""
    last = tx.execute(_LAST, {"its_workspace": workspace_id}).one_or_none()
    number, before = (1, trail.FIRST) if last is None else (last.number + 1, last.hash)
    tx.execute(
        _INSERT,
        {
            "workspace_id": workspace_id,
            "number": number,
            "at": micros(act.at),
            "actor": act.actor,
            "origin": act.origin,
            "action": act.action,
            "detail": canonical(dict(act.detail)).decode(),
            "hash": trail.chain(workspace_id, number, before, act),
        },
    )


def rows(tx: Tx, workspace_id: str, actions: Collection[str] | None = None) -> Iterator[AuditRow]:
    """Give all rows in order, or those of some actions; raises `MalformedError` where a detail is no longer JSON."""
    asked = select(audit).where(audit.c.workspace_id == workspace_id).order_by(audit.c.number)
    if actions is not None:
        asked = asked.where(audit.c.action.in_(list(actions)))
    for row in tx.execute(asked, execution_options=IN_PORTIONS):
        yield _read(row)


def page(
    tx: Tx, workspace_id: str, limit: int, before: int | None, action: str | None = None, actor: str | None = None
) -> list[AuditRow]:
    """Give rows, newest first, below a number, of one action or one actor where that is asked for."""
    asked = select(audit).where(audit.c.workspace_id == workspace_id).order_by(audit.c.number.desc()).limit(limit)
    if before is not None:
        asked = asked.where(audit.c.number < before)
    if action is not None:
        asked = asked.where(audit.c.action == action)
    if actor is not None:
        asked = asked.where(audit.c.actor == actor)
    return [_read(row) for row in tx.execute(asked)]


def _read(row: Row[Any]) -> AuditRow:
    act = Act(moment(row.at), row.actor, row.action, parse_object(row.detail.encode()), row.origin)
    return AuditRow(row.number, act, row.hash)
