"""The audit trail of a workspace: numbered, chained, only growing."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from sqlalchemy import bindparam, insert, select

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
        act = Act(moment(row.at), row.actor, row.action, parse_object(row.detail.encode()), row.origin)
        yield AuditRow(row.number, act, row.hash)
