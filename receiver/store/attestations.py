"""Attestations: the columns they are found by, their envelopes, what they are about, and what they say against it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, func, select

from receiver.core.placing import Status
from receiver.core.posting import Record
from receiver.store.bulk import insert_rows
from receiver.store.columns import micros, moment
from receiver.store.engine import IN_PORTIONS, Tx
from receiver.store.keyed import of_workspace
from receiver.store.parts import Parts
from receiver.store.record_tables import components, contradictions, dated_reports
from receiver.store.schema import attestations, envelopes, subjects
from shared.errors import Code, StateError
from shared.judging.contradictions import Contradiction

_AT_ONCE = 500
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
WITH_PARTS = select(attestations, envelopes.c.key_id, envelopes.c.payload, envelopes.c.signature).join_from(
    attestations, envelopes, attestations.c.n == envelopes.c.n
)
"""Attestations, each with the parts of its envelope."""
_GET = WITH_PARTS.where(
    attestations.c.workspace_id == bindparam("its_workspace"), attestations.c.id == bindparam("its_id")
)


@dataclass(frozen=True, slots=True)
class FromCollector:
    """A collector signed it: its place in the collector's stream (16 bytes), and which observation it is of."""

    collector_id: str
    stream_id: bytes
    sequence: int
    observation_id: bytes
    repeat_of: bytes | None


@dataclass(frozen=True, slots=True)
class FromToken:
    """It came with a token, and we signed that; `supersedes` is the id (32 bytes) of what it corrects."""

    token_id: str
    supersedes: bytes | None


@dataclass(frozen=True, slots=True)
class AttestationRow:
    """An attestation as it is found: `n` is its number in the order of storage, ids are 32 bytes.

    `record` says what it is evidence of: of itself (`attestation`), or of a run, an artifact or a deployment that was
    posted.
    """

    n: int
    id: bytes
    record: Record
    origin: FromCollector | FromToken
    status: Status
    code: Code | None
    received_at: datetime
    observed_at: datetime
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
    """An attestation to store: its row, its envelope's parts, the digests it is about, and the components it lists.

    Digests have 20 or 32 bytes; `against` is what speaks against it by itself; `dated` is the SHA-256 of
    the report that it was read from, where that tells its own time.
    """

    row: AttestationRow
    parts: Parts
    digests: tuple[bytes, ...]
    against: tuple[Contradiction, ...] = ()
    components: tuple[str, ...] = ()
    dated: bytes | None = None


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


def last(tx: Tx, workspace_id: str) -> tuple[int, bytes] | None:
    """Give the number and the id of what a workspace stored last."""
    asked = select(attestations.c.n, attestations.c.id).where(attestations.c.workspace_id == workspace_id)
    row = tx.execute(asked.order_by(attestations.c.n.desc()).limit(1)).one_or_none()
    return None if row is None else (row.n, row.id)


def add(tx: Tx, workspace_id: str, new: Sequence[New]) -> None:
    """Store attestations; an id that is stored already is refused by the database."""
    insert_rows(tx, attestations, [_columns(workspace_id, one.row) for one in new])
    insert_rows(
        tx,
        envelopes,
        [(one.row.n, workspace_id, one.parts.key_id, one.parts.payload, one.parts.signature) for one in new],
    )
    insert_rows(tx, subjects, [(workspace_id, digest, one.row.n) for one in new for digest in one.digests])
    insert_rows(tx, components, [(workspace_id, name, one.row.n) for one in new for name in one.components])
    insert_rows(tx, dated_reports, [(workspace_id, one.dated, one.row.n) for one in new if one.dated is not None])
    insert_rows(
        tx,
        contradictions,
        [
            (workspace_id, one.row.n, kind.value, field, 0, detail, micros(one.row.received_at))
            for one in new
            for kind, field, detail in one.against
        ],
    )


def get(tx: Tx, workspace_id: str, attestation_id: bytes) -> tuple[AttestationRow, Parts]:
    """Give one attestation with its envelope's parts; raises `StateError`, for another workspace's too."""
    row = tx.execute(_GET, {"its_workspace": workspace_id, "its_id": attestation_id}).one_or_none()
    if row is None:
        raise StateError(Code.NOT_FOUND, "there is no such attestation in this workspace")
    return read_row(row), Parts(row.key_id, row.payload, row.signature)


def id_of(tx: Tx, workspace_id: str, n: int) -> bytes:
    """Give the id (32 bytes) of the attestation with a number."""
    found: bytes = tx.execute(
        select(attestations.c.id).where(attestations.c.workspace_id == workspace_id, attestations.c.n == n)
    ).scalar_one()
    return found


def number_of(tx: Tx, workspace_id: str, attestation_id: bytes) -> int | None:
    """Give the number of the attestation with an id (32 bytes), whatever it is evidence of."""
    found: int | None = tx.execute(
        select(attestations.c.n).where(attestations.c.workspace_id == workspace_id, attestations.c.id == attestation_id)
    ).scalar_one_or_none()
    return found


def parts_of_numbers(tx: Tx, workspace_id: str, numbers: Collection[int]) -> dict[int, Parts]:
    """Give the parts of the envelopes with these numbers."""
    found = tx.execute(select(envelopes).where(of_workspace(envelopes, workspace_id), envelopes.c.n.in_(list(numbers))))
    return {row.n: Parts(row.key_id, row.payload, row.signature) for row in found}


def of_ids(tx: Tx, workspace_id: str, ids: Sequence[bytes]) -> list[AttestationRow]:
    """Give the attestations with these ids (32 bytes), in no order; what is not here is left out."""
    found: list[AttestationRow] = []
    for at in range(0, len(ids), _AT_ONCE):
        portion = list(ids[at : at + _AT_ONCE])
        asked = select(attestations).where(attestations.c.workspace_id == workspace_id, attestations.c.id.in_(portion))
        found += [read_row(row) for row in tx.execute(asked)]
    return found


def numbered(tx: Tx, workspace_id: str, numbers: Collection[int]) -> list[AttestationRow]:
    """Give the attestations with these numbers, newest first."""
    found = tx.execute(
        select(attestations)
        .where(of_workspace(attestations, workspace_id), attestations.c.n.in_(list(numbers)))
        .order_by(attestations.c.n.desc())
    )
    return [read_row(row) for row in found]


def receipted(tx: Tx, workspace_id: str) -> Iterator[tuple[bytes, str, str | None, datetime]]:
    """Give of everything that collectors sent what its receipt said: id, status, code, time of receipt."""
    found = tx.execute(
        select(attestations.c.id, attestations.c.status, attestations.c.code, attestations.c.received_at).where(
            attestations.c.workspace_id == workspace_id, attestations.c.token_id.is_(None)
        ),
        execution_options=IN_PORTIONS,
    )
    for id_, status, code, received_at in found:
        yield id_, status, code, moment(received_at)


def count(tx: Tx, workspace_id: str) -> int:
    """Count what is stored."""
    asked = select(func.count()).select_from(attestations).where(attestations.c.workspace_id == workspace_id)
    found: int = tx.execute(asked).scalar_one()
    return found


def _columns(workspace_id: str, row: AttestationRow) -> tuple[object, ...]:
    """The row in the order of the table's columns."""
    origin = row.origin
    by: tuple[object, ...]
    if isinstance(origin, FromCollector):
        by = (
            origin.collector_id,
            origin.stream_id,
            origin.sequence,
            origin.observation_id,
            origin.repeat_of,
            None,
            None,
        )
    else:
        by = (None, None, None, None, None, origin.token_id, origin.supersedes)
    return (
        row.n,
        workspace_id,
        row.id,
        row.record.value,
        *by,
        row.status.value,
        None if row.code is None else row.code.value,
        micros(row.received_at),
        micros(row.observed_at),
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


def read_row(row: Row[Any]) -> AttestationRow:
    """Read a row of the table."""
    origin: FromCollector | FromToken
    if row.token_id is None:
        origin = FromCollector(row.collector_id, row.stream_id, row.sequence, row.observation_id, row.repeat_of)
    else:
        origin = FromToken(row.token_id, row.supersedes)
    return AttestationRow(
        row.n,
        row.id,
        Record(row.record),
        origin,
        Status(row.status),
        None if row.code is None else Code(row.code),
        moment(row.received_at),
        moment(row.observed_at),
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
