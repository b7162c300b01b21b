"""What sends evidence to a workspace: sources that ingest, and how much of it came since a moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from receiver.store.columns import micros, moment
from receiver.store.engine import Tx
from receiver.store.gate_tables import ingested
from receiver.store.schema import attestations

MAX_SOURCES = 200
_LOOKED_AT = 50


@dataclass(frozen=True, slots=True)
class Source:
    """Something that ingests: when it last did, how often since the moment, and where its newest pieces belong."""

    name: str
    last_at: datetime
    count: int
    services: tuple[str, ...]
    environments: tuple[str, ...]


def sources(tx: Tx, workspace_id: str, since: datetime) -> list[Source]:
    """Give what ingests, the newest first, at most 200; `count` is of what was received since a moment."""
    table = ingested
    last = func.max(table.c.received_at).label("last")
    rows = tx.execute(
        select(table.c.source, last)
        .where(table.c.workspace_id == workspace_id)
        .group_by(table.c.source)
        .order_by(last.desc(), table.c.source)
        .limit(MAX_SOURCES)
    ).all()
    return [_source(tx, workspace_id, row.source, moment(row.last), since) for row in rows]


def _source(tx: Tx, workspace_id: str, name: str, last_at: datetime, since: datetime) -> Source:
    table = ingested
    its_own = (table.c.workspace_id == workspace_id, table.c.source == name)
    count = tx.execute(
        select(func.count()).select_from(table).where(*its_own, table.c.received_at >= micros(since))
    ).scalar_one()
    newest = tx.execute(
        select(table.c.service, table.c.environment)
        .where(*its_own)
        .order_by(table.c.received_at.desc())
        .limit(_LOOKED_AT)
    ).all()
    services, environments = {row.service for row in newest}, {row.environment for row in newest}
    return Source(name, last_at, count, tuple(sorted(services - {""})), tuple(sorted(environments - {""})))


def counts_by_collector(tx: Tx, workspace_id: str, since: datetime) -> Mapping[str, int]:
    """Count what collectors' signed evidence was received since a moment, by collector."""
    table = attestations
    first = _first_since(tx, workspace_id, micros(since))
    if first is None:
        return {}
    rows = tx.execute(
        select(table.c.collector_id, func.count().label("many"))
        .where(table.c.workspace_id == workspace_id, table.c.n >= first, table.c.collector_id.is_not(None))
        .group_by(table.c.collector_id)
    )
    return {row.collector_id: row.many for row in rows}


def _first_since(tx: Tx, workspace_id: str, since: int) -> int | None:
    """Find the first number that was received since a moment, by halving: numbers rise with the time of receipt."""
    table = attestations
    low, high = tx.execute(
        select(func.min(table.c.n), func.max(table.c.n)).where(table.c.workspace_id == workspace_id)
    ).one()
    if high is None or _received(tx, workspace_id, high) < since:
        return None
    while low < high:
        middle = (low + high) // 2
        row = tx.execute(
            select(table.c.n, table.c.received_at)
            .where(table.c.workspace_id == workspace_id, table.c.n <= middle)
            .order_by(table.c.n.desc())
            .limit(1)
        ).one()
        if row.received_at < since:
            low = middle + 1
        else:
            high = row.n
    return int(low)


def _received(tx: Tx, workspace_id: str, number: int) -> int:
    table = attestations
    return int(
        tx.execute(
            select(table.c.received_at).where(table.c.workspace_id == workspace_id, table.c.n == number)
        ).scalar_one()
    )
