"""Receipts, by collector and batch id: what was answered once is answered for ever; and the time that they give."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, bindparam, func, insert, select

from receiver.store.columns import micros, moment
from receiver.store.engine import IN_PORTIONS, Tx
from receiver.store.identity_tables import collector_keys
from receiver.store.parts import Parts
from receiver.store.revocation_tables import revocations, revoked_keys, taken_back
from receiver.store.schema import attestations, receipts

MAX_SKEW = timedelta(minutes=5)
"""How much the clocks of two receivers may differ without one of them being wrong."""

# Built once, since building a query takes several times as long as running it.
_FIND = select(receipts).where(
    receipts.c.workspace_id == bindparam("its_workspace"),
    receipts.c.collector_id == bindparam("its_collector"),
    receipts.c.batch_id == bindparam("its_batch"),
)
_INSERT = insert(receipts)
_LAST_ENDED = (
    select(func.max(revocations.c.revoked_at))
    .join_from(
        revoked_keys,
        revocations,
        (revocations.c.workspace_id == revoked_keys.c.workspace_id) & (revocations.c.number == revoked_keys.c.number),
    )
    .outerjoin(
        taken_back,
        (taken_back.c.workspace_id == revocations.c.workspace_id) & (taken_back.c.revocation == revocations.c.number),
    )
    .where(
        revoked_keys.c.workspace_id == bindparam("its_workspace"),
        revoked_keys.c.collector_id == bindparam("its_collector"),
        revocations.c.revoked_at <= bindparam("at_most"),
        taken_back.c.number.is_(None),
    )
)


@dataclass(frozen=True, slots=True)
class ReceiptRow:
    """A receipt, the digest of the batch that it answers, and the words beside it (JSON: index -> detail, hint)."""

    collector_id: str
    batch_id: str
    batch_digest: bytes
    id: bytes
    parts: Parts
    notes: str
    received_at: datetime


def find(tx: Tx, workspace_id: str, collector_id: str, batch_id: str) -> ReceiptRow | None:
    """Find what a batch was answered with."""
    values = {"its_workspace": workspace_id, "its_collector": collector_id, "its_batch": batch_id}
    row = tx.execute(_FIND, values).one_or_none()
    return None if row is None else _read(row)


def time_of(tx: Tx, workspace_id: str, collector_id: str, now: datetime) -> datetime:
    """Give the time of receipt in this write transaction: not before a key of the collector was revoked in another.

    The clocks of two processes differ a little. A revocation that is further ahead was dated by a clock that was wrong,
    and moves no time: what comes behind it is held by the order of storage (`receiver.core.holding.End`).
    """
    its = {"its_workspace": workspace_id, "its_collector": collector_id, "at_most": micros(now + MAX_SKEW)}
    found = tx.execute(_LAST_ENDED, its).scalar_one()
    return now if found is None else max(now, moment(found))


def last_time(tx: Tx, workspace_id: str, collector_id: str | None, token_id: str | None) -> datetime | None:
    """Say when something was last received of a collector, its keys included, or posted with a token."""
    if collector_id is None:
        asked = [
            select(func.max(attestations.c.received_at)).where(
                attestations.c.workspace_id == workspace_id, attestations.c.token_id == token_id
            )
        ]
    else:
        asked = [
            select(func.max(moments)).where(
                moments.table.c.workspace_id == workspace_id, moments.table.c.collector_id == collector_id
            )
            for moments in (receipts.c.received_at, collector_keys.c.added_at)
        ]
    found = [tx.execute(one).scalar_one() for one in asked]
    return max((moment(one) for one in found if one is not None), default=None)


def add(tx: Tx, workspace_id: str, row: ReceiptRow) -> None:
    """Keep a receipt; a second one for the same batch id is refused by the database."""
    tx.execute(
        _INSERT,
        {
            "workspace_id": workspace_id,
            "collector_id": row.collector_id,
            "batch_id": row.batch_id,
            "batch_digest": row.batch_digest,
            "id": row.id,
            "key_id": row.parts.key_id,
            "payload": row.parts.payload,
            "signature": row.parts.signature,
            "notes": row.notes,
            "received_at": micros(row.received_at),
        },
    )


def rows(tx: Tx, workspace_id: str) -> Iterator[ReceiptRow]:
    """Give all receipts of a workspace."""
    asked = select(receipts).where(receipts.c.workspace_id == workspace_id)
    for row in tx.execute(asked, execution_options=IN_PORTIONS):
        yield _read(row)


def _read(row: Row[Any]) -> ReceiptRow:
    return ReceiptRow(
        row.collector_id,
        row.batch_id,
        row.batch_digest,
        row.id,
        Parts(row.key_id, row.payload, row.signature),
        row.notes,
        moment(row.received_at),
    )
