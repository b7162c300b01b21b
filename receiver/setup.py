"""Set up a workspace: its ids, its role keys, and the first version of its keyring, signed by the root.

The root key signs here and is not kept: whoever calls owns it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from receiver.core.sealing import NONCE_BYTES, seal
from receiver.core.trail import Act
from receiver.store import audit, register, workspaces
from receiver.store.engine import Store, Tx
from receiver.store.workspaces import RoleKeyRow
from shared import statement
from shared.encoding import b64encode, base32_id, parse_digest, sha256
from shared.keys import SEED_BYTES, Ed25519Signer, Signer
from shared.predicates import KEYRING, Audience, Keyring, Role, RoleKey
from shared.statement import subject_sha256

ID_BYTES = 16
SALT_BYTES = 16
ROLES = (Role.RECEIPT, Role.CLAIM, Role.DECISION, Role.LOG)


@dataclass(frozen=True, slots=True)
class SetUp:
    """What was made: the names that collectors pin."""

    receiver_id: str
    workspace_id: str
    root_key_id: str


def create(
    store: Store, master: bytes, root: Signer, name: str, now: datetime, random: Callable[[int], bytes]
) -> SetUp:
    """Make a workspace in one transaction, and name the instance if this is the first one.

    `master` is the 32-byte key that seals the role keys; `random` gives that many random bytes. Raises
    `UntrustedError` for an unsound root key, `ConfigError` for a master key of another length.
    """
    root.public.check_sound()

    def act(tx: Tx) -> SetUp:
        receiver_id = workspaces.receiver_id(tx)
        if receiver_id is None:
            receiver_id = base32_id("rcv_", random(ID_BYTES))
            workspaces.add_instance(tx, receiver_id, now)
        workspace_id = base32_id("ws_", random(ID_BYTES))
        workspaces.add(tx, workspace_id, name, root.public.raw, now)
        keys = tuple(_role_key(tx, workspace_id, role, master, now, random) for role in ROLES)
        place = register.next_place(tx, workspace_id)
        keyring = Keyring(
            audience=Audience(receiver=receiver_id, workspace=workspace_id),
            key_id=root.public.key_id,
            salt=random(SALT_BYTES).hex(),
            register_=place,
            version=1,
            previous=None,
            issued_at=now,
            keys=keys,
        )
        subject = subject_sha256(sha256(root.public.spki).hex())
        envelope = statement.sign(KEYRING, (subject,), keyring, root)
        register.add(tx, workspace_id, place.number, KEYRING, envelope, now)
        workspaces.set_keyring_version(tx, workspace_id, keyring.version)
        detail = {"name": name, "rootKeyId": root.public.key_id}
        audit.add(tx, workspace_id, Act(now, "operator", "workspace.create", detail))
        return SetUp(receiver_id, workspace_id, root.public.key_id)

    return store.write(act)


def _role_key(
    tx: Tx, workspace_id: str, role: Role, master: bytes, now: datetime, random: Callable[[int], bytes]
) -> RoleKey:
    seed = random(SEED_BYTES)
    public = Ed25519Signer(seed).public
    row = RoleKeyRow(parse_digest(public.key_id), role, public.raw, seal(master, seed, random(NONCE_BYTES)), now)
    workspaces.add_role_key(tx, workspace_id, row)
    return RoleKey(key_id=public.key_id, public_key=b64encode(public.spki), role=role, valid_from=now)
