"""What is stored, with what speaks against it beside: what reads give, of attestations and of records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from receiver.core.holding import Standing
from receiver.store import attestations, contradictions, standing
from receiver.store.attestations import AttestationRow
from receiver.store.contradictions import Found
from receiver.store.engine import Tx
from receiver.store.records import RecordRow
from receiver.store.standing import Stood
from shared.encoding import JsonObject


@dataclass(frozen=True, slots=True)
class AttestationView:
    """An attestation, what speaks against it, and how it stands now, which its row alone does not say.

    `predicate` is the whole one as its signed bytes say it, where asked for.
    """

    row: AttestationRow
    against: tuple[Found, ...]
    standing: Standing
    predicate: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RecordView:
    """Something that was posted, the id (32 bytes) of the newest signed word on it, and what speaks against that."""

    row: RecordRow
    attestation_id: bytes
    against: tuple[Found, ...]


def of_attestations(tx: Tx, workspace_id: str, rows: Sequence[AttestationRow]) -> tuple[AttestationView, ...]:
    """Put beside attestations what speaks against them, and how they stand."""
    stood = standing.of_rows(tx, workspace_id, rows)
    return of_stood(tx, workspace_id, [Stood(row, stood[row.n]) for row in rows])


def of_stood(tx: Tx, workspace_id: str, rows: Sequence[Stood]) -> tuple[AttestationView, ...]:
    """Put beside attestations, of which it is known how they stand, what speaks against them."""
    if not rows:
        return ()
    against = contradictions.of(tx, workspace_id, [one.row.n for one in rows])
    return tuple(AttestationView(one.row, tuple(against.get(one.row.n, ())), one.standing) for one in rows)


def of_records(tx: Tx, workspace_id: str, rows: Sequence[RecordRow]) -> tuple[RecordView, ...]:
    """Put beside records the ids of their attestations and what speaks against them."""
    if not rows:
        return ()
    numbers = [row.n for row in rows]
    ids = attestations.ids_of(tx, workspace_id, numbers)
    against = contradictions.of(tx, workspace_id, numbers)
    return tuple(RecordView(row, ids[row.n], tuple(against.get(row.n, ()))) for row in rows)
