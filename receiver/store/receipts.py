"""Receipts, by collector and batch id: what was answered once is answered for ever."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, insert, select

from receiver.store.columns import micros, moment
from receiver.store.engine import IN_PORTIONS, Tx
from receiver.store.parts import Parts
from receiver.store.schema import receipts

# Built once, since building a query takes several times as long as running it.
_FIND = select(receipts).where(
    receipts.c.workspace_id == bindparam("its_workspace"),
    receipts.c.collector_id == bindparam("its_collector"),
    receipts.c.batch_id == bindparam("its_batch"),
)
_INSERT = insert(receipts)


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
