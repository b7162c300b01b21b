"""Streams, the places in them, and the latest heartbeat of each."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, bindparam, func, insert, literal_column, or_, select, update

from receiver.core.completeness import Heard
from receiver.core.hearing import read_ended, read_steps, write_ended, write_steps
from receiver.core.placing import Place, Spot, StreamState
from receiver.core.ranges import Ranges, of_numbers, ranges, without
from receiver.store.bulk import insert_rows
from receiver.store.columns import micros, moment, moment_or_none
from receiver.store.engine import IN_PORTIONS, Tx
from receiver.store.parts import Parts
from receiver.store.schema import heartbeats, places, streams
from shared.stream import contiguous

_RUN = 256
_ENVELOPE = frozenset({"payload", "signature", "key_id"})
_MAX_HOLES = 100

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
    """The latest heartbeat of a stream, what it says, and the receipt that answered it (32 bytes)."""

    stream_id: bytes
    collector_id: str
    heard: Heard
    receipt_id: bytes
    id: bytes
    parts: Parts

    @property
    def beat(self) -> int:
        """Its count."""
        return self.heard.beat

    @property
    def received_at(self) -> datetime:
        """When it came."""
        return self.heard.received_at

    @property
    def closed(self) -> bool:
        """Whether it says that nothing follows."""
        return self.heard.closed


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


def taken_beside(tx: Tx, workspace_id: str, stream_id: bytes, known: Ranges) -> Ranges:
    """Give every place of a stream that is taken, from some that are known to be: only holes and the end are read.

    Found by their ends, so that it costs what there is in between to read and what the holes do to say.
    """
    holes = _holes(known)
    between: list[ColumnElement[bool]] = [places.c.sequence.between(first, last) for first, last in holes[:_MAX_HOLES]]
    if len(holes) > _MAX_HOLES:
        between.append(places.c.sequence > holes[_MAX_HOLES][0])
    mine = (places.c.workspace_id == workspace_id, places.c.stream_id == stream_id)
    order = places.c.sequence
    near = (
        select(
            order,
            func.lag(order).over(order_by=order).label("before"),
            func.lead(order).over(order_by=order).label("after"),
        )
        .where(*mine, or_(order > (known[-1][1] if known else -1), *between))
        .subquery()
    )
    opens = or_(near.c.before.is_(None), near.c.before != near.c.sequence - 1)
    closes = or_(near.c.after.is_(None), near.c.after != near.c.sequence + 1)
    ends = tx.execute(
        select(near.c.sequence, opens.label("opens"), closes.label("closes"))
        .where(or_(opens, closes))
        .order_by(near.c.sequence)
    )
    runs: list[tuple[int, int]] = []
    start = 0
    for sequence, is_first, is_last in ends:
        start = sequence if is_first else start
        if is_last:
            runs.append((start, sequence))
    return ranges([*known, *runs])


def unstored(tx: Tx, workspace_id: str) -> dict[bytes, Ranges]:
    """Give, of all streams, the places that are taken by what was refused."""
    # Spelled out: SQLite takes an index over a part only where the condition stands there as it is in the index.
    found = tx.execute(
        select(places.c.stream_id, places.c.sequence)
        .where(places.c.workspace_id == workspace_id, literal_column("stored = 0"))
        .order_by(places.c.stream_id, places.c.sequence)
    )
    numbers: dict[bytes, list[int]] = {}
    for stream_id, sequence in found:
        numbers.setdefault(stream_id, []).append(sequence)
    return {stream_id: of_numbers(one) for stream_id, one in numbers.items()}


def heartbeat(tx: Tx, workspace_id: str, stream_id: bytes) -> HeartbeatRow | None:
    """Give the latest heartbeat of a stream."""
    row = tx.execute(_HEARTBEAT, {"its_workspace": workspace_id, "its_stream": stream_id}).one_or_none()
    return None if row is None else _heartbeat(row)


def heard(tx: Tx, workspace_id: str, collector_id: str | None = None) -> dict[bytes, Heard]:
    """Give what the latest heartbeats say, without the heartbeats: of a workspace's streams, or of one collector's."""
    asked = select(*(column for column in heartbeats.c if column.name not in _ENVELOPE)).where(
        heartbeats.c.workspace_id == workspace_id
    )
    if collector_id is not None:
        asked = asked.where(heartbeats.c.collector_id == collector_id)
    return {row.stream_id: _heard(row) for row in tx.execute(asked)}


def at_high_water(tx: Tx, workspace_id: str) -> dict[bytes, bytes]:
    """Give the ids that stand at the places which the latest heartbeats name as the highest."""
    found = tx.execute(
        select(places.c.stream_id, places.c.id)
        .join_from(
            heartbeats,
            places,
            (places.c.workspace_id == heartbeats.c.workspace_id)
            & (places.c.stream_id == heartbeats.c.stream_id)
            & (places.c.sequence == heartbeats.c.high_water),
        )
        .where(heartbeats.c.workspace_id == workspace_id)
    )
    return {row.stream_id: row.id for row in found}


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
        "issued_at": None if row.heard.issued_at is None else micros(row.heard.issued_at),
        "high_water": row.heard.high_water,
        "head": row.heard.head,
        "waiting": row.heard.waiting,
        "steps": write_steps(row.heard.steps),
        "ended": write_ended(row.heard.refused, row.heard.dropped),
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


def _heard(row: Row[Any]) -> Heard:
    refused, dropped = read_ended(row.ended)
    return Heard(
        received_at=moment(row.received_at),
        issued_at=moment_or_none(row.issued_at),
        high_water=row.high_water,
        head=row.head,
        waiting=row.waiting,
        refused=refused,
        dropped=dropped,
        closed=bool(row.closed),
        steps=read_steps(row.steps),
        beat=row.beat,
    )


def _holes(known: Ranges) -> Ranges:
    """The holes below the highest number that is known to be taken."""
    return without(((0, known[-1][1]),), known) if known else ()


def _heartbeat(row: Row[Any]) -> HeartbeatRow:
    return HeartbeatRow(
        row.stream_id,
        row.collector_id,
        _heard(row),
        row.receipt_id,
        row.id,
        Parts(row.key_id, row.payload, row.signature),
    )
