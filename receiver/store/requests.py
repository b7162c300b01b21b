"""What is asked of collectors: carried by each of their receipts until it ends, and kept afterwards."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, func, insert, select, update

from receiver.core.admit import KeyState
from receiver.core.asking import SUPERSEDED, Standing, Wanted, answered, met
from receiver.core.placing import StreamState
from receiver.store import collectors
from receiver.store.columns import micros, moment, moment_or_none
from receiver.store.engine import Tx
from receiver.store.identity_tables import collector_requests
from receiver.store.identity_tables import collectors as collectors_table
from receiver.store.schema import heartbeats
from shared.predicates import Heartbeat
from shared.requests import Request, RequestKind

# Asked for with every receipt: built once, since building a query takes several times as long as running it.
_STANDING = (
    select(collector_requests)
    .where(
        collector_requests.c.workspace_id == bindparam("its_workspace"),
        collector_requests.c.collector_id == bindparam("its_id"),
        collector_requests.c.ended_at.is_(None),
        collector_requests.c.until_at > bindparam("its_now"),
    )
    .order_by(collector_requests.c.number)
)
_ASKED = select(collector_requests.c.collector_id).where(
    collector_requests.c.workspace_id == bindparam("its_workspace"),
    collector_requests.c.collector_id.in_(bindparam("its_ids", expanding=True)),
    collector_requests.c.ended_at.is_(None),
    collector_requests.c.until_at > bindparam("its_now"),
)


def carry(
    tx: Tx, workspace_id: str, collector_id: str, states: Mapping[bytes, StreamState], now: datetime
) -> tuple[Request, ...]:
    """Give what the next receipt of a collector asks; what is met by now ends first (`states`: streams as they are)."""
    found = standing(tx, workspace_id, collector_id, now)
    if not found:
        return ()
    turning = any(one.wanted.kind is RequestKind.ROTATE_KEY for one in found)
    ends = met(found, states, _rotated_at(tx, workspace_id, collector_id) if turning else None)
    _end(tx, workspace_id, collector_id, ends, now)
    return tuple(one.request for one in found if one.number not in ends)


def note_answers(tx: Tx, workspace_id: str, collector_id: str, beat: Heartbeat, now: datetime) -> None:
    """End what a believed heartbeat says is done, or will not be."""
    if beat.obeyed:
        _end(tx, workspace_id, collector_id, answered(standing(tx, workspace_id, collector_id, now), beat.obeyed), now)


def standing(tx: Tx, workspace_id: str, collector_id: str, now: datetime) -> list[Standing]:
    """Give what is asked of a collector and has not ended, oldest first."""
    values = {"its_workspace": workspace_id, "its_id": collector_id, "its_now": micros(now)}
    return [_read(row) for row in tx.execute(_STANDING, values)]


def asked_of(tx: Tx, workspace_id: str, collector_ids: Collection[str], now: datetime) -> frozenset[str]:
    """Name those of some collectors that something is asked of."""
    values = {"its_workspace": workspace_id, "its_ids": list(collector_ids), "its_now": micros(now)}
    return frozenset(tx.execute(_ASKED, values).scalars())


def next_number(tx: Tx, workspace_id: str, collector_id: str) -> int:
    """Give the number of the next request of a collector, from 1."""
    last = tx.execute(
        select(func.max(collector_requests.c.number)).where(
            collector_requests.c.workspace_id == workspace_id, collector_requests.c.collector_id == collector_id
        )
    ).scalar_one()
    return 1 if last is None else int(last) + 1


def add(tx: Tx, workspace_id: str, one: Standing) -> None:
    """Ask something from now on, in place of what of its kind was asked before."""
    tx.execute(
        update(collector_requests)
        .where(
            collector_requests.c.workspace_id == workspace_id,
            collector_requests.c.collector_id == one.collector_id,
            collector_requests.c.kind == one.wanted.kind.value,
            collector_requests.c.ended_at.is_(None),
        )
        .values(ended_at=micros(one.asked_at), outcome=SUPERSEDED)
    )
    tx.execute(
        insert(collector_requests).values(
            workspace_id=workspace_id,
            collector_id=one.collector_id,
            number=one.number,
            campaign=one.campaign,
            kind=one.wanted.kind.value,
            rotate_before=None if one.wanted.before is None else micros(one.wanted.before),
            stream_id=one.stream_id,
            since_sequence=one.wanted.since,
            up_to=one.up_to,
            seconds=one.wanted.seconds,
            asked_at=micros(one.asked_at),
            until_at=micros(one.until),
        )
    )


def last_campaign(tx: Tx, workspace_id: str, kind: RequestKind) -> str | None:
    """Name the campaign of a kind that began last."""
    found: str | None = tx.execute(
        select(collector_requests.c.campaign)
        .where(collector_requests.c.workspace_id == workspace_id, collector_requests.c.kind == kind.value)
        .order_by(collector_requests.c.asked_at.desc(), collector_requests.c.campaign)
        .limit(1)
    ).scalar_one_or_none()
    return found


def of_campaign(tx: Tx, workspace_id: str, campaign: str) -> list[tuple[Standing, str, datetime | None]]:
    """Give what a campaign asked, of each collector with its name and when it was last heard."""
    heard = (
        select(heartbeats.c.collector_id, func.max(heartbeats.c.received_at).label("at"))
        .where(heartbeats.c.workspace_id == workspace_id)
        .group_by(heartbeats.c.collector_id)
        .subquery()
    )
    asked = (
        select(collector_requests, collectors_table.c.name, heard.c.at)
        .join(
            collectors_table,
            (collectors_table.c.workspace_id == collector_requests.c.workspace_id)
            & (collectors_table.c.collector_id == collector_requests.c.collector_id),
        )
        .outerjoin(heard, heard.c.collector_id == collector_requests.c.collector_id)
        .where(collector_requests.c.workspace_id == workspace_id, collector_requests.c.campaign == campaign)
        .order_by(collectors_table.c.name, collector_requests.c.collector_id)
    )
    return [(_read(row), row.name, moment_or_none(row.at)) for row in tx.execute(asked)]


def _rotated_at(tx: Tx, workspace_id: str, collector_id: str) -> datetime | None:
    came = [
        row.added_at
        for row in collectors.keys(tx, workspace_id, collector_id)
        if row.introduced_by is not None and row.key.state is not KeyState.REVOKED
    ]
    return max(came, default=None)


def _end(tx: Tx, workspace_id: str, collector_id: str, ends: Mapping[int, str], now: datetime) -> None:
    for number, outcome in ends.items():
        tx.execute(
            update(collector_requests)
            .where(
                collector_requests.c.workspace_id == workspace_id,
                collector_requests.c.collector_id == collector_id,
                collector_requests.c.number == number,
            )
            .values(ended_at=micros(now), outcome=outcome)
        )


def _read(row: Row[Any]) -> Standing:
    return Standing(
        collector_id=row.collector_id,
        number=row.number,
        campaign=row.campaign,
        wanted=Wanted(RequestKind(row.kind), moment_or_none(row.rotate_before), row.since_sequence, row.seconds),
        asked_at=moment(row.asked_at),
        until=moment(row.until_at),
        stream_id=row.stream_id,
        up_to=row.up_to,
        ended_at=moment_or_none(row.ended_at),
        outcome=row.outcome,
    )
