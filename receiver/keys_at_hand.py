"""The role keys of a workspace, unsealed: what this process can sign with on the receiver's behalf.

Seeds live in memory only, never in a representation, a log or an error; the root key is never among them.
"""

from __future__ import annotations

from dataclasses import dataclass

from receiver.core.sealing import unseal
from receiver.store import workspaces
from receiver.store.engine import Store
from shared.errors import ConfigError
from shared.keys import Ed25519Signer, Signer
from shared.predicates import Audience, Role


@dataclass(frozen=True, slots=True)
class RoleSigners:
    """The signers of one workspace, one for each role that signs while serving."""

    workspace_id: str
    audience: Audience
    receipt: Signer
    decision: Signer
    claim: Signer
    keyring_version: int
    """Of the keyring that was the newest when they were read."""


def load(store: Store, master: bytes, workspace_id: str) -> RoleSigners:
    """Unseal the newest key of each role.

    Raises `StateError` without such a workspace, `ConfigError` where the master key is another or a role has no key.
    """
    workspace, rows = store.read(
        lambda tx: (workspaces.get(tx, workspace_id), workspaces.role_key_rows(tx, workspace_id))
    )
    newest = {row.role: row for row in rows}

    def signer(role: Role) -> Signer:
        row = newest.get(role)
        if row is None:
            raise ConfigError(f"the workspace has no {role} key", "restore the last backup")
        made = Ed25519Signer(unseal(master, row.sealed))
        if made.public.raw != row.public_key:
            raise ConfigError(f"the sealed {role} key is not the one that its row names", "run carnet-receiver fsck")
        return made

    return RoleSigners(
        workspace_id,
        workspace.audience,
        signer(Role.RECEIPT),
        signer(Role.DECISION),
        signer(Role.CLAIM),
        workspace.keyring_version,
    )
