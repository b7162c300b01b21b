"""What is stored, with what speaks against it beside: what reads give, of attestations and of records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from receiver.store import attestations, contradictions
from receiver.store.attestations import AttestationRow
from receiver.store.contradictions import Found
from receiver.store.engine import Tx
from receiver.store.records import RecordRow
from shared.encoding import JsonObject


@dataclass(frozen=True, slots=True)
class AttestationView:
    """An attestation, what speaks against it, and the whole predicate as its signed bytes say it, where asked for."""

    row: AttestationRow
    against: tuple[Found, ...]
    predicate: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RecordView:
    """Something that was posted, the id (32 bytes) of the newest signed word on it, and what speaks against that."""

    row: RecordRow
    attestation_id: bytes
    against: tuple[Found, ...]


def of_attestations(tx: Tx, workspace_id: str, rows: Sequence[AttestationRow]) -> tuple[AttestationView, ...]:
    """Put beside attestations what speaks against them."""
    if not rows:
        return ()
    against = contradictions.of(tx, workspace_id, [row.n for row in rows])
    return tuple(AttestationView(row, tuple(against.get(row.n, ()))) for row in rows)


def of_records(tx: Tx, workspace_id: str, rows: Sequence[RecordRow]) -> tuple[RecordView, ...]:
    """Put beside records the ids of their attestations and what speaks against them."""
    if not rows:
        return ()
    numbers = [row.n for row in rows]
    ids = attestations.ids_of(tx, workspace_id, numbers)
    against = contradictions.of(tx, workspace_id, numbers)
    return tuple(RecordView(row, ids[row.n], tuple(against.get(row.n, ()))) for row in rows)
