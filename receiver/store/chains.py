"""Which chains show that what came late had been there before: streams walked upwards, each place read once."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, FromClause, and_, func, select

from receiver.core.chains import Link, Stretch, stretch
from receiver.store.columns import micros, moment
from receiver.store.engine import Tx
from receiver.store.identity_tables import rotations
from receiver.store.schema import attestations, places, streams

_RUN = 256
COVERED: ColumnElement[Any] = func.coalesce(
    places.c.first_covered, attestations.c.received_at, rotations.c.received_at
).label("received_at")
"""When what stands at a place was first covered by a receipt; null where nothing is known of that."""


class Chains:
    """What the chains of a workspace's streams show, as one transaction sees them: each place is read once.

    Whoever looks at many rows in portions shares one of these between the portions.
    """

    def __init__(self, tx: Tx, workspace_id: str) -> None:
        self._tx = tx
        self._workspace_id = workspace_id
        self._walks: dict[tuple[bytes, int, datetime], _Walk] = {}

    def lead(self, stream_id: bytes, sequence: int, reach: int, since: datetime) -> bool:
        """Say whether the chain from a place of a stream up leads to what was received before a time.

        `reach` is the last sequence of the stream that was.
        """
        key = stream_id, reach, since
        if key not in self._walks:
            self._walks[key] = _Walk(self._tx, self._workspace_id, stream_id, reach, micros(since))
        return sequence <= reach and self._walks[key].leads(sequence)


@dataclass(slots=True)
class _Walk:
    """The places of one stream, read upwards as far as one asks; `above` is what decides of what is open below it."""

    tx: Tx
    workspace_id: str
    stream_id: bytes
    reach: int
    since: int
    read: dict[int, Stretch] = field(default_factory=dict)
    above: dict[int, bool] = field(default_factory=dict)

    def leads(self, sequence: int) -> bool:
        at = sequence // _RUN
        here = self._at(at)
        if sequence in here.shown:
            return True
        return sequence >= here.open_from and self._decided_above(at)

    def _decided_above(self, at: int) -> bool:
        passed: list[int] = []
        decided: bool | None = self.above.get(at)
        while decided is None:
            passed.append(at)
            at += 1
            if at * _RUN > self.reach:
                decided = False
            else:
                decided = self._at(at - 1).decided_by(self._at(at))
                decided = self.above.get(at) if decided is None else decided
        self.above |= dict.fromkeys(passed, decided)
        return decided

    def _at(self, at: int) -> Stretch:
        if at not in self.read:
            first = at * _RUN
            last = min(first + _RUN - 1, self.reach)
            asked = (
                select(places.c.sequence, places.c.id, places.c.previous, (COVERED.element < self.since).label("early"))
                .select_from(covered(places))
                .where(
                    places.c.workspace_id == self.workspace_id,
                    places.c.stream_id == self.stream_id,
                    places.c.sequence.between(first, last),
                )
                .order_by(places.c.sequence)
            )
            rows = self.tx.execute(asked)
            links = [Link(row.sequence, row.id, row.previous, bool(row.early)) for row in rows]
            self.read[at] = stretch(links, first, last)
        return self.read[at]


def reach_before(tx: Tx, workspace_id: str, collector_id: str, since: datetime | None) -> dict[bytes, int]:
    """Give how far each stream of a collector had come before a time; a stream that had not is left out."""
    if since is None:
        return {}
    its = and_(places.c.workspace_id == streams.c.workspace_id, places.c.stream_id == streams.c.stream_id)
    asked = (
        select(places.c.stream_id, func.max(places.c.sequence).label("reach"))
        .select_from(covered(streams.join(places, its)))
        .where(
            streams.c.workspace_id == workspace_id,
            streams.c.collector_id == collector_id,
            COVERED.element < micros(since),
        )
        .group_by(places.c.stream_id)
    )
    return {row.stream_id: row.reach for row in tx.execute(asked)}


def refused_first(tx: Tx, workspace_id: str) -> set[tuple[bytes, datetime]]:
    """Give the id of everything that was refused when a receipt first covered it, and when that was."""
    found = tx.execute(
        select(places.c.id, places.c.first_covered).where(
            places.c.workspace_id == workspace_id, places.c.first_covered.is_not(None)
        )
    )
    return {(row.id, moment(row.first_covered)) for row in found}


def covered(some: FromClause) -> FromClause:
    """Join what stands at places to them, for `COVERED`."""
    return some.outerjoin(
        attestations, and_(attestations.c.workspace_id == places.c.workspace_id, attestations.c.id == places.c.id)
    ).outerjoin(rotations, and_(rotations.c.workspace_id == places.c.workspace_id, rotations.c.id == places.c.id))
