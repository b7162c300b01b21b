"""Bearer tokens: what is kept of them, which is never the token."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, insert, select, update

from receiver.core.tokens import Kind, Scope
from receiver.store.engine import Tx
from receiver.store.schema import micros, moment, moment_or_none, tokens


@dataclass(frozen=True, slots=True)
class TokenRow:
    """A token as it is stored: its SHA-256 and its properties."""

    token_id: str
    workspace_id: str
    kind: Kind
    digest: bytes
    scopes: frozenset[Scope]
    label: str
    collector_id: str | None
    limit_per_minute: int
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None

    def good(self, now: datetime) -> bool:
        """Say whether it has neither expired nor been revoked."""
        return self.revoked_at is None and now < self.expires_at


def add(tx: Tx, row: TokenRow) -> None:
    """Keep a new token."""
    tx.execute(
        insert(tokens).values(
            token_id=row.token_id,
            workspace_id=row.workspace_id,
            kind=row.kind.value,
            digest=row.digest,
            scopes=" ".join(sorted(row.scopes)),
            label=row.label,
            collector_id=row.collector_id,
            limit_per_minute=row.limit_per_minute,
            created_at=micros(row.created_at),
            expires_at=micros(row.expires_at),
        )
    )


def find(tx: Tx, token_id: str) -> TokenRow | None:
    """Find a token of any workspace: it is the token that says which one its bearer may enter."""
    row = tx.execute(select(tokens).where(tokens.c.token_id == token_id)).one_or_none()
    if row is None:
        return None
    return TokenRow(
        row.token_id,
        row.workspace_id,
        Kind(row.kind),
        row.digest,
        frozenset(Scope(one) for one in row.scopes.split()),
        row.label,
        row.collector_id,
        row.limit_per_minute,
        moment(row.created_at),
        moment(row.expires_at),
        moment_or_none(row.last_used_at),
        moment_or_none(row.revoked_at),
    )


def used(tx: Tx, workspace_id: str, token_id: str, now: datetime) -> None:
    """Note that a token was used."""
    tx.execute(
        update(tokens)
        .where(tokens.c.workspace_id == workspace_id, tokens.c.token_id == token_id)
        .values(last_used_at=micros(now))
    )


def forget_expired_access(tx: Tx, workspace_id: str, collector_id: str, now: datetime) -> None:
    """Drop a collector's hourly tokens that expired a day ago or earlier."""
    tx.execute(
        delete(tokens).where(
            tokens.c.workspace_id == workspace_id,
            tokens.c.collector_id == collector_id,
            tokens.c.kind == Kind.COLLECTOR_ACCESS.value,
            tokens.c.expires_at < micros(now - timedelta(days=1)),
        )
    )
