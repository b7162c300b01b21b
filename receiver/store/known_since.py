"""Since when what stands in a stream is known: when a receipt first covered it, or an entry whose chain leads to it.

What follows in a stream was made later, so what came late had been there before. Entries that come in order are known
since they came, and most do: each stretch of a stream is looked through once, and then only what came since.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, and_, bindparam, case, func, select

from receiver.store.chains import COVERED, covered
from receiver.store.columns import moment
from receiver.store.engine import Tx
from receiver.store.identity_tables import rotations
from receiver.store.schema import attestations, places

_KEPT = 1_000
_ITS = and_(
    places.c.workspace_id == bindparam("its_workspace"),
    places.c.stream_id == bindparam("its_stream"),
    places.c.sequence >= bindparam("low"),
)


def _late_ones() -> Select[Any]:
    """Ask for what was known before it was stored; a run of places ends where one does not name the one before it."""
    order = places.c.sequence
    follows = and_(
        func.lag(order).over(order_by=order) == order - 1,
        func.lag(places.c.id).over(order_by=order) == places.c.previous,
    )
    each = (
        select(
            order.label("sequence"),
            places.c.id.label("id"),
            attestations.c.received_at.label("received_at"),
            COVERED.element.label("covered"),
            case((follows, 0), else_=1).label("begins"),
        )
        .select_from(covered(places))
        .where(_ITS)
        .subquery()
    )
    runs = select(each, func.sum(each.c.begins).over(order_by=each.c.sequence).label("run")).subquery()
    since = func.min(runs.c.covered).over(partition_by=runs.c.run, order_by=runs.c.sequence.desc()).label("since")
    known = select(runs.c.id, runs.c.received_at, since).subquery()
    return select(known.c.id, known.c.since).where(known.c.since < known.c.received_at)


# Asked for with every question: built once, since building a query takes several times as long as running it.
_LATE = _late_ones()
_at = places.alias()
_AT = select(_at.c.id).where(
    _at.c.workspace_id == bindparam("its_workspace"),
    _at.c.stream_id == bindparam("its_stream"),
    _at.c.sequence == bindparam("its_sequence"),
)
_COUNTED = (
    select(
        func.count(places.c.sequence).label("places"),
        func.max(places.c.sequence).label("head"),
        func.min(COVERED.element).label("earliest"),
        func.max(COVERED.element).label("latest"),
        func.count(func.coalesce(attestations.c.received_at, rotations.c.received_at)).label("stored"),
        _AT.scalar_subquery().label("below"),
    )
    .select_from(covered(places))
    .where(_ITS)
)


@dataclass(frozen=True, slots=True)
class _Stretch:
    """A stream from `low` to `head`: when the last of it was received, and what of it was known before it came.

    `head_id` is what stands at the head (32 bytes): where it is not there any more the database was restored.
    """

    low: int
    head: int
    head_id: bytes | None
    latest: int
    whole: bool
    since: Mapping[bytes, int]


class KnownSince:
    """What was found of streams, the least used forgotten first; safe to use from several threads."""

    def __init__(self, kept: int = _KEPT) -> None:
        """Take of how many streams something is kept."""
        self._kept = kept
        self._stretches: OrderedDict[tuple[str, bytes], _Stretch] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, tx: Tx, workspace_id: str, stream_id: bytes, low: int) -> dict[bytes, datetime]:
        """Give by id what stands in a stream from a sequence on and was known before it was stored: since when."""
        key = (workspace_id, stream_id)
        with self._lock:
            before = self._stretches.get(key)
        now = _grown(tx, workspace_id, stream_id, low, before)
        with self._lock:
            if now.whole:
                self._stretches[key] = now
                self._stretches.move_to_end(key)
            else:
                # Something may still come into its holes, or what was refused be stored after all.
                self._stretches.pop(key, None)
            while len(self._stretches) > self._kept:
                self._stretches.popitem(last=False)
        return {id_: moment(at) for id_, at in now.since.items()}


def _grown(tx: Tx, workspace_id: str, stream_id: bytes, low: int, before: _Stretch | None) -> _Stretch:
    if before is None or before.low > low:
        return _looked(tx, workspace_id, stream_id, low)
    new = _counted(tx, workspace_id, stream_id, before.head + 1)
    if new.below != before.head_id:
        return _looked(tx, workspace_id, stream_id, low)
    if not new.places:
        return before
    if new.earliest is None or new.earliest < before.latest:
        return _looked(tx, workspace_id, stream_id, before.low)
    # What came later than everything below it changes nothing there; its chain begins at what was the head.
    at_end = _looked(tx, workspace_id, stream_id, before.head)
    since = {**before.since, **at_end.since}
    return _Stretch(before.low, at_end.head, at_end.head_id, at_end.latest, at_end.whole, since)


def _looked(tx: Tx, workspace_id: str, stream_id: bytes, low: int) -> _Stretch:
    found = _counted(tx, workspace_id, stream_id, low)
    if not found.places:
        return _Stretch(low, low, None, 0, whole=False, since={})
    whole = found.places == found.stored == found.head - low + 1
    at_head = {"its_workspace": workspace_id, "its_stream": stream_id, "its_sequence": found.head}
    head_id = tx.execute(_AT, at_head).scalar_one()
    return _Stretch(low, found.head, head_id, found.latest or 0, whole, _late(tx, workspace_id, stream_id, low))


def _counted(tx: Tx, workspace_id: str, stream_id: bytes, low: int) -> Row[Any]:
    """Count what stands from a sequence on; `below` is the id of what stands right below."""
    asked = {"its_workspace": workspace_id, "its_stream": stream_id, "low": low, "its_sequence": low - 1}
    return tx.execute(_COUNTED, asked).one()


def _late(tx: Tx, workspace_id: str, stream_id: bytes, low: int) -> dict[bytes, int]:
    """Give what was known before it was stored."""
    rows = tx.execute(_LATE, {"its_workspace": workspace_id, "its_stream": stream_id, "low": low})
    return {row.id: row.since for row in rows}
