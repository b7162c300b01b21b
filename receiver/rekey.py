"""Turn the receiver's own keys over: the keys of its roles, and a workspace's root; either makes the next keyring.

The root key signs here and is not kept: whoever calls owns it. Invariants: a role key and the one that follows it are
both good for an hour before and after, since requests that are being answered fall between them; collectors, which pin
the root, follow to the next one because both signed; every keyring names the collectors' keys that are revoked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from receiver.core import keyrings
from receiver.core.trail import Act
from receiver.store import audit, collectors, register, revocations, workspaces
from receiver.store.engine import Store, Tx
from receiver.store.workspaces import Workspace
from shared.encoding import JsonObject, parse_digest
from shared.errors import Code, StateError, UntrustedError
from shared.keyring import TrustedKeyring, open_keyring
from shared.keys import PublicKey, Signer
from shared.predicates import KEYRING, EndedKey, Role, RoleKey

SALT_BYTES = 16
OVERLAP = timedelta(hours=1)
ROLES = (Role.RECEIPT, Role.CLAIM, Role.DECISION, Role.LOG)


@dataclass(frozen=True, slots=True)
class Rekeyed:
    """The keyring that stands now: its version, its root, and the role keys in it, newest last."""

    version: int
    root_key_id: str
    keys: tuple[RoleKey, ...]
    revocations: tuple[str, ...]


def show(store: Store, workspace_id: str) -> Rekeyed:
    """Show the keyring of a workspace; raises `StateError` without one."""
    return _shown(store.read(lambda tx: _held(tx, workspaces.get(tx, workspace_id))))


def rotate_roles(
    store: Store,
    master: bytes,
    root: Signer,
    workspace_id: str,
    roles: Sequence[Role],
    now: datetime,
    random: Callable[[int], bytes],
) -> Rekeyed:
    """Make a new key for each of these roles (none: only the revocations are brought up to date), in one transaction.

    Raises `UntrustedError` where `root` is not the workspace's root key, `StateError` without such a workspace.
    """

    def act(tx: Tx) -> TrustedKeyring:
        workspace, held = _begin(tx, workspace_id, root)
        fresh = [
            workspaces.make_role_key(tx, workspace_id, role, master, _valid_from(held, role, now), random)
            for role in dict.fromkeys(roles)
        ]
        ended = {one.role for one in fresh}
        keys = [_ended(one, now) if one.role in ended else one for one in held.content.keys]
        for one in keys:
            if one.valid_until is not None:
                workspaces.end_role_key(tx, workspace_id, parse_digest(one.key_id), one.valid_until)
        made = _next(tx, workspace, held, [*keys, *fresh], [root], now, random)
        detail: JsonObject = {"version": made.content.version, "roles": [one.role.value for one in fresh]}
        audit.add(tx, workspace_id, Act(now, "operator", "keyring.rotate", detail))
        return made

    return _shown(store.write(act))


def rotate_root(
    store: Store, root: Signer, successor: Signer, workspace_id: str, now: datetime, random: Callable[[int], bytes]
) -> Rekeyed:
    """Introduce the next root key by a keyring that both sign; from then on the old one signs nothing.

    Raises `UntrustedError` where `root` is not the workspace's root key, or `successor` is unsound or known already.
    """
    successor.public.check_sound()

    def act(tx: Tx) -> TrustedKeyring:
        workspace, held = _begin(tx, workspace_id, root)
        known = collectors.key_owner(tx, successor.public.key_id) is not None
        if known or workspaces.is_own_key(tx, successor.public.raw):
            raise UntrustedError(Code.CONFLICT, "the new root key is in use already", "make a key for this alone")
        made = _next(tx, workspace, held, held.content.keys, [root, successor], now, random)
        workspaces.set_root_key(tx, workspace_id, successor.public.raw)
        detail: JsonObject = {"version": made.content.version, "rootKeyId": successor.public.key_id}
        audit.add(tx, workspace_id, Act(now, "operator", "keyring.rotate-root", detail))
        return made

    return _shown(store.write(act))


def _begin(tx: Tx, workspace_id: str, root: Signer) -> tuple[Workspace, TrustedKeyring]:
    workspace = workspaces.get(tx, workspace_id)
    if workspace.root_key != root.public.raw:
        raise UntrustedError(
            Code.UNKNOWN_KEY,
            f"{root.public.key_id} is not the root key of this workspace",
            f"the root is {PublicKey(workspace.root_key).key_id}",
        )
    return workspace, _held(tx, workspace)


def _held(tx: Tx, workspace: Workspace) -> TrustedKeyring:
    newest = None
    for newest in register.rows(tx, workspace.workspace_id, KEYRING):  # noqa: B007 - the last one is wanted
        pass
    if newest is None:
        raise StateError(Code.NOT_FOUND, "the workspace has no keyring", "run carnet-receiver fsck")
    return open_keyring(newest.parts.envelope(), PublicKey(workspace.root_key), workspace.audience)


def _next(
    tx: Tx,
    workspace: Workspace,
    held: TrustedKeyring,
    keys: Sequence[RoleKey],
    roots: Sequence[Signer],
    now: datetime,
    random: Callable[[int], bytes],
) -> TrustedKeyring:
    workspace_id = workspace.workspace_id
    # Those of which a signed statement says so, and that nobody took back.
    revoked = revocations.everything_ended(tx, workspace_id).keys
    ended = [
        EndedKey(key_id=key_id, number=end.number, since=end.since)
        for (_, key_id), ends in revoked.items()
        for end in ends
    ]
    place = register.next_place(tx, workspace_id)
    what = keyrings.Next(workspace.audience, keys, ended, place, random(SALT_BYTES), now, roots)
    envelope = keyrings.after(held, what)
    register.add(tx, workspace_id, place.number, KEYRING, envelope, now)
    made = open_keyring(envelope, held.root, workspace.audience)
    workspaces.set_keyring_version(tx, workspace_id, made.content.version)
    return made


def _valid_from(held: TrustedKeyring, role: Role, now: datetime) -> datetime:
    """Say from when a new key is good: a receipt that it signs names the time at which its request came, before now.

    Always later than the one before it: that is how the newest is told.
    """
    before = [one.valid_from + timedelta(microseconds=1) for one in held.content.keys if one.role is role]
    return max([now - OVERLAP, *before])


def _ended(key: RoleKey, now: datetime) -> RoleKey:
    until = now + OVERLAP
    if key.valid_until is not None and key.valid_until <= until:
        return key
    return key.model_copy(update={"valid_until": until})


def _shown(keyring: TrustedKeyring) -> Rekeyed:
    content = keyring.content
    return Rekeyed(content.version, keyring.root.key_id, content.keys, content.revocations)
