"""People: their accounts and roles, and who somebody is that shows a password.

Invariants: a workspace never loses its last admin that can sign in; a wrong password and an unknown address take as
long and are answered alike; whoever acts is known by what the receiver recorded, never by what a request says; a change
of an account ends its sessions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from typing import TypeAlias

from receiver.core.accounts import Role, hash_password, includes, matches, not_signed_in, read_email, read_identities
from receiver.core.trail import Act
from receiver.store import accounts, audit, sessions, workspaces
from receiver.store.engine import Store, Tx
from shared.errors import Code, MalformedError, StateError, UntrustedError
from shared.predicates import Person

# Named here because whoever calls a use case does not look into the store.
Account: TypeAlias = accounts.Account

OPERATOR = "operator"
METHOD = "password"


def add(
    store: Store,
    workspace_id: str,
    email: str,
    role: Role,
    password: str,
    now: datetime,
    ends_at: datetime | None = None,
    by: str = OPERATOR,
) -> Account:
    """Give somebody an account; raises `MalformedError` for a bad address or password, `StateError` for a known one."""
    account = Account(read_email(email), role, hash_password(password), now, ends_at)

    def act(tx: Tx) -> Account:
        workspaces.get(tx, workspace_id)
        accounts.add(tx, workspace_id, account)
        audit.add(tx, workspace_id, Act(now, by, "account.add", {"email": account.email, "role": role.value}))
        return account

    return store.write(act)


def listed(store: Store, workspace_id: str) -> list[Account]:
    """Give all accounts of a workspace."""
    return store.read(lambda tx: accounts.every(tx, workspace_id))


def set_password(
    store: Store, workspace_id: str, email: str, password: str, now: datetime, by: str = OPERATOR
) -> Account:
    """Set a new password; raises `StateError` (`not_found`) and `MalformedError`."""
    hashed = hash_password(password)
    return _change(
        store, workspace_id, email, now, by, "account.password", lambda one: replace(one, password_hash=hashed)
    )


def set_role(store: Store, workspace_id: str, email: str, role: Role, now: datetime, by: str = OPERATOR) -> Account:
    """Give another role; raises `StateError` for an unknown account, and where no admin would be left."""
    return _change(store, workspace_id, email, now, by, "account.role", lambda one: replace(one, role=role))


def set_identities(
    store: Store, workspace_id: str, email: str, names: Iterable[str], now: datetime, by: str = OPERATOR
) -> Account:
    """Say under which other names this person writes and triggers, so that nobody approves their own release.

    Raises `StateError` for an unknown account, and `MalformedError` for what is no name.
    """
    known = read_identities(names)
    return _change(
        store, workspace_id, email, now, by, "account.identities", lambda one: replace(one, identities=known)
    )


def disable(store: Store, workspace_id: str, email: str, now: datetime, by: str = OPERATOR) -> Account:
    """End an account for good; raises `StateError` for an unknown one, and where no admin would be left."""
    return _change(
        store,
        workspace_id,
        email,
        now,
        by,
        "account.disable",
        lambda one: one if one.disabled_at is not None else replace(one, disabled_at=now),
    )


def sign_in(
    store: Store, workspace_id: str, email: str, password: str, now: datetime, needed: Role = Role.VIEWER
) -> Person:
    """Say who it is that shows a password; raises `UntrustedError` where it is nobody, or lacks the role."""
    try:
        address = read_email(email)
    except MalformedError:
        raise not_signed_in() from None
    found, workspace = store.read(
        lambda tx: (accounts.find(tx, workspace_id, address), workspaces.get(tx, workspace_id))
    )
    is_right = matches(password, None if found is None else found.password_hash)
    if found is None or not is_right or not found.good(now):
        raise not_signed_in()
    if not includes(found.role, needed):
        raise UntrustedError(
            Code.FORBIDDEN, f"{address} is {found.role.value}", f"the role {needed.value} is needed for this"
        )
    return Person(issuer=workspace.receiver_id, subject=address, method=METHOD, role=found.role.value)


def _change(
    store: Store,
    workspace_id: str,
    email: str,
    now: datetime,
    by: str,
    action: str,
    change: Callable[[Account], Account],
) -> Account:
    address = read_email(email)

    def act(tx: Tx) -> Account:
        found = accounts.find(tx, workspace_id, address)
        if found is None:
            raise StateError(Code.NOT_FOUND, f"{address} has no account here", "see carnet-receiver users list")
        changed = change(found)
        others = [one for one in accounts.every(tx, workspace_id) if one.email != address]
        had = _is_admin(found, now)
        if had and not any(_is_admin(one, now) for one in (*others, changed)):
            raise StateError(Code.CONFLICT, f"{address} is the last admin", "give somebody else the role admin first")
        accounts.save(tx, workspace_id, changed)
        # Whoever is signed in was let in with another password, as another role, or by an account that is no more.
        sessions.end_of(tx, workspace_id, address, now)
        audit.add(tx, workspace_id, Act(now, by, action, {"email": address, "role": changed.role.value}))
        return changed

    return store.write(act)


def _is_admin(account: Account, now: datetime) -> bool:
    return account.role is Role.ADMIN and account.good(now)
