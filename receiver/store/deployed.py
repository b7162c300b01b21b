"""Deployments by where they went: environments, what is deployed in them, and what was announced and has not come."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from sqlalchemy import ColumnElement, and_, bindparam, func, select, update

from receiver.store import records
from receiver.store.engine import Tx
from receiver.store.keyed import of_workspace
from receiver.store.record_tables import records as table
from receiver.store.records import RecordRow

_PAGE = 500
_ANY_TIME = -(1 << 62)
"""Below every moment, and no null: what an index is asked for where any moment will do."""

# Asked for with every question of the gate: built once, since building takes several times as long as running it.
_DEPLOYED_TO = (
    select(table)
    .where(
        table.c.workspace_id == bindparam("its_workspace"),
        table.c.environment == bindparam("its_environment"),
        table.c.target == bindparam("its_target"),
        table.c.status.in_(bindparam("its_statuses", expanding=True)),
        table.c.superseded_by.is_(None),
    )
    .order_by(table.c.r.desc())
    .limit(bindparam("most"))
)


def environments(tx: Tx, workspace_id: str, after: str, limit: int) -> list[str]:
    """Give the environments that something was deployed to, in the order of their names, above one."""
    asked = table.c.workspace_id == workspace_id
    return _each_above(tx, table.c.environment, asked, after, limit)


def targets(tx: Tx, workspace_id: str, environment: str, limit: int) -> list[str]:
    """Give what something was deployed of to an environment, in order."""
    asked = and_(table.c.workspace_id == workspace_id, table.c.environment == environment)
    return _each_above(tx, table.c.target, asked, "", limit)


def deployed_to(
    tx: Tx, workspace_id: str, environment: str, target: str, statuses: Collection[str], limit: int
) -> list[RecordRow]:
    """Give the newest deployments of one target that have one of these statuses, without what was corrected."""
    asked = {"its_workspace": workspace_id, "its_environment": environment, "its_target": target}
    found = tx.execute(_DEPLOYED_TO, {**asked, "its_statuses": list(statuses), "most": limit})
    return [records.read(row) for row in found]


def still_awaited(tx: Tx, workspace_id: str, environment: str, limit: int) -> list[RecordRow]:
    """Give announced deployments to an environment that have not come yet, those first whose time ends last."""
    found = tx.execute(
        select(table)
        .where(
            table.c.workspace_id == workspace_id,
            table.c.awaited_until > _ANY_TIME,
            table.c.environment == environment,
        )
        .order_by(table.c.awaited_until.desc())
        .limit(limit)
    )
    return [records.read(row) for row in found]


def later(tx: Tx, workspace_id: str, row: RecordRow) -> Iterator[RecordRow]:
    """Give what was deployed to the environment of a deployment after it, in order, as far as it is looked at."""
    after = row.r
    while True:
        found = tx.execute(
            select(table)
            .where(
                table.c.workspace_id == workspace_id,
                table.c.environment == row.environment,
                table.c.kind == row.kind.value,
                table.c.r > after,
            )
            .order_by(table.c.r)
            .limit(_PAGE)
        ).all()
        yield from (records.read(one) for one in found)
        if len(found) < _PAGE:
            return
        after = found[-1].r


def has_come(tx: Tx, workspace_id: str, numbers: Collection[int]) -> None:
    """Wait no longer for these announced deployments."""
    tx.execute(
        update(table).where(of_workspace(table, workspace_id), table.c.r.in_(list(numbers))).values(awaited_until=None)
    )


def _each_above(
    tx: Tx, column: ColumnElement[str | None], where: ColumnElement[bool], after: str, limit: int
) -> list[str]:
    """Give each value of a column once, in order: a row of the index for each, however many have it."""
    found: list[str] = []
    while len(found) < limit:
        asked = select(func.min(column)).where(where, column > (found[-1] if found else after))
        one: str | None = tx.execute(asked).scalar_one()
        if one is None:
            break
        found.append(one)
    return found
