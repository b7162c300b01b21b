"""The latest heartbeat of each stream."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, bindparam, insert, select, update

from receiver.core.beats import Beat
from receiver.core.completeness import Heard
from receiver.core.hearing import hear, read_ended, read_steps, write_ended, write_steps
from receiver.store.columns import micros, moment, moment_or_none
from receiver.store.engine import Tx
from receiver.store.parts import Parts, parts_of
from receiver.store.schema import heartbeats, places

_FEW = 100
"""Up to so many streams are asked for by name."""
_ENVELOPE = frozenset({"payload", "signature", "key_id"})
_KEY = ("workspace_id", "stream_id")
_STAYS = frozenset({*_KEY, "collector_id"})

# Asked for with every heartbeat: built once, since building a query takes several times as long as running it.
_LATEST = select(heartbeats).where(
    heartbeats.c.workspace_id == bindparam("its_workspace"), heartbeats.c.stream_id == bindparam("its_stream")
)
_SAID = select(*(column for column in heartbeats.c if column.name not in _ENVELOPE))
_HEARD = _SAID.where(
    heartbeats.c.workspace_id == bindparam("its_workspace"),
    heartbeats.c.stream_id.in_(bindparam("its_streams", expanding=True)),
)
_AT_HIGH_WATER = (
    select(places.c.stream_id, places.c.id)
    .join_from(
        heartbeats,
        places,
        (places.c.workspace_id == heartbeats.c.workspace_id)
        & (places.c.stream_id == heartbeats.c.stream_id)
        & (places.c.sequence == heartbeats.c.high_water),
    )
    .where(heartbeats.c.workspace_id == bindparam("its_workspace"))
)
_AT_HIGH_WATER_OF = _AT_HIGH_WATER.where(heartbeats.c.stream_id.in_(bindparam("its_streams", expanding=True)))
_FIRST = insert(heartbeats)
_NEXT = (
    update(heartbeats)
    .where(*(heartbeats.c[name] == bindparam(f"its_{name}") for name in _KEY))
    .values({column.name: bindparam(column.name) for column in heartbeats.c if column.name not in _STAYS})
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


def latest(tx: Tx, workspace_id: str, stream_id: bytes) -> HeartbeatRow | None:
    """Give the latest heartbeat of a stream."""
    row = tx.execute(_LATEST, {"its_workspace": workspace_id, "its_stream": stream_id}).one_or_none()
    return None if row is None else _read(row)


def every(tx: Tx, workspace_id: str, collector_id: str | None = None) -> list[HeartbeatRow]:
    """Give the latest heartbeat of every stream of a workspace, or of one collector."""
    asked = select(heartbeats).where(heartbeats.c.workspace_id == workspace_id)
    if collector_id is not None:
        asked = asked.where(heartbeats.c.collector_id == collector_id)
    return [_read(row) for row in tx.execute(asked)]


def heard(tx: Tx, workspace_id: str, collector_id: str | None = None) -> dict[bytes, Heard]:
    """Give what the latest heartbeats say, without the heartbeats: of a workspace's streams, or of one collector's."""
    asked = _SAID.where(heartbeats.c.workspace_id == workspace_id)
    if collector_id is not None:
        asked = asked.where(heartbeats.c.collector_id == collector_id)
    return {row.stream_id: _heard(row) for row in tx.execute(asked)}


def heard_of(tx: Tx, workspace_id: str, stream_ids: Collection[bytes]) -> dict[bytes, Heard]:
    """Give what the latest heartbeats of some streams say; streams without any are left out."""
    if not stream_ids:
        return {}
    found = tx.execute(_HEARD, {"its_workspace": workspace_id, "its_streams": list(stream_ids)})
    return {row.stream_id: _heard(row) for row in found}


def at_high_water(tx: Tx, workspace_id: str, only: Collection[bytes]) -> dict[bytes, bytes]:
    """Give the ids that stand at the places which the latest heartbeats of some streams name as the highest."""
    asked = _AT_HIGH_WATER
    values: dict[str, object] = {"its_workspace": workspace_id}
    if len(only) <= _FEW:
        asked, values = _AT_HIGH_WATER_OF, values | {"its_streams": list(only)}
    found = tx.execute(asked, values)
    return {row.stream_id: row.id for row in found}


def next_row(beat: Beat, before: Heard | None, receipt_id: bytes, now: datetime, lag: timedelta) -> HeartbeatRow:
    """Give what is kept of a heartbeat that was believed; `before` is what is kept of the one before it."""
    heard = hear(beat.content, before, now, lag)
    collector_id = beat.content.collector.id
    return HeartbeatRow(beat.stream_id, collector_id, heard, receipt_id, beat.envelope.id, parts_of(beat.envelope))


def save(tx: Tx, workspace_id: str, rows: Iterable[HeartbeatRow], known: Collection[bytes]) -> None:
    """Keep heartbeats of different streams, each in place of the one before; `known` are the streams that have one."""
    first, following = list[dict[str, object]](), list[dict[str, object]]()
    for row in rows:
        values = _values(row)
        if row.stream_id in known:
            following.append(values | {"its_workspace_id": workspace_id, "its_stream_id": row.stream_id})
        else:
            its = {"workspace_id": workspace_id, "stream_id": row.stream_id, "collector_id": row.collector_id}
            first.append(values | its)
    if first:
        tx.execute(_FIRST, first)
    if following:
        tx.execute(_NEXT, following)


def _values(row: HeartbeatRow) -> dict[str, object]:
    heard = row.heard
    return {
        "beat": heard.beat,
        "received_at": micros(heard.received_at),
        "receipt_id": row.receipt_id,
        "closed": int(heard.closed),
        "id": row.id,
        "key_id": row.parts.key_id,
        "payload": row.parts.payload,
        "signature": row.parts.signature,
        "issued_at": None if heard.issued_at is None else micros(heard.issued_at),
        "high_water": heard.high_water,
        "head": heard.head,
        "waiting": heard.waiting,
        "steps": write_steps(heard.steps),
        "ended": write_ended(heard.refused, heard.dropped),
    }


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


def _read(row: Row[Any]) -> HeartbeatRow:
    return HeartbeatRow(
        row.stream_id,
        row.collector_id,
        _heard(row),
        row.receipt_id,
        row.id,
        Parts(row.key_id, row.payload, row.signature),
    )
