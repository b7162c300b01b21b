"""Lists of attestations, page by page: each begins where the fewest are, and costs what it shows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, select

from receiver.core.placing import Status
from receiver.core.posting import Record
from receiver.store.attestations import AttestationRow, read_row
from receiver.store.columns import micros
from receiver.store.engine import Tx
from receiver.store.record_tables import components
from receiver.store.schema import attestations, subjects


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
    record: Record | None = Record.ATTESTATION
    component: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def page(
    tx: Tx,
    workspace_id: str,
    filters: Filters,
    limit: int,
    before: int | None,
    only: ColumnElement[bool] | None = None,
) -> list[AttestationRow]:
    """Give attestations, newest first, below the number that the page before ended at; `only` those of a condition."""
    asked, order = _within(workspace_id, filters)
    asked = asked.order_by(order.desc()).limit(limit)
    if only is not None:
        asked = asked.where(only)
    if before is not None:
        asked = asked.where(order < before)
    equal = {
        attestations.c.repository: filters.repository,
        attestations.c.pr_number: filters.pr_number,
        attestations.c.type: filters.type,
        attestations.c.name: filters.name,
        attestations.c.passed: None if filters.passed is None else int(filters.passed),
        attestations.c.basis: filters.basis,
        attestations.c.collector_id: filters.collector_id,
        attestations.c.status: None if filters.status is None else filters.status.value,
        attestations.c.record: None if filters.record is None else filters.record.value,
    }
    for column, value in equal.items():
        if value is not None:
            asked = asked.where(column == value)
    if filters.component is not None and filters.digest is not None:
        listing = select(components.c.n).where(
            components.c.workspace_id == workspace_id, components.c.component == filters.component
        )
        asked = asked.where(attestations.c.n.in_(listing))
    if filters.since is not None:
        asked = asked.where(attestations.c.received_at >= micros(filters.since))
    if filters.until is not None:
        asked = asked.where(attestations.c.received_at < micros(filters.until))
    return [read_row(row) for row in tx.execute(asked)]


def _within(workspace_id: str, filters: Filters) -> tuple[Select[Any], ColumnElement[int]]:
    """Begin to ask where the fewest are, in the order that its index has: so that a page costs what it shows."""
    of_workspace = select(attestations).where(attestations.c.workspace_id == workspace_id)
    if filters.digest is not None:
        asked = of_workspace.join_from(subjects, attestations, subjects.c.n == attestations.c.n)
        about = asked.where(subjects.c.workspace_id == workspace_id, subjects.c.digest == filters.digest)
        return about, subjects.c.n
    if filters.component is not None:
        asked = of_workspace.join_from(components, attestations, components.c.n == attestations.c.n)
        listing = asked.where(components.c.workspace_id == workspace_id, components.c.component == filters.component)
        return listing, components.c.n
    return of_workspace, attestations.c.n
