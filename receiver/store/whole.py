"""All attestations with everything that is stored of them, and places that lack what they name: for a whole check.

What hangs on an attestation is found by other things than its number, so the tables are read beside each other, each
once and in the order of the numbers: as many steps as there are rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, or_, select

from receiver.store.attestations import WITH_PARTS, New, read_row
from receiver.store.chains import covered
from receiver.store.engine import IN_PORTIONS, Tx
from receiver.store.identity_tables import rotations
from receiver.store.parts import Parts
from receiver.store.record_tables import components, contradictions, dated_reports
from receiver.store.schema import attestations, places, streams, subjects
from shared.judging.contradictions import OF_OTHERS, Contradiction, Kind


def pages(tx: Tx, workspace_id: str, size: int) -> Iterator[tuple[New, ...]]:
    """Give the attestations of a workspace in the order of storage, so many at a time."""
    rows = _all(tx, workspace_id)
    while page := tuple(islice(rows, size)):
        yield page


def _all(tx: Tx, workspace_id: str) -> Iterator[New]:
    digests = _Beside(tx, workspace_id, subjects.c.n, subjects.c.digest)
    listed = _Beside(tx, workspace_id, components.c.n, components.c.component)
    against = _Beside(
        tx,
        workspace_id,
        contradictions.c.n,
        contradictions.c.kind,
        contradictions.c.field,
        contradictions.c.detail,
        only=contradictions.c.kind.not_in(OF_OTHERS),
    )
    dated = _Beside(tx, workspace_id, dated_reports.c.n, dated_reports.c.digest)
    asked = WITH_PARTS.where(attestations.c.workspace_id == workspace_id).order_by(attestations.c.n)
    for row in tx.execute(asked, execution_options=IN_PORTIONS):
        reports = dated.of(row.n)
        yield New(
            read_row(row),
            Parts(row.key_id, row.payload, row.signature),
            tuple(sorted(one.digest for one in digests.of(row.n))),
            tuple(Contradiction(Kind(one.kind), one.field, one.detail) for one in against.of(row.n)),
            tuple(one.component for one in listed.of(row.n)),
            reports[-1].digest if reports else None,
        )


def places_of_nothing(tx: Tx, workspace_id: str) -> dict[bytes, list[int]]:
    """Give by stream the places of a workspace that name what is not there, or stands elsewhere.

    What was stored has its row; of what was refused it is known when that was.
    """
    elsewhere = [
        table.c.id.is_(None)
        | table.c.stream_id.is_distinct_from(places.c.stream_id)
        | table.c.sequence.is_distinct_from(places.c.sequence)
        for table in (attestations, rotations)
    ]
    found = tx.execute(
        select(places.c.stream_id, places.c.sequence)
        .select_from(covered(places))
        .where(
            places.c.workspace_id == workspace_id,
            or_(
                (places.c.stored == 0) & places.c.first_covered.is_(None),
                and_(places.c.stored == 1, *elsewhere),
            ),
        )
        .order_by(places.c.stream_id, places.c.sequence)
    )
    lacking: dict[bytes, list[int]] = {}
    for row in found:
        lacking.setdefault(row.stream_id, []).append(row.sequence)
    return lacking


def parted(tx: Tx, workspace_id: str) -> dict[bytes, int | None]:
    """Give of the streams of a workspace the last register number when they were found to part."""
    found = tx.execute(
        select(streams.c.stream_id, streams.c.forked_after).where(streams.c.workspace_id == workspace_id)
    )
    return {row.stream_id: row.forked_after for row in found}


def has_branches(tx: Tx, workspace_id: str, stream_id: bytes, sequence: int) -> bool:
    """Say whether a stream parts at a sequence: two are stored there or behind it, or one names another before it."""
    around = (sequence, sequence + 1)
    stand = {
        row.sequence: row
        for row in tx.execute(
            select(places.c.sequence, places.c.id, places.c.previous).where(
                places.c.workspace_id == workspace_id, places.c.stream_id == stream_id, places.c.sequence.in_(around)
            )
        )
    }
    if len(stand) == len(around) and stand[sequence + 1].previous not in {None, stand[sequence].id}:
        return True
    return any(
        row.sequence in stand and row.id != stand[row.sequence].id
        for table in (attestations, rotations)
        for row in tx.execute(
            select(table.c.sequence, table.c.id).where(
                table.c.workspace_id == workspace_id, table.c.stream_id == stream_id, table.c.sequence.in_(around)
            )
        )
    )


class _Beside:
    """A table whose rows hang on attestations, read along with them."""

    def __init__(
        self,
        tx: Tx,
        workspace_id: str,
        n: ColumnElement[int],
        *columns: ColumnElement[Any],
        only: ColumnElement[bool] | None = None,
    ) -> None:
        table = n.table
        asked = select(n.label("n"), *columns).where(table.c.workspace_id == workspace_id)
        if only is not None:
            asked = asked.where(only)
        self._rows = iter(tx.execute(asked.order_by(n), execution_options=IN_PORTIONS))
        self._next = next(self._rows, None)

    def of(self, n: int) -> list[Row[Any]]:
        """Give the rows of a number; numbers are asked for in rising order."""
        found: list[Row[Any]] = []
        while self._next is not None and self._next.n <= n:
            if self._next.n == n:
                found.append(self._next)
            self._next = next(self._rows, None)
        return found
