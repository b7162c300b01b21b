"""What is stored, with what speaks against it beside: what reads give, of attestations and of records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from receiver.core.authorizing import Authorization
from receiver.core.holding import Standing
from receiver.core.posting import Record
from receiver.store import attestations, authorized, contradictions, records, standing, words
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
    """Something that was posted, the id (32 bytes) of the newest signed word on it, and what speaks against that.

    `standing` is how it stands now: like the newest word, or held as long as one is held that this goes on from.
    `authorized` says of a deployment whether it was allowed; None of everything else, announcements too.
    """

    row: RecordRow
    attestation_id: bytes
    against: tuple[Found, ...]
    standing: Standing
    authorized: Authorization | None = None


def of_attestations(tx: Tx, workspace_id: str, rows: Sequence[AttestationRow]) -> tuple[AttestationView, ...]:
    """Put beside attestations what speaks against them, and how they stand."""
    stood = standing.of_rows(tx, workspace_id, rows)
    return of_stood(tx, workspace_id, [Stood(row, stood[row.n]) for row in rows])


def of_stood(tx: Tx, workspace_id: str, rows: Sequence[Stood]) -> tuple[AttestationView, ...]:
    """Put beside attestations, of which it is known how they stand, what speaks against them."""
    if not rows:
        return ()
    posted = [one.row.n for one in rows if one.row.record is Record.DEPLOYMENT]
    deployed = records.deployed(records.of_attestations(tx, workspace_id, posted).values()) if posted else {}
    against = contradictions.of(tx, workspace_id, [one.row.n for one in rows], deployed)
    return tuple(AttestationView(one.row, tuple(against.get(one.row.n, ())), one.standing) for one in rows)


def of_records(tx: Tx, workspace_id: str, rows: Sequence[RecordRow]) -> tuple[RecordView, ...]:
    """Put beside records the ids of their attestations, what speaks against them, and how they stand."""
    if not rows:
        return ()
    said = {row.n: row for row in attestations.numbered(tx, workspace_id, {row.n for row in rows})}
    stood = words.standings(tx, workspace_id, said.values())
    against = contradictions.of(tx, workspace_id, list(said), records.deployed(rows))
    allowed = authorized.of(tx, workspace_id, rows)
    return tuple(
        RecordView(row, said[row.n].id, tuple(against.get(row.n, ())), stood[row.n], allowed.get(row.record_id))
        for row in rows
    )
