"""The instance, its workspaces, the audiences they accept, and their sealed role keys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, insert, select, update

from receiver.core.sealing import NONCE_BYTES, seal
from receiver.store.columns import micros, moment, moment_or_none
from receiver.store.engine import Tx
from receiver.store.schema import former_audiences, instance, role_keys, workspaces
from shared.encoding import b64encode, parse_digest
from shared.errors import Code, StateError
from shared.keys import SEED_BYTES, Ed25519Signer
from shared.predicates import Audience, Role, RoleKey

# Asked for with every batch: built once, since building a query takes several times as long as running it.
_GET = select(workspaces, select(instance.c.receiver_id).scalar_subquery().label("receiver_id")).where(
    workspaces.c.workspace_id == bindparam("its_workspace")
)
_FORMER = select(former_audiences.c.receiver, former_audiences.c.workspace).where(
    former_audiences.c.workspace_id == bindparam("its_workspace")
)


@dataclass(frozen=True, slots=True)
class Workspace:
    """A tenant: its id, the receiver it lives in, its name, root key (32 bytes) and keyring version."""

    workspace_id: str
    receiver_id: str
    name: str
    root_key: bytes
    keyring_version: int
    created_at: datetime

    @property
    def audience(self) -> Audience:
        """Whom statements of this workspace are meant for."""
        return Audience(receiver=self.receiver_id, workspace=self.workspace_id)


@dataclass(frozen=True, slots=True)
class RoleKeyRow:
    """A role key: its id, role, public key (32 bytes each) and its seed, sealed with the master key."""

    key_id: bytes
    role: Role
    public_key: bytes
    sealed: bytes
    valid_from: datetime
    valid_until: datetime | None = None


def receiver_id(tx: Tx) -> str | None:
    """Name the instance; None before the first set-up."""
    found: str | None = tx.execute(select(instance.c.receiver_id)).scalar_one_or_none()
    return found


def add_instance(tx: Tx, new_id: str, now: datetime) -> None:
    """Name the instance, once."""
    tx.execute(insert(instance).values(one=1, receiver_id=new_id, created_at=micros(now)))


def add(tx: Tx, workspace_id: str, name: str, root_key: bytes, now: datetime) -> None:
    """Add a workspace that has no keyring yet."""
    tx.execute(
        insert(workspaces).values(
            workspace_id=workspace_id,
            name=name,
            root_key=root_key,
            keyring_version=0,
            created_at=micros(now),
        )
    )


def set_keyring_version(tx: Tx, workspace_id: str, version: int) -> None:
    """Say which version of the keyring the register's newest is."""
    tx.execute(update(workspaces).where(workspaces.c.workspace_id == workspace_id).values(keyring_version=version))


def get(tx: Tx, workspace_id: str) -> Workspace:
    """Give a workspace; raises `StateError` (`not_found`)."""
    row = tx.execute(_GET, {"its_workspace": workspace_id}).one_or_none()
    if row is None:
        raise StateError(Code.NOT_FOUND, "there is no such workspace")
    return Workspace(
        row.workspace_id, row.receiver_id, row.name, row.root_key, row.keyring_version, moment(row.created_at)
    )


def all_ids(tx: Tx) -> list[str]:
    """Name all workspaces."""
    return list(tx.execute(select(workspaces.c.workspace_id).order_by(workspaces.c.created_at)).scalars())


def accepted_audiences(tx: Tx, workspace: Workspace) -> tuple[Audience, ...]:
    """Give the workspace's own audience, then the former ones that an admin listed."""
    found = tx.execute(_FORMER, {"its_workspace": workspace.workspace_id})
    return (workspace.audience, *(Audience(receiver=r, workspace=w) for r, w in found))


def add_former_audience(tx: Tx, workspace_id: str, former: Audience) -> None:
    """Accept statements that were meant for this audience too."""
    tx.execute(
        insert(former_audiences).values(workspace_id=workspace_id, receiver=former.receiver, workspace=former.workspace)
    )


def add_role_key(tx: Tx, workspace_id: str, row: RoleKeyRow) -> None:
    """Keep a sealed role key."""
    tx.execute(
        insert(role_keys).values(
            workspace_id=workspace_id,
            key_id=row.key_id,
            role=row.role.value,
            public_key=row.public_key,
            sealed=row.sealed,
            valid_from=micros(row.valid_from),
            valid_until=None if row.valid_until is None else micros(row.valid_until),
        )
    )


def make_role_key(
    tx: Tx, workspace_id: str, role: Role, master: bytes, valid_from: datetime, random: Callable[[int], bytes]
) -> RoleKey:
    """Make a key for a role and keep it sealed with the master key; gives its row for the keyring."""
    seed = random(SEED_BYTES)
    public = Ed25519Signer(seed).public
    row = RoleKeyRow(parse_digest(public.key_id), role, public.raw, seal(master, seed, random(NONCE_BYTES)), valid_from)
    add_role_key(tx, workspace_id, row)
    return RoleKey(key_id=public.key_id, public_key=b64encode(public.spki), role=role, valid_from=valid_from)


def end_role_key(tx: Tx, workspace_id: str, key_id: bytes, valid_until: datetime) -> None:
    """Say from when on a role key is no longer good."""
    tx.execute(
        update(role_keys)
        .where(role_keys.c.workspace_id == workspace_id, role_keys.c.key_id == key_id)
        .values(valid_until=micros(valid_until))
    )


def set_root_key(tx: Tx, workspace_id: str, root_key: bytes) -> None:
    """Say which root key (32 bytes) the workspace stands under."""
    tx.execute(update(workspaces).where(workspaces.c.workspace_id == workspace_id).values(root_key=root_key))


def is_own_key(tx: Tx, public_key: bytes) -> bool:
    """Say whether a key (32 bytes) is a root or role key of this receiver, in whichever workspace."""
    roots = select(workspaces.c.root_key).where(workspaces.c.root_key == public_key)
    roles = select(role_keys.c.public_key).where(role_keys.c.public_key == public_key)
    return tx.execute(roots.union_all(roles)).first() is not None


def role_key_rows(tx: Tx, workspace_id: str) -> list[RoleKeyRow]:
    """Give all role keys, oldest first."""
    found = tx.execute(
        select(role_keys).where(role_keys.c.workspace_id == workspace_id).order_by(role_keys.c.valid_from)
    )
    return [
        RoleKeyRow(
            row.key_id,
            Role(row.role),
            row.public_key,
            row.sealed,
            moment(row.valid_from),
            moment_or_none(row.valid_until),
        )
        for row in found
    ]
