"""What was posted, as it stands now: attestations, runs, artifacts and deployments, one row for each that is answered.

The signed words are in `attestations`; a row here points at the newest of them. A correction is a row of its own: the
one before stays, and names the one that came after it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, func, insert, not_, or_, select, update

from receiver.core.posting import Record
from receiver.store.columns import micros, moment, moment_or_none
from receiver.store.engine import Tx
from receiver.store.keyed import of_workspace
from receiver.store.record_tables import records
from receiver.store.schema import attestations
from shared.encoding import JsonObject, canonical, parse_object
from shared.errors import Code, StateError

# Asked for with every post: built once, since building a query takes several times as long as running it.
_LAST = select(func.max(records.c.r))
_NEWEST = (
    select(records)
    .where(
        records.c.workspace_id == bindparam("its_workspace"),
        records.c.kind == bindparam("its_kind"),
        records.c.natural_key == bindparam("its_key"),
    )
    .order_by(records.c.version.desc())
    .limit(1)
)
_INSERT = insert(records)


@dataclass(frozen=True, slots=True)
class RecordRow:
    """One thing that was posted: `r` is its number in the order of storage, `n` that of its newest attestation.

    `natural_key` and `content` are 32 bytes, `digest` is an artifact's SHA-256; `version` counts corrections from 1.
    `target` and `awaited_until` are a deployment's: what it is of, and until when an announced one may still come;
    `passport` is the number of the passport in force of it when it was stored.
    """

    r: int
    kind: Record
    record_id: str
    natural_key: bytes | None
    version: int
    supersedes: str | None
    superseded_by: str | None
    content: bytes
    n: int
    token_id: str
    status: str | None
    name: str | None
    repository: str | None
    commit: str | None
    digest: bytes | None
    pr_number: int | None
    run: str | None
    service: str | None
    environment: str | None
    target: str | None
    awaited_until: datetime | None
    created_at: datetime
    updated_at: datetime
    fields: JsonObject
    passport: int | None = None


@dataclass(frozen=True, slots=True)
class RecordFilters:
    """What a list of records is narrowed by; None does not narrow. `current` leaves out what was corrected.

    `missing` keeps announced deployments that have not come and whose time is over `now`, or all others.
    """

    repository: str | None = None
    commit: str | None = None
    digest: bytes | None = None
    pr_number: int | None = None
    service: str | None = None
    environment: str | None = None
    status: str | None = None
    name: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    current: bool = False
    missing: bool | None = None
    now: datetime | None = None


def next_number(tx: Tx) -> int:
    """Give the next number in the order of storage; only good in this write transaction."""
    last: int | None = tx.execute(_LAST).scalar_one()
    return 1 if last is None else last + 1


def newest(tx: Tx, workspace_id: str, kind: Record, natural_key: bytes) -> RecordRow | None:
    """Find the newest version of what goes by this key."""
    asked = {"its_workspace": workspace_id, "its_kind": kind.value, "its_key": natural_key}
    row = tx.execute(_NEWEST, asked).one_or_none()
    return None if row is None else read(row)


def get(tx: Tx, workspace_id: str, kind: Record, record_id: str) -> RecordRow:
    """Give one record; raises `StateError` (`not_found`), for another workspace's too."""
    row = find(tx, workspace_id, record_id)
    if row is None or row.kind is not kind:
        raise StateError(Code.NOT_FOUND, f"there is no such {kind.value} in this workspace")
    return row


def add(tx: Tx, workspace_id: str, row: RecordRow) -> None:
    """Store a record, and name it in the one that it corrects; a second one of a key and version is refused."""
    tx.execute(_INSERT, {"workspace_id": workspace_id, **_columns(row)})
    if row.supersedes is not None:
        tx.execute(
            update(records)
            .where(records.c.workspace_id == workspace_id, records.c.record_id == row.supersedes)
            .values(superseded_by=row.record_id, awaited_until=None)
        )


def change(tx: Tx, workspace_id: str, row: RecordRow) -> None:
    """Let a record stand as it is given."""
    tx.execute(
        update(records)
        .where(records.c.workspace_id == workspace_id, records.c.record_id == row.record_id)
        .values(**_columns(row))
    )


def page(
    tx: Tx, workspace_id: str, kind: Record, filters: RecordFilters, limit: int, before: int | None
) -> list[RecordRow]:
    """Give records of one kind, newest first, below the number that the page before ended at."""
    asked = (
        select(records)
        .where(records.c.workspace_id == workspace_id, records.c.kind == kind.value)
        .order_by(records.c.r.desc())
        .limit(limit)
    )
    if before is not None:
        asked = asked.where(records.c.r < before)
    equal = {
        records.c.repository: filters.repository,
        records.c.commit: filters.commit,
        records.c.digest: filters.digest,
        records.c.pr_number: filters.pr_number,
        records.c.service: filters.service,
        records.c.environment: filters.environment,
        records.c.status: filters.status,
        records.c.name: filters.name,
    }
    for column, value in equal.items():
        if value is not None:
            asked = asked.where(column == value)
    if filters.current:
        asked = asked.where(records.c.superseded_by.is_(None))
    if filters.missing is not None and filters.now is not None:
        over = records.c.awaited_until < micros(filters.now)
        asked = asked.where(over if filters.missing else or_(records.c.awaited_until.is_(None), not_(over)))
    if filters.since is not None:
        asked = asked.where(records.c.created_at >= micros(filters.since))
    if filters.until is not None:
        asked = asked.where(records.c.created_at < micros(filters.until))
    return [read(row) for row in tx.execute(asked)]


def numbered(tx: Tx, workspace_id: str, numbers: Collection[int]) -> list[RecordRow]:
    """Give the records with these numbers, newest first."""
    found = tx.execute(
        select(records)
        .where(of_workspace(records, workspace_id), records.c.r.in_(list(numbers)))
        .order_by(records.c.r.desc())
    )
    return [read(row) for row in found]


def find(tx: Tx, workspace_id: str, record_id: str) -> RecordRow | None:
    """Find a record of any kind by its id; what cannot be one is not looked for."""
    if "\0" in record_id:
        return None
    row = tx.execute(
        select(records).where(records.c.workspace_id == workspace_id, records.c.record_id == record_id)
    ).one_or_none()
    return None if row is None else read(row)


def stored(tx: Tx, workspace_id: str, after: int, limit: int) -> list[RecordRow]:
    """Give records of every kind in the order of storage, above a number."""
    found = tx.execute(
        select(records)
        .where(records.c.workspace_id == workspace_id, records.c.r > after)
        .order_by(records.c.r)
        .limit(limit)
    )
    return [read(row) for row in found]


def of_ids(tx: Tx, workspace_id: str, ids: Collection[str]) -> dict[str, tuple[bytes | None, str | None]]:
    """Give the natural keys of these records, and the ids of those that correct them."""
    found = tx.execute(
        select(records.c.record_id, records.c.natural_key, records.c.superseded_by).where(
            records.c.workspace_id == workspace_id, records.c.record_id.in_(list(ids))
        )
    )
    return {row.record_id: (row.natural_key, row.superseded_by) for row in found}


def count_without(tx: Tx, workspace_id: str) -> int:
    """Count what came with a token and has no record; a run has one for all that was said of it."""
    found: int = tx.execute(
        select(func.count())
        .select_from(attestations.outerjoin(records, records.c.n == attestations.c.n))
        .where(
            attestations.c.workspace_id == workspace_id,
            attestations.c.token_id.is_not(None),
            attestations.c.record != Record.RUN.value,
            records.c.r.is_(None),
        )
    ).scalar_one()
    return found


def of_attestations(tx: Tx, workspace_id: str, numbers: Collection[int]) -> dict[int, RecordRow]:
    """Give the records whose newest attestation is one of these, by its number."""
    found = tx.execute(select(records).where(of_workspace(records, workspace_id), records.c.n.in_(list(numbers))))
    return {row.n: read(row) for row in found}


def deployed(rows: Iterable[RecordRow]) -> dict[int, bytes]:
    """Give of those of these that are deployments of a file its digest, by the number of their attestation."""
    return {row.n: row.digest for row in rows if row.kind is Record.DEPLOYMENT and row.digest is not None}


def _columns(row: RecordRow) -> dict[str, object]:
    return {
        "r": row.r,
        "kind": row.kind.value,
        "record_id": row.record_id,
        "natural_key": row.natural_key,
        "version": row.version,
        "supersedes": row.supersedes,
        "superseded_by": row.superseded_by,
        "content": row.content,
        "n": row.n,
        "token_id": row.token_id,
        "status": row.status,
        "name": row.name,
        "repository": row.repository,
        "commit": row.commit,
        "digest": row.digest,
        "pr_number": row.pr_number,
        "run": row.run,
        "service": row.service,
        "environment": row.environment,
        "target": row.target,
        "awaited_until": None if row.awaited_until is None else micros(row.awaited_until),
        "created_at": micros(row.created_at),
        "updated_at": micros(row.updated_at),
        "fields": canonical(row.fields).decode(),
        "passport": row.passport,
    }


def read(row: Row[Any]) -> RecordRow:
    """Read a row of the table."""
    return RecordRow(
        r=row.r,
        kind=Record(row.kind),
        record_id=row.record_id,
        natural_key=row.natural_key,
        version=row.version,
        supersedes=row.supersedes,
        superseded_by=row.superseded_by,
        content=row.content,
        n=row.n,
        token_id=row.token_id,
        status=row.status,
        name=row.name,
        repository=row.repository,
        commit=row.commit,
        digest=row.digest,
        pr_number=row.pr_number,
        run=row.run,
        service=row.service,
        environment=row.environment,
        target=row.target,
        awaited_until=moment_or_none(row.awaited_until),
        created_at=moment(row.created_at),
        updated_at=moment(row.updated_at),
        fields=parse_object(row.fields.encode()),
        passport=row.passport,
    )
