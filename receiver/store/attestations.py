"""Attestations: the columns they are found by, their envelopes, and the digests that they are about."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, bindparam, func, select

from receiver.core.placing import Status
from receiver.store.bulk import insert_rows
from receiver.store.engine import Tx
from receiver.store.parts import Parts
from receiver.store.schema import attestations, envelopes, micros, moment, subjects
from shared.errors import Code, StateError

# Asked for with every batch: built once, since building a query takes several times as long as running it.
_KNOWN = select(attestations.c.id).where(
    attestations.c.workspace_id == bindparam("its_workspace"),
    attestations.c.id.in_(bindparam("its_ids", expanding=True)),
)
_OBSERVED = (
    select(attestations.c.observation_id, attestations.c.id, attestations.c.n)
    .where(
        attestations.c.workspace_id == bindparam("its_workspace"),
        attestations.c.observation_id.in_(bindparam("its_observations", expanding=True)),
    )
    .order_by(attestations.c.n.desc())
)
_LAST = select(func.max(attestations.c.n))


@dataclass(frozen=True, slots=True)
class AttestationRow:
    """An attestation as it is found: `n` is its number in the order of storage, ids are 32 bytes, streams 16."""

    n: int
    id: bytes
    collector_id: str
    stream_id: bytes
    sequence: int
    status: Status
    code: Code | None
    received_at: datetime
    observed_at: datetime
    observation_id: bytes
    repeat_of: bytes | None
    type: str
    name: str
    basis: str
    passed: bool
    repository: str | None = None
    commit: str | None = None
    branch: str | None = None
    pr_number: int | None = None
    run: str | None = None
    service: str | None = None
    environment: str | None = None


@dataclass(frozen=True, slots=True)
class New:
    """An attestation to store: its row, its envelope's parts, and the digests it is about (20 or 32 bytes)."""

    row: AttestationRow
    parts: Parts
    digests: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Filters:
    """What a list of attestations is narrowed by; None does not narrow. `digest` is a subject or a full commit."""

    repository: str | None = None
    pr_number: int | None = None
    digest: bytes | None = None
    type: str | None = None
    name: str | None = None
    passed: bool | None = None
    basis: str | None = None
    collector_id: str | None = None
    status: Status | None = None
    since: datetime | None = None
    until: datetime | None = None


def known_ids(tx: Tx, workspace_id: str, ids: Collection[bytes]) -> frozenset[bytes]:
    """Say which of these ids are stored."""
    found = tx.execute(_KNOWN, {"its_workspace": workspace_id, "its_ids": list(ids)})
    return frozenset(found.scalars())


def first_of_observations(tx: Tx, workspace_id: str, observations: Collection[bytes]) -> dict[bytes, bytes]:
    """Give the first attestation id of each observation that is known."""
    values = {"its_workspace": workspace_id, "its_observations": list(observations)}
    found = tx.execute(_OBSERVED, values)
    return {observation: id_ for observation, id_, _ in found}


def next_number(tx: Tx) -> int:
    """Give the next number in the order of storage; only good in this write transaction."""
    last: int | None = tx.execute(_LAST).scalar_one()
    return 1 if last is None else last + 1


def add(tx: Tx, workspace_id: str, new: Sequence[New]) -> None:
    """Store attestations; an id that is stored already is refused by the database."""
    insert_rows(tx, attestations, [_columns(workspace_id, one.row) for one in new])
    insert_rows(
        tx,
        envelopes,
        [(one.row.n, workspace_id, one.parts.key_id, one.parts.payload, one.parts.signature) for one in new],
    )
    insert_rows(tx, subjects, [(workspace_id, digest, one.row.n) for one in new for digest in one.digests])


def get(tx: Tx, workspace_id: str, attestation_id: bytes) -> tuple[AttestationRow, Parts]:
    """Give one attestation with its envelope's parts; raises `StateError`, for another workspace's too."""
    row = tx.execute(
        _with_parts().where(attestations.c.workspace_id == workspace_id, attestations.c.id == attestation_id)
    ).one_or_none()
    if row is None:
        raise StateError(Code.NOT_FOUND, "there is no such attestation in this workspace")
    return _read(row), Parts(row.key_id, row.payload, row.signature)


def page(tx: Tx, workspace_id: str, filters: Filters, limit: int, before: int | None) -> list[AttestationRow]:
    """Give attestations, newest first, below the number that the page before ended at."""
    asked = (
        select(attestations)
        .where(attestations.c.workspace_id == workspace_id)
        .order_by(attestations.c.n.desc())
        .limit(limit)
    )
    if before is not None:
        asked = asked.where(attestations.c.n < before)
    equal = {
        attestations.c.repository: filters.repository,
        attestations.c.pr_number: filters.pr_number,
        attestations.c.type: filters.type,
        attestations.c.name: filters.name,
        attestations.c.passed: None if filters.passed is None else int(filters.passed),
        attestations.c.basis: filters.basis,
        attestations.c.collector_id: filters.collector_id,
        attestations.c.status: None if filters.status is None else filters.status.value,
    }
    for column, value in equal.items():
        if value is not None:
            asked = asked.where(column == value)
    if filters.digest is not None:
        about = select(subjects.c.n).where(subjects.c.workspace_id == workspace_id, subjects.c.digest == filters.digest)
        asked = asked.where(attestations.c.n.in_(about))
    if filters.since is not None:
        asked = asked.where(attestations.c.received_at >= micros(filters.since))
    if filters.until is not None:
        asked = asked.where(attestations.c.received_at < micros(filters.until))
    return [_read(row) for row in tx.execute(asked)]


def stored(tx: Tx, workspace_id: str, after: int, limit: int) -> list[New]:
    """Give attestations with all that is stored of them, in the order of storage, above a number."""
    found = [
        (_read(row), Parts(row.key_id, row.payload, row.signature))
        for row in tx.execute(
            _with_parts()
            .where(attestations.c.workspace_id == workspace_id, attestations.c.n > after)
            .order_by(attestations.c.n)
            .limit(limit)
        )
    ]
    digests: dict[int, list[bytes]] = {row.n: [] for row, _ in found}
    about = tx.execute(
        select(subjects.c.n, subjects.c.digest).where(
            subjects.c.workspace_id == workspace_id, subjects.c.n.in_(list(digests))
        )
    )
    for n, digest in about:
        digests[n].append(digest)
    return [New(row, parts, tuple(sorted(digests[row.n]))) for row, parts in found]


def receipted(tx: Tx, workspace_id: str) -> Iterator[tuple[bytes, str, str | None, datetime]]:
    """Give of everything that is stored what its receipt said: id, status, code, time of receipt."""
    found = tx.execute(
        select(attestations.c.id, attestations.c.status, attestations.c.code, attestations.c.received_at).where(
            attestations.c.workspace_id == workspace_id
        )
    )
    for id_, status, code, received_at in found:
        yield id_, status, code, moment(received_at)


def count(tx: Tx, workspace_id: str) -> int:
    """Count what is stored."""
    asked = select(func.count()).select_from(attestations).where(attestations.c.workspace_id == workspace_id)
    found: int = tx.execute(asked).scalar_one()
    return found


def _with_parts() -> Select[Any]:
    return select(attestations, envelopes.c.key_id, envelopes.c.payload, envelopes.c.signature).join_from(
        attestations, envelopes, attestations.c.n == envelopes.c.n
    )


def _columns(workspace_id: str, row: AttestationRow) -> tuple[object, ...]:
    """The row in the order of the table's columns."""
    return (
        row.n,
        workspace_id,
        row.id,
        row.collector_id,
        row.stream_id,
        row.sequence,
        row.status.value,
        None if row.code is None else row.code.value,
        micros(row.received_at),
        micros(row.observed_at),
        row.observation_id,
        row.repeat_of,
        row.type,
        row.name,
        row.basis,
        int(row.passed),
        row.repository,
        row.commit,
        row.branch,
        row.pr_number,
        row.run,
        row.service,
        row.environment,
    )


def _read(row: Row[Any]) -> AttestationRow:
    return AttestationRow(
        row.n,
        row.id,
        row.collector_id,
        row.stream_id,
        row.sequence,
        Status(row.status),
        None if row.code is None else Code(row.code),
        moment(row.received_at),
        moment(row.observed_at),
        row.observation_id,
        row.repeat_of,
        row.type,
        row.name,
        row.basis,
        bool(row.passed),
        row.repository,
        row.commit,
        row.branch,
        row.pr_number,
        row.run,
        row.service,
        row.environment,
    )
