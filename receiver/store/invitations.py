"""Invitations: which name a new collector will have, for what it may speak, and which one took it up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, insert, select, update

from receiver.store.collectors import limits_from_row, limits_to_row
from receiver.store.engine import Tx
from receiver.store.identity_tables import invitations
from shared.predicates import Limits


@dataclass(frozen=True, slots=True)
class InvitationRow:
    """An invitation; `collector_id` is set once it was taken up."""

    token_id: str
    workspace_id: str
    name: str
    limits: Limits
    approve: bool
    invited_by: str
    collector_id: str | None = None


def add(tx: Tx, row: InvitationRow) -> None:
    """Keep an invitation beside its token."""
    tx.execute(
        insert(invitations).values(
            token_id=row.token_id,
            workspace_id=row.workspace_id,
            name=row.name,
            limits=limits_to_row(row.limits),
            approve=int(row.approve),
            invited_by=row.invited_by,
        )
    )


def find(tx: Tx, workspace_id: str, token_id: str) -> InvitationRow | None:
    """Find the invitation that a token is."""
    row = tx.execute(
        select(invitations).where(invitations.c.workspace_id == workspace_id, invitations.c.token_id == token_id)
    ).one_or_none()
    return None if row is None else _read(row)


def of_collector(tx: Tx, workspace_id: str, collector_id: str) -> InvitationRow | None:
    """Find the invitation that a collector took up."""
    row = tx.execute(
        select(invitations).where(
            invitations.c.workspace_id == workspace_id, invitations.c.collector_id == collector_id
        )
    ).one_or_none()
    return None if row is None else _read(row)


def take_up(tx: Tx, workspace_id: str, token_id: str, collector_id: str) -> None:
    """Bind an invitation to the collector that took it up."""
    tx.execute(
        update(invitations)
        .where(invitations.c.workspace_id == workspace_id, invitations.c.token_id == token_id)
        .values(collector_id=collector_id)
    )


def _read(row: Row[Any]) -> InvitationRow:
    return InvitationRow(
        row.token_id,
        row.workspace_id,
        row.name,
        limits_from_row(row.limits),
        bool(row.approve),
        row.invited_by,
        row.collector_id,
    )
