"""Set up a workspace: its ids, its role keys, and the first version of its keyring, signed by the root.

The root key signs here and is not kept: whoever calls owns it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from receiver.core import keyrings
from receiver.core.trail import Act
from receiver.store import audit, register, workspaces
from receiver.store.engine import Store, Tx
from shared.encoding import base32_id
from shared.keys import Signer
from shared.predicates import KEYRING, Audience, Role

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
        keys = tuple(workspaces.make_role_key(tx, workspace_id, role, master, now, random) for role in ROLES)
        place = register.next_place(tx, workspace_id)
        audience = Audience(receiver=receiver_id, workspace=workspace_id)
        envelope = keyrings.first(keyrings.Next(audience, keys, (), place, random(SALT_BYTES), now, [root]))
        register.add(tx, workspace_id, place.number, KEYRING, envelope, now)
        workspaces.set_keyring_version(tx, workspace_id, keyrings.FIRST)
        detail = {"name": name, "rootKeyId": root.public.key_id}
        audit.add(tx, workspace_id, Act(now, "operator", "workspace.create", detail))
        return SetUp(receiver_id, workspace_id, root.public.key_id)

    return store.write(act)
