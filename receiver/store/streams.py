"""Streams, the places in them, and the latest heartbeat of each."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, insert, or_, select, update

from receiver.core.placing import Place, Spot, StreamState
from receiver.store.bulk import insert_rows
from receiver.store.columns import micros, moment
from receiver.store.engine import IN_PORTIONS, Tx
from receiver.store.parts import Parts
from receiver.store.schema import heartbeats, places, streams
from shared.stream import contiguous

_RUN = 256

# Asked for with every batch: built once, since building a query takes several times as long as running it.
_STATES = select(streams).where(
    streams.c.workspace_id == bindparam("its_workspace"),
    streams.c.stream_id.in_(bindparam("its_streams", expanding=True)),
)
_HEARTBEAT = select(heartbeats).where(
    heartbeats.c.workspace_id == bindparam("its_workspace"), heartbeats.c.stream_id == bindparam("its_stream")
)
_ABOVE = (
    select(places.c.sequence)
    .where(
        places.c.workspace_id == bindparam("its_workspace"),
        places.c.stream_id == bindparam("its_stream"),
        places.c.sequence > bindparam("its_mark"),
    )
    .order_by(places.c.sequence)
    .limit(_RUN)
)


@dataclass(frozen=True, slots=True)
class HeartbeatRow:
    """The latest heartbeat of a stream, when it came, and the receipt that answered it (32 bytes)."""

    stream_id: bytes
    collector_id: str
    beat: int
    received_at: datetime
    receipt_id: bytes
    closed: bool
    id: bytes
    parts: Parts


def states(tx: Tx, workspace_id: str, stream_ids: Collection[bytes]) -> dict[bytes, StreamState]:
    """Give what is known of some streams; unknown ones are left out."""
    if not stream_ids:
        return {}
    found = tx.execute(_STATES, {"its_workspace": workspace_id, "its_streams": list(stream_ids)})
    return {row.stream_id: _state(row) for row in found}


def of_collector(tx: Tx, workspace_id: str, collector_id: str) -> dict[bytes, StreamState]:
    """Give all streams of a collector, oldest first."""
    found = tx.execute(
        select(streams)
        .where(streams.c.workspace_id == workspace_id, streams.c.collector_id == collector_id)
        .order_by(streams.c.opened_at)
    )
    return {row.stream_id: _state(row) for row in found}


def all_states(tx: Tx, workspace_id: str) -> dict[bytes, StreamState]:
    """Give all streams of a workspace."""
    found = tx.execute(select(streams).where(streams.c.workspace_id == workspace_id))
    return {row.stream_id: _state(row) for row in found}


def save(
    tx: Tx, workspace_id: str, before: Mapping[bytes, StreamState], after: Mapping[bytes, StreamState], now: datetime
) -> None:
    """Write streams as they are now; those that `before` lacks are opened."""
    for stream_id, state in after.items():
        values = {"mark": state.mark, "head": state.head, "forked_from": state.forked_from}
        if stream_id in before:
            tx.execute(
                update(streams)
                .where(streams.c.workspace_id == workspace_id, streams.c.stream_id == stream_id)
                .values(values)
            )
        else:
            tx.execute(
                insert(streams).values(
                    workspace_id=workspace_id,
                    stream_id=stream_id,
                    collector_id=state.collector_id,
                    opened_at=micros(now),
                    **values,
                )
            )


def known_places(tx: Tx, workspace_id: str, spots: Iterable[Spot]) -> dict[Spot, Place]:
    """Give what stands at some places; one query, since the places of a stream mostly follow each other."""
    ranges = [
        (places.c.stream_id == stream_id) & places.c.sequence.between(low, high)
        for stream_id, low, high in _runs(spots)
    ]
    if not ranges:
        return {}
    found = tx.execute(
        select(places.c.stream_id, places.c.sequence, places.c.id, places.c.previous, places.c.stored).where(
            places.c.workspace_id == workspace_id, or_(*ranges)
        )
    )
    return {
        (stream_id, sequence): Place(id_, previous, bool(stored))
        for stream_id, sequence, id_, previous, stored in found
    }


def add_places(tx: Tx, workspace_id: str, new: Mapping[Spot, Place]) -> None:
    """Take places; one that is taken already is refused by the database."""
    rows = [
        (workspace_id, stream_id, sequence, place.id, place.previous, int(place.stored))
        for (stream_id, sequence), place in new.items()
    ]
    insert_rows(tx, places, rows)


def mark_stored(tx: Tx, workspace_id: str, spots: Collection[Spot]) -> None:
    """Note that what was refused at some places before is stored now."""
    if spots:
        tx.execute(
            update(places)
            .where(
                places.c.workspace_id == workspace_id,
                places.c.stream_id == bindparam("its_stream"),
                places.c.sequence == bindparam("its_sequence"),
            )
            .values(stored=1),
            [{"its_stream": stream_id, "its_sequence": sequence} for stream_id, sequence in spots],
        )


def mark_from(tx: Tx, workspace_id: str, stream_id: bytes, mark: int) -> int:
    """Move a contiguous mark over the places that are taken; reads no further than the next hole."""
    while True:
        values = {"its_workspace": workspace_id, "its_stream": stream_id, "its_mark": mark}
        run = list(tx.execute(_ABOVE, values).scalars())
        moved = contiguous(mark, run)
        if moved - mark < _RUN:
            return moved
        mark = moved


def all_places(tx: Tx, workspace_id: str, stream_id: bytes) -> Iterator[tuple[int, Place]]:
    """Give the places of a stream in order."""
    found = tx.execute(
        select(places.c.sequence, places.c.id, places.c.previous, places.c.stored)
        .where(places.c.workspace_id == workspace_id, places.c.stream_id == stream_id)
        .order_by(places.c.sequence),
        execution_options=IN_PORTIONS,
    )
    for sequence, id_, previous, stored in found:
        yield sequence, Place(id_, previous, bool(stored))


def heartbeat(tx: Tx, workspace_id: str, stream_id: bytes) -> HeartbeatRow | None:
    """Give the latest heartbeat of a stream."""
    row = tx.execute(_HEARTBEAT, {"its_workspace": workspace_id, "its_stream": stream_id}).one_or_none()
    return None if row is None else _heartbeat(row)


def all_heartbeats(tx: Tx, workspace_id: str, collector_id: str | None = None) -> list[HeartbeatRow]:
    """Give the latest heartbeat of every stream of a workspace, or of one collector."""
    asked = select(heartbeats).where(heartbeats.c.workspace_id == workspace_id)
    if collector_id is not None:
        asked = asked.where(heartbeats.c.collector_id == collector_id)
    return [_heartbeat(row) for row in tx.execute(asked)]


def save_heartbeat(tx: Tx, workspace_id: str, row: HeartbeatRow, *, first: bool) -> None:
    """Keep a heartbeat in place of the one before."""
    values = {
        "beat": row.beat,
        "received_at": micros(row.received_at),
        "receipt_id": row.receipt_id,
        "closed": int(row.closed),
        "id": row.id,
        "key_id": row.parts.key_id,
        "payload": row.parts.payload,
        "signature": row.parts.signature,
    }
    if first:
        tx.execute(
            insert(heartbeats).values(
                workspace_id=workspace_id,
                stream_id=row.stream_id,
                collector_id=row.collector_id,
                **values,
            )
        )
    else:
        tx.execute(
            update(heartbeats)
            .where(heartbeats.c.workspace_id == workspace_id, heartbeats.c.stream_id == row.stream_id)
            .values(values)
        )


def _runs(spots: Iterable[Spot]) -> list[tuple[bytes, int, int]]:
    """Join neighbouring places into (stream, low, high)."""
    runs: list[tuple[bytes, int, int]] = []
    for stream_id, sequence in sorted(spots):
        if runs and runs[-1][0] == stream_id and runs[-1][2] + 1 >= sequence:
            runs[-1] = (stream_id, runs[-1][1], sequence)
        else:
            runs.append((stream_id, sequence, sequence))
    return runs


def _state(row: Row[Any]) -> StreamState:
    return StreamState(row.collector_id, row.mark, row.head, row.forked_from)


def _heartbeat(row: Row[Any]) -> HeartbeatRow:
    return HeartbeatRow(
        row.stream_id,
        row.collector_id,
        row.beat,
        moment(row.received_at),
        row.receipt_id,
        bool(row.closed),
        row.id,
        Parts(row.key_id, row.payload, row.signature),
    )
