"""How streams stand: everything that is known of them put together, and their states out of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Row, bindparam, or_, select

from receiver.core import completeness
from receiver.core.asking import SUPERSEDED
from receiver.core.completeness import Facts, Heard, Standing, State
from receiver.core.hearing import read_ranges
from receiver.core.presence import Presence
from receiver.core.ranges import NO_END, Range, Ranges, ranges
from receiver.store import disputes, heartbeats, presence
from receiver.store import streams as stream_rows
from receiver.store.collectors import CollectorStatus
from receiver.store.columns import moment
from receiver.store.engine import Tx
from receiver.store.identity_tables import collector_requests, collectors
from receiver.store.schema import streams
from receiver.store.stream_tables import closed_gaps, stream_notes
from receiver.store.unchanged import once
from receiver.store.unchanged import rows as rows_size
from shared.encoding import parse_json
from shared.requests import Outcome, RequestKind

_ENDED = frozenset({CollectorStatus.REVOKED.value, CollectorStatus.RETIRED.value})

_FEW = 200
"""Of so many streams the notes are looked up one by one; of more all of the workspace are read."""
_OBEYED = (Outcome.DONE.value, Outcome.PARTLY.value)

# Asked for with every question of the gate: built once, for the same reason.
_ROWS = (
    select(streams, collectors.c.name, collectors.c.status, collectors.c.intermittent, collectors.c.lag_seconds)
    .join_from(
        streams,
        collectors,
        (collectors.c.workspace_id == streams.c.workspace_id) & (collectors.c.collector_id == streams.c.collector_id),
    )
    .where(streams.c.workspace_id == bindparam("its_workspace"))
    .order_by(streams.c.opened_at, streams.c.stream_id)
)
_owned = streams.alias()
_AROUND = _ROWS.where(
    or_(
        streams.c.collector_id.in_(bindparam("its_collectors", expanding=True)),
        streams.c.collector_id.in_(
            select(_owned.c.collector_id).where(
                _owned.c.workspace_id == bindparam("its_workspace"),
                _owned.c.stream_id.in_(bindparam("its_streams", expanding=True)),
            )
        ),
    )
)
"""All streams of some collectors, and of the collectors of some streams."""
_CLOSED = select(closed_gaps).where(closed_gaps.c.workspace_id == bindparam("its_workspace"))
_NOTES = select(stream_notes).where(stream_notes.c.workspace_id == bindparam("its_workspace"))
_OVER = select(stream_notes.c.stream_id, stream_notes.c.standing).where(
    stream_notes.c.workspace_id == bindparam("its_workspace"),
    stream_notes.c.standing.in_(bindparam("its_standings", expanding=True)),
)
_NOTES_OF = _NOTES.where(stream_notes.c.stream_id.in_(bindparam("its_streams", expanding=True)))
_INTERVALS = (
    select(collector_requests.c.collector_id, collector_requests.c.seconds, collector_requests.c.outcome)
    .where(
        collector_requests.c.workspace_id == bindparam("its_workspace"),
        collector_requests.c.kind == RequestKind.HEARTBEAT.value,
        collector_requests.c.seconds.is_not(None),
        or_(collector_requests.c.outcome.is_(None), collector_requests.c.outcome.in_((*_OBEYED, SUPERSEDED))),
    )
    .order_by(collector_requests.c.number)
)


@dataclass(frozen=True, slots=True)
class Noted:
    """How a stream stood when its last change was noted: standing, fork, what it lacked; what was taken then."""

    standing: Standing
    forked_from: int | None
    lacking: Ranges
    taken: Ranges


@dataclass(frozen=True, slots=True)
class StreamNow:
    """A stream as it stands now: whose it is, its numbers, its state, the latest heartbeat, and what was noted."""

    stream_id: bytes
    collector_id: str
    collector_name: str
    mark: int
    head: int
    taken: Ranges
    heard: Heard | None
    state: State
    noted: Noted | None


class _Stream(NamedTuple):
    """A stream's row with its collector's, what is known of it, what was noted, and how often heartbeats are due."""

    row: Row[Any]
    facts: Facts
    noted: Noted | None
    interval: timedelta


class _Known(NamedTuple):
    """Streams, and when the receiver was there: all that their states come from, but the time."""

    streams: tuple[_Stream, ...]
    there: Presence


def every(
    tx: Tx,
    workspace_id: str,
    now: datetime,
    *,
    collector_id: str | None = None,
    stream_id: bytes | None = None,
) -> list[StreamNow]:
    """Work out how streams stand, oldest first: those of a workspace, of one collector, or one of them."""
    rows = _rows(tx, workspace_id, collector_id)
    wanted = [row for row in rows if stream_id is None or row.stream_id == stream_id]
    return _stand(_known(tx, workspace_id, rows, wanted, heartbeats.heard(tx, workspace_id, collector_id)), now)


def going(tx: Tx, workspace_id: str, now: datetime) -> tuple[list[StreamNow], list[Standing]]:
    """Work out how the streams stand of which something may still change, oldest first; and name how the others do.

    Those are the streams of collectors that ended, once that was noted.
    """
    rows = _rows(tx, workspace_id, None)
    asked = {"its_workspace": workspace_id, "its_standings": [Standing.ENDED.value, Standing.RETIRED.value]}
    over = {row.stream_id: Standing(row.standing) for row in tx.execute(_OVER, asked)}
    past = [over[row.stream_id] for row in rows if row.status in _ENDED and row.stream_id in over]
    wanted = [row for row in rows if row.status not in _ENDED or row.stream_id not in over]
    return _stand(_known(tx, workspace_id, rows, wanted, heartbeats.heard(tx, workspace_id, None)), now), past


def around(
    tx: Tx, workspace_id: str, now: datetime, collector_ids: Collection[str], stream_ids: Collection[bytes]
) -> list[StreamNow]:
    """Work out how all streams of these collectors stand, and of those that these streams are of; oldest first."""
    if not collector_ids and not stream_ids:
        return []
    asked = {
        "its_workspace": workspace_id,
        "its_collectors": sorted(collector_ids),
        "its_streams": sorted(stream_ids),
    }

    def read() -> _Known:
        rows = tx.execute(_AROUND, asked).all()
        heard = heartbeats.heard_of(tx, workspace_id, [row.stream_id for row in rows])
        return _known(tx, workspace_id, rows, rows, heard)

    key = (around, workspace_id, tuple(asked["its_collectors"]), tuple(asked["its_streams"]))
    return _stand(once(tx, key, read, lambda found: rows_size(found.streams)), now)


def _known(
    tx: Tx,
    workspace_id: str,
    rows: Iterable[Row[Any]],
    wanted: Sequence[Row[Any]],
    beats: Mapping[bytes, Heard],
) -> _Known:
    """Put together what is known of the streams that are wanted; `rows` are at least all those of their collectors."""
    newest: dict[str, int] = {}
    for row in rows:
        newest[row.collector_id] = max(row.opened_at, newest.get(row.collector_id, 0))
    only = frozenset(row.stream_id for row in wanted)
    heads = heartbeats.at_high_water(tx, workspace_id, only)
    refused = stream_rows.unstored(tx, workspace_id)
    closed, notes = _closed(tx, workspace_id), _notes(tx, workspace_id, only)
    there = presence.noted(tx, workspace_id)
    intervals, doubled = _intervals(tx, workspace_id), disputes.doubled(tx, workspace_id)
    found = []
    for row in wanted:
        noted = notes.get(row.stream_id)
        taken = _taken(tx, workspace_id, row, noted)
        facts = Facts(
            opened_at=moment(row.opened_at),
            mark=row.mark,
            above=taken,
            unstored=refused.get(row.stream_id, ()),
            forked_from=row.forked_from,
            heard=beats.get(row.stream_id),
            at_high_water=heads.get(row.stream_id),
            closed=ranges(part for part in closed.get(row.stream_id, ()) if part[1] != NO_END),
            ends=frozenset(first for first, last in closed.get(row.stream_id, ()) if last == NO_END),
            newer=row.opened_at < newest[row.collector_id],
            ended=row.status in _ENDED,
            intermittent=bool(row.intermittent),
            lag=timedelta(seconds=row.lag_seconds),
            two_holders=row.stream_id in doubled,
        )
        found.append(_Stream(row, facts, noted, intervals.get(row.collector_id, completeness.INTERVAL)))
    return _Known(tuple(found), there)


def _stand(known: _Known, now: datetime) -> list[StreamNow]:
    found = []
    for row, facts, noted, interval in known.streams:
        state = completeness.state(facts, known.there, now, interval)
        whose = (row.collector_id, row.name)
        found.append(StreamNow(row.stream_id, *whose, row.mark, row.head, facts.above, facts.heard, state, noted))
    return found


def _rows(tx: Tx, workspace_id: str, collector_id: str | None) -> list[Row[Any]]:
    asked = _ROWS if collector_id is None else _ROWS.where(streams.c.collector_id == collector_id)
    return list(tx.execute(asked, {"its_workspace": workspace_id}))


def _intervals(tx: Tx, workspace_id: str) -> dict[str, timedelta]:
    """Give how often heartbeats are due of collectors that were asked for another interval.

    One that was asked may have obeyed before it says so, also where something newer was asked meanwhile; so of what was
    asked since its last answer the longest counts that it may keep to.
    """
    kept: dict[str, int] = {}
    may_be: dict[str, int] = {}
    for row in tx.execute(_INTERVALS, {"its_workspace": workspace_id}):
        if row.outcome in _OBEYED:
            kept[row.collector_id] = row.seconds
            may_be.pop(row.collector_id, None)
        else:
            may_be[row.collector_id] = max(row.seconds, may_be.get(row.collector_id, 0))
    return {
        one: max(completeness.INTERVAL, timedelta(seconds=max(kept.get(one, 0), may_be.get(one, 0))))
        for one in {*kept, *may_be}
    }


def _taken(tx: Tx, workspace_id: str, row: Row[Any], noted: Noted | None) -> Ranges:
    known: Ranges = () if row.mark < 0 else ((0, row.mark),)
    if row.head <= row.mark:
        return known
    # What was taken stays taken, or the note forgets it: only what was open is looked at again.
    known = ranges([*known, *(() if noted is None else noted.taken)])
    return stream_rows.taken_beside(tx, workspace_id, row.stream_id, known)


def _closed(tx: Tx, workspace_id: str) -> dict[bytes, list[Range]]:
    found: dict[bytes, list[Range]] = {}
    for row in tx.execute(_CLOSED, {"its_workspace": workspace_id}):
        found.setdefault(row.stream_id, []).append((row.first, row.last))
    return found


def _notes(tx: Tx, workspace_id: str, only: Collection[bytes]) -> dict[bytes, Noted]:
    asked, values = _NOTES, dict[str, object](its_workspace=workspace_id)
    if len(only) <= _FEW:
        asked, values = _NOTES_OF, values | {"its_streams": list(only)}
    found = tx.execute(asked, values)
    return {
        row.stream_id: Noted(
            Standing(row.standing),
            row.forked_from,
            read_ranges(parse_json(row.lacking.encode())),
            read_ranges(parse_json(row.taken.encode())),
        )
        for row in found
        if row.stream_id in only
    }
