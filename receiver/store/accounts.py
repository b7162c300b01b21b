"""Local accounts of a workspace, by e-mail address."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, select, update

from receiver.core.accounts import Role
from receiver.store.columns import micros, moment, moment_or_none
from receiver.store.engine import Tx
from receiver.store.identity_tables import accounts
from receiver.store.lists import read_list, write_list
from shared.errors import Code, StateError


@dataclass(frozen=True, slots=True)
class Account:
    """A person's account; `ends_at` is when the membership ends by itself, `disabled_at` when somebody ended it."""

    email: str
    role: Role
    password_hash: str
    created_at: datetime
    ends_at: datetime | None = None
    disabled_at: datetime | None = None
    identities: tuple[str, ...] = ()
    """What else is verified of the person: SCM logins, OIDC claims; lower-case."""

    def __repr__(self) -> str:
        return f"Account(email={self.email!r}, role={self.role.value!r})"

    def good(self, now: datetime) -> bool:
        """Say whether it may be used."""
        return self.disabled_at is None and (self.ends_at is None or now < self.ends_at)


def add(tx: Tx, workspace_id: str, row: Account) -> None:
    """Add an account; raises `StateError` (`conflict`) where the address has one."""
    if find(tx, workspace_id, row.email) is not None:
        raise StateError(Code.CONFLICT, f"{row.email} has an account here", "see carnet-receiver users list")
    tx.execute(
        insert(accounts).values(
            workspace_id=workspace_id,
            email=row.email,
            role=row.role.value,
            password_hash=row.password_hash,
            created_at=micros(row.created_at),
            ends_at=None if row.ends_at is None else micros(row.ends_at),
            identities=write_list(row.identities),
        )
    )


def find(tx: Tx, workspace_id: str, email: str) -> Account | None:
    """Find an account by its address."""
    row = tx.execute(
        select(accounts).where(accounts.c.workspace_id == workspace_id, accounts.c.email == email)
    ).one_or_none()
    return None if row is None else _read(row)


def every(tx: Tx, workspace_id: str) -> list[Account]:
    """Give all accounts of a workspace, by their addresses."""
    found = tx.execute(select(accounts).where(accounts.c.workspace_id == workspace_id).order_by(accounts.c.email))
    return [_read(row) for row in found]


def save(tx: Tx, workspace_id: str, row: Account) -> None:
    """Write an account as it is now; raises `StateError` (`not_found`) where there is none."""
    values = {
        "role": row.role.value,
        "password_hash": row.password_hash,
        "ends_at": None if row.ends_at is None else micros(row.ends_at),
        "disabled_at": None if row.disabled_at is None else micros(row.disabled_at),
        "identities": write_list(row.identities),
    }
    where = (accounts.c.workspace_id == workspace_id, accounts.c.email == row.email)
    if tx.execute(update(accounts).where(*where).values(values)).rowcount == 0:
        raise StateError(Code.NOT_FOUND, f"{row.email} has no account here", "see carnet-receiver users list")


def _read(row: Row[Any]) -> Account:
    return Account(
        row.email,
        Role(row.role),
        row.password_hash,
        moment(row.created_at),
        moment_or_none(row.ends_at),
        moment_or_none(row.disabled_at),
        read_list(row.identities),
    )
