"""Streams, and the places in them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, bindparam, delete, func, insert, literal_column, or_, select, update

from receiver.core.placing import Place, Spot, StreamState
from receiver.core.ranges import Ranges, of_numbers, ranges, without
from receiver.core.trail import Act
from receiver.store import audit, register
from receiver.store.bulk import insert_rows
from receiver.store.columns import micros
from receiver.store.engine import IN_PORTIONS, Tx
from receiver.store.schema import heartbeats, places, streams
from shared.encoding import JsonObject
from shared.stream import contiguous

PARTED = "stream.parted"
"""How the audit trail names that two branches of a stream were found, in the transaction that found them."""

_RUN = 256
_MAX_HOLES = 100
_FEW_RUNS = 8
"""So many queries that are built already cost less than one that is built for the occasion."""
_MAX_RUNS = 300
"""SQLite takes no expression that is deeper than 1,000."""

# Asked for with every batch: built once, since building a query takes several times as long as running it.
_STATES = select(streams).where(
    streams.c.workspace_id == bindparam("its_workspace"),
    streams.c.stream_id.in_(bindparam("its_streams", expanding=True)),
)
_MOVE = (
    update(streams)
    .where(streams.c.workspace_id == bindparam("its_workspace"), streams.c.stream_id == bindparam("its_stream"))
    .values(mark=bindparam("mark"), head=bindparam("head"))
)
_PLACES = select(places.c.stream_id, places.c.sequence, places.c.id, places.c.previous, places.c.stored, places.c.late)
_RUN_OF_PLACES = _PLACES.where(
    places.c.workspace_id == bindparam("its_workspace"),
    places.c.stream_id == bindparam("its_stream"),
    places.c.sequence.between(bindparam("low"), bindparam("high")),
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

# Spelled out: SQLite takes an index over a part only where the condition stands there as it is in the index.
_UNSTORED = (
    select(places.c.stream_id, places.c.sequence)
    .where(places.c.workspace_id == bindparam("its_workspace"), literal_column("stored = 0"))
    .order_by(places.c.stream_id, places.c.sequence)
)


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


def count_open(tx: Tx, workspace_id: str, collector_id: str) -> int:
    """Count the streams of a collector that never said farewell."""
    its = and_(heartbeats.c.workspace_id == streams.c.workspace_id, heartbeats.c.stream_id == streams.c.stream_id)
    found: int = tx.execute(
        select(func.count())
        .select_from(streams.outerjoin(heartbeats, its))
        .where(
            streams.c.workspace_id == workspace_id,
            streams.c.collector_id == collector_id,
            func.coalesce(heartbeats.c.closed, 0) == 0,
        )
    ).scalar_one()
    return found


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
        known = before.get(stream_id)
        if known is not None and known.forked_from == state.forked_from:
            its = {"its_workspace": workspace_id, "its_stream": stream_id}
            tx.execute(_MOVE, {**its, "mark": state.mark, "head": state.head})
            continue
        if state.forked_from is not None:
            values["forked_after"] = register.next_place(tx, workspace_id).number - 1
            found: JsonObject = {
                "collector": state.collector_id,
                "stream": stream_id.hex(),
                "first": state.forked_from,
                "register": values["forked_after"],
            }
            audit.add(tx, workspace_id, Act(now, state.collector_id, PARTED, found))
        if known is not None:
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
    """Give what stands at some places; a query for each run of them: those of a stream mostly follow each other."""
    known: dict[Spot, Place] = {}
    runs = _runs(spots)
    if len(runs) <= _FEW_RUNS:
        for stream_id, low, high in runs:
            its = {"its_workspace": workspace_id, "its_stream": stream_id, "low": low, "high": high}
            known |= _places(tx.execute(_RUN_OF_PLACES, its))
        return known
    for at in range(0, len(runs), _MAX_RUNS):
        within = [
            (places.c.stream_id == stream_id) & places.c.sequence.between(low, high)
            for stream_id, low, high in runs[at : at + _MAX_RUNS]
        ]
        known |= _places(tx.execute(_PLACES.where(places.c.workspace_id == workspace_id, or_(*within))))
    return known


def add_places(tx: Tx, workspace_id: str, new: Mapping[Spot, Place], now: datetime | None = None) -> None:
    """Take places; one that is taken already is refused by the database. What is refused is first covered `now`."""
    covered = None if now is None else micros(now)
    rows = [
        (
            workspace_id,
            stream_id,
            sequence,
            place.id,
            place.previous,
            int(place.stored),
            None if place.stored else covered,
            int(place.late),
        )
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


def drop_place(tx: Tx, workspace_id: str, spot: Spot) -> None:
    """Let a place be free again."""
    stream_id, sequence = spot
    tx.execute(
        delete(places).where(
            places.c.workspace_id == workspace_id, places.c.stream_id == stream_id, places.c.sequence == sequence
        )
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
    found = tx.execute(_UNSTORED, {"its_workspace": workspace_id})
    numbers: dict[bytes, list[int]] = {}
    for stream_id, sequence in found:
        numbers.setdefault(stream_id, []).append(sequence)
    return {stream_id: of_numbers(one) for stream_id, one in numbers.items()}


def _runs(spots: Iterable[Spot]) -> list[tuple[bytes, int, int]]:
    """Join neighbouring places into (stream, low, high)."""
    runs: list[tuple[bytes, int, int]] = []
    for stream_id, sequence in sorted(spots):
        if runs and runs[-1][0] == stream_id and runs[-1][2] + 1 >= sequence:
            runs[-1] = (stream_id, runs[-1][1], sequence)
        else:
            runs.append((stream_id, sequence, sequence))
    return runs


def _places(rows: Iterable[Sequence[Any]]) -> dict[Spot, Place]:
    return {
        (stream_id, sequence): Place(id_, previous, bool(stored), bool(late))
        for stream_id, sequence, id_, previous, stored, late in rows
    }


def _state(row: Row[Any]) -> StreamState:
    return StreamState(row.collector_id, row.mark, row.head, row.forked_from)


def _holes(known: Ranges) -> Ranges:
    """The holes below the highest number that is known to be taken."""
    return without(((0, known[-1][1]),), known) if known else ()
