"""Bearer tokens: what is kept of them, which is never the token."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from sqlalchemy import Row, bindparam, delete, insert, select, tuple_, update

from receiver.core.covering import EVERYTHING
from receiver.core.tokens import Kind, Scope
from receiver.store.collectors import limits_from_row, limits_to_row
from receiver.store.columns import micros, moment, moment_or_none
from receiver.store.engine import Tx
from receiver.store.identity_tables import tokens
from shared.errors import Code, StateError
from shared.predicates import Limits

# Asked for with every request: built once, since building a query takes several times as long as running it.
_ITS = tokens.c.token_id == bindparam("its_token")
_FIND = select(tokens).where(_ITS)
_STANDS = tuple(column.name for column in tokens.c if column.name != "last_used_at")
_ALL_BUT_USE = select(*(tokens.c[name] for name in _STANDS))
_STANDING = _ALL_BUT_USE.where(_ITS)
_STANDINGS = _ALL_BUT_USE.where(tokens.c.token_id.in_(bindparam("its_tokens", expanding=True)))
_USED = (
    update(tokens)
    .where(tokens.c.workspace_id == bindparam("its_workspace"), _ITS)
    .values(last_used_at=bindparam("now"))
)

Standing: TypeAlias = tuple[Any, ...]
"""All that the database says of a token but its last use, to be held against what it says later."""


@dataclass(frozen=True, slots=True)
class TokenRow:
    """A token as it is stored: its SHA-256 and its properties.

    `owner` is whom it was given to, as they are known elsewhere; `require_policy` keeps a gate from its baseline.
    """

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
    limits: Limits = EVERYTHING
    revoked_reason: str | None = None
    owner: str | None = None
    require_policy: bool = False

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
            limits=limits_to_row(row.limits),
            owner=row.owner,
            require_policy=int(row.require_policy),
        )
    )


def find(tx: Tx, token_id: str) -> TokenRow | None:
    """Find a token of any workspace: it is the token that says which one its bearer may enter."""
    row = tx.execute(_FIND, {"its_token": token_id}).one_or_none()
    return None if row is None else _read(row)


def find_standing(tx: Tx, token_id: str) -> tuple[TokenRow | None, Standing | None]:
    """Find a token of any workspace, and say how it stands: `find` and `standing` at once."""
    row = tx.execute(_FIND, {"its_token": token_id}).one_or_none()
    if row is None:
        return None, None
    return _read(row), tuple(getattr(row, name) for name in _STANDS)


def find_by_digest(tx: Tx, workspace_id: str, kind: Kind, digest: bytes) -> TokenRow | None:
    """Find the token of a workspace of which this SHA-256 (32 bytes) is known."""
    row = tx.execute(
        select(tokens).where(
            tokens.c.workspace_id == workspace_id, tokens.c.kind == kind.value, tokens.c.digest == digest
        )
    ).one_or_none()
    return None if row is None else _read(row)


def standing(tx: Tx, token_id: str) -> Standing | None:
    """Say how a token stands; None where there is none."""
    row = tx.execute(_STANDING, {"its_token": token_id}).one_or_none()
    return None if row is None else tuple(row)


def standings(tx: Tx, token_ids: Collection[str]) -> dict[str, Standing]:
    """Say how some tokens stand, by their ids; those that there are not are left out."""
    if not token_ids:
        return {}
    return {row.token_id: tuple(row) for row in tx.execute(_STANDINGS, {"its_tokens": list(token_ids)})}


def get(tx: Tx, workspace_id: str, token_id: str) -> TokenRow:
    """Give a token of a workspace; raises `StateError` (`not_found`), for another workspace's too."""
    row = find(tx, token_id)
    if row is None or row.workspace_id != workspace_id:
        raise StateError(Code.NOT_FOUND, "there is no such token in this workspace")
    return row


def page(tx: Tx, workspace_id: str, limit: int, before: tuple[int, str] | None) -> list[TokenRow]:
    """Give tokens, newest first, below the time (microseconds) and id that the page before ended at.

    Collectors' hourly ones are left out: there are many, and each is gone before anybody has read it.
    """
    asked = (
        select(tokens)
        .where(tokens.c.workspace_id == workspace_id, tokens.c.kind != Kind.COLLECTOR_ACCESS.value)
        .order_by(tokens.c.created_at.desc(), tokens.c.token_id.desc())
        .limit(limit)
    )
    if before is not None:
        asked = asked.where(tuple_(tokens.c.created_at, tokens.c.token_id) < before)
    return [_read(row) for row in tx.execute(asked)]


def _read(row: Row[Any]) -> TokenRow:
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
        limits_from_row(row.limits),
        row.revoked_reason,
        row.owner,
        bool(row.require_policy),
    )


def used(tx: Tx, workspace_id: str, token_ids: Collection[str], now: datetime) -> None:
    """Note that some tokens are used."""
    if token_ids:
        tx.execute(_USED, [{"its_workspace": workspace_id, "its_token": one, "now": micros(now)} for one in token_ids])


def forget_expired_access(tx: Tx, workspace_id: str, collector_id: str, now: datetime) -> None:
    """Drop a collector's hourly tokens that expired a day ago or earlier."""
    tx.execute(
        delete(tokens).where(
            tokens.c.workspace_id == workspace_id,
            tokens.c.collector_id == collector_id,
            tokens.c.kind == Kind.COLLECTOR_ACCESS.value,
            tokens.c.expires_at < micros(now - timedelta(days=1)),
            # What was revoked is named in signed statements.
            tokens.c.revoked_at.is_(None),
        )
    )
