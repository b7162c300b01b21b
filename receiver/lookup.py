"""Read what is stored: the keyring, attestations and their exact envelopes, records, collectors."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Generic, TypeAlias, TypeVar

from receiver.core.cursors import read_number, read_pair, write_cursor
from receiver.core.posting import Record
from receiver.store import (
    attestation_pages,
    contradictions,
    heartbeats,
    register,
    rotations,
    standing,
    views,
    workspaces,
)
from receiver.store import attestations as attestation_rows
from receiver.store import collectors as collector_rows
from receiver.store import records as record_rows
from receiver.store.collectors import Collector, CollectorKey
from receiver.store.columns import micros
from receiver.store.engine import Store, Tx
from shared.encoding import parse_payload
from shared.keys import PublicKey
from shared.predicates import KEYRING

MAX_LIMIT = 200

# Named here because whoever calls a use case does not look into the store.
AttestationRow: TypeAlias = attestation_rows.AttestationRow
Filters: TypeAlias = attestation_pages.Filters
FromCollector: TypeAlias = attestation_rows.FromCollector
Against: TypeAlias = contradictions.Found
CollectorStatus: TypeAlias = collector_rows.CollectorStatus
AttestationView: TypeAlias = views.AttestationView
RecordView: TypeAlias = views.RecordView
RecordRow: TypeAlias = record_rows.RecordRow
RecordFilters: TypeAlias = record_rows.RecordFilters

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A page of a list, newest first, and the cursor of the next one; None at the end."""

    items: tuple[T, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class KeyringParts:
    """All versions of a keyring as exact envelopes, oldest first, the root key, and the names of the workspace."""

    root_spki: bytes
    versions: tuple[bytes, ...]
    receiver_id: str
    workspace_id: str


@dataclass(frozen=True, slots=True)
class CollectorView:
    """A collector, its keys, and when its last heartbeat came (None: never)."""

    collector: Collector
    keys: tuple[CollectorKey, ...]
    heard_at: datetime | None


def keyring(store: Store, workspace_id: str) -> KeyringParts:
    """Give the signed keyring of a workspace; raises `StateError` without one."""

    def act(tx: Tx) -> KeyringParts:
        workspace = workspaces.get(tx, workspace_id)
        versions = tuple(row.parts.envelope().to_bytes() for row in register.rows(tx, workspace_id, KEYRING))
        return KeyringParts(PublicKey(workspace.root_key).spki, versions, workspace.receiver_id, workspace_id)

    return store.read(act)


def attestations(
    store: Store, workspace_id: str, filters: Filters, limit: int, cursor: str | None = None
) -> Page[AttestationView]:
    """Give a page of attestations, at most 200; raises `MalformedError` for a cursor that is not ours."""
    before = None if cursor is None else read_number(cursor)
    limit = min(max(limit, 1), MAX_LIMIT)

    def act(tx: Tx) -> Page[AttestationView]:
        found = standing.page(tx, workspace_id, filters, limit + 1, before)
        return Page(
            views.of_stood(tx, workspace_id, found[:limit]),
            write_cursor(found[limit - 1].row.n) if len(found) > limit else None,
        )

    return store.read(act)


def attestation(store: Store, workspace_id: str, attestation_id: bytes) -> AttestationView:
    """Give one attestation (id of 32 bytes); raises `StateError` (`not_found`)."""

    def act(tx: Tx) -> AttestationView:
        row, parts = attestation_rows.get(tx, workspace_id, attestation_id)
        (view,) = views.of_attestations(tx, workspace_id, [row])
        predicate = parse_payload(parts.payload).get("predicate")
        return replace(view, predicate=predicate if isinstance(predicate, dict) else {})

    return store.read(act)


def envelope(store: Store, workspace_id: str, attestation_id: bytes) -> bytes:
    """Give the exact bytes that were received, of a key rotation too; raises `StateError` (`not_found`)."""

    def act(tx: Tx) -> bytes:
        turned = rotations.find(tx, workspace_id, attestation_id)
        if turned is not None:
            return turned.envelope.to_bytes()
        return attestation_rows.get(tx, workspace_id, attestation_id)[1].envelope().to_bytes()

    return store.read(act)


def records(
    store: Store, workspace_id: str, kind: Record, filters: RecordFilters, limit: int, cursor: str | None = None
) -> Page[RecordView]:
    """Give a page of what was posted of a kind, at most 200; raises `MalformedError` for a cursor that is not ours."""
    before = None if cursor is None else read_number(cursor)
    limit = min(max(limit, 1), MAX_LIMIT)

    def act(tx: Tx) -> Page[RecordView]:
        rows = record_rows.page(tx, workspace_id, kind, filters, limit + 1, before)
        return Page(
            views.of_records(tx, workspace_id, rows[:limit]),
            write_cursor(rows[limit - 1].r) if len(rows) > limit else None,
        )

    return store.read(act)


def record(store: Store, workspace_id: str, kind: Record, record_id: str) -> RecordView:
    """Give one record; raises `StateError` (`not_found`)."""

    def act(tx: Tx) -> RecordView:
        (found,) = views.of_records(tx, workspace_id, [record_rows.get(tx, workspace_id, kind, record_id)])
        return found

    return store.read(act)


def collectors(store: Store, workspace_id: str, limit: int, cursor: str | None = None) -> Page[CollectorView]:
    """Give a page of collectors, at most 200; raises `MalformedError` for a cursor that is not ours."""
    before = None if cursor is None else read_pair(cursor)
    limit = min(max(limit, 1), MAX_LIMIT)

    def act(tx: Tx) -> Page[CollectorView]:
        rows = collector_rows.page(tx, workspace_id, limit + 1, before)
        last = rows[limit - 1] if len(rows) > limit else None
        return Page(
            tuple(_view(tx, workspace_id, row) for row in rows[:limit]),
            None if last is None else write_cursor(micros(last.created_at), last.collector_id),
        )

    return store.read(act)


def collector(store: Store, workspace_id: str, collector_id: str) -> CollectorView:
    """Give one collector; raises `StateError` (`not_found`)."""
    return store.read(lambda tx: _view(tx, workspace_id, collector_rows.get(tx, workspace_id, collector_id)))


def _view(tx: Tx, workspace_id: str, row: Collector) -> CollectorView:
    keys = collector_rows.keys(tx, workspace_id, row.collector_id)
    heard = [one.received_at for one in heartbeats.every(tx, workspace_id, row.collector_id)]
    return CollectorView(row, tuple(keys), max(heard, default=None))
