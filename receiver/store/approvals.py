"""Approvals: a person's yes to the findings of one passport, by the register number of its statement; only grows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert

from receiver.store.columns import micros, moment
from receiver.store.engine import Tx
from receiver.store.gate_tables import approvals
from receiver.store.lists import read_list, write_list
from receiver.store.of_release import acts_of, rows

# Asked for with every evaluation: built once.
_OF_RELEASE = acts_of(approvals)


@dataclass(frozen=True, slots=True)
class ApprovalRow:
    """An approval as it is found; `id` is that of its statement, and digests are 32 bytes.

    `identities` is all that was verified of the person then, the address among it, in lower case; `findings` are the
    fingerprints of what it was given on.
    """

    number: int
    id: bytes
    passport_id: str
    service: str
    namespace: str | None
    environment: str
    digest: bytes
    rules: tuple[str, ...]
    findings: tuple[str, ...]
    email: str
    role: str
    identities: tuple[str, ...]
    approved_at: datetime
    expires_at: datetime


def add(tx: Tx, workspace_id: str, row: ApprovalRow) -> None:
    """Keep an approval, whose statement is in the register."""
    tx.execute(
        insert(approvals).values(
            workspace_id=workspace_id,
            number=row.number,
            id=row.id,
            passport_id=row.passport_id,
            service=row.service,
            namespace=row.namespace or "",
            environment=row.environment,
            digest=row.digest,
            rules=write_list(row.rules),
            findings=write_list(row.findings),
            email=row.email,
            role=row.role,
            identities=write_list(row.identities),
            approved_at=micros(row.approved_at),
            expires_at=micros(row.expires_at),
        )
    )


def of_release(tx: Tx, workspace_id: str, service: str, environment: str, digest: bytes) -> list[ApprovalRow]:
    """Give the approvals for a service, environment and digest (32 bytes); see `receiver.store.of_release.rows`."""
    return [_read(row) for row in rows(tx, _OF_RELEASE, workspace_id, service, environment, digest)]


def _read(row: Row[Any]) -> ApprovalRow:
    return ApprovalRow(
        row.number,
        row.id,
        row.passport_id,
        row.service,
        row.namespace or None,
        row.environment,
        row.digest,
        read_list(row.rules),
        read_list(row.findings),
        row.email,
        row.role,
        read_list(row.identities),
        moment(row.approved_at),
        moment(row.expires_at),
    )
