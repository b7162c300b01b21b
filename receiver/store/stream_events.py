"""Changes of streams' states: only growing, each with the heartbeat that was the latest then."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, func, insert, select

from receiver.core.changes import Change, Kind
from receiver.core.trail import Act
from receiver.store import audit
from receiver.store.columns import micros, moment
from receiver.store.engine import Tx
from receiver.store.parts import Parts
from receiver.store.stream_tables import stream_events
from shared.encoding import JsonObject

# Built once, since building a query takes several times as long as running it.
_LAST = select(func.max(stream_events.c.e))
_ADD = insert(stream_events)
_LAST_REFUSED = (
    select(stream_events.c.first, stream_events.c.at)
    .where(
        stream_events.c.workspace_id == bindparam("its_workspace"),
        stream_events.c.stream_id == bindparam("its_stream"),
        stream_events.c.kind == Kind.BEAT_REFUSED.value,
    )
    .order_by(stream_events.c.e.desc())
    .limit(1)
)
_REFUSED_APART = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Event:
    """A change as it is kept, with when it was found."""

    at: datetime
    change: Change
    heartbeat: Parts | None


def add(tx: Tx, workspace_id: str, stream_id: bytes, change: Change, heartbeat: Parts | None, now: datetime) -> None:
    """Keep a change."""
    last: int | None = tx.execute(_LAST).scalar_one()
    tx.execute(
        _ADD,
        {
            "e": 1 if last is None else last + 1,
            "workspace_id": workspace_id,
            "stream_id": stream_id,
            "at": micros(now),
            "kind": change.kind.value,
            "first": change.first,
            "last": change.last,
            "key_id": None if heartbeat is None else heartbeat.key_id,
            "payload": None if heartbeat is None else heartbeat.payload,
            "signature": None if heartbeat is None else heartbeat.signature,
        },
    )


def refused_beat(tx: Tx, workspace_id: str, stream_id: bytes, collector_id: str, beat: int, now: datetime) -> None:
    """Keep, and tell the trail, that a heartbeat came that is not above the last; once, however often it comes.

    Of different ones one an hour is kept of each stream: whoever has an old copy of a spool may send without end.
    """
    change = Change(Kind.BEAT_REFUSED, beat)
    last = tx.execute(_LAST_REFUSED, {"its_workspace": workspace_id, "its_stream": stream_id}).one_or_none()
    if last is not None and (last.first == beat or abs(now - moment(last.at)) < _REFUSED_APART):
        return
    add(tx, workspace_id, stream_id, change, None, now)
    detail: JsonObject = {"collector": collector_id, "stream": stream_id.hex(), "beat": beat}
    audit.add(tx, workspace_id, Act(now, collector_id, f"stream.{change.kind.value}", detail))


def of_stream(tx: Tx, workspace_id: str, stream_id: bytes, limit: int) -> list[Event]:
    """Give the newest changes of a stream, newest first."""
    found = tx.execute(
        select(stream_events)
        .where(stream_events.c.workspace_id == workspace_id, stream_events.c.stream_id == stream_id)
        .order_by(stream_events.c.e.desc())
        .limit(limit)
    )
    return [
        Event(
            moment(row.at),
            Change(Kind(row.kind), row.first, row.last),
            None if row.payload is None else Parts(row.key_id, row.payload, row.signature),
        )
        for row in found
    ]
