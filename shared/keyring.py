"""Who may sign what for a workspace: the keyring, believed because the pinned root key signed it.

Invariants: a keyring is taken only under the pinned root, for the expected audience, and if it is newer than the one
held and linked to it; a key signs only the types of its one role, and only within its validity.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from shared import dsse, statement
from shared.dsse import Envelope
from shared.encoding import b64decode, digest_text
from shared.errors import Code, UntrustedError
from shared.keys import PublicKey, key_from_spki
from shared.predicates import Audience, Keyring, Role, RoleKey
from shared.statement import Statement


@dataclass(frozen=True)
class TrustedKeyring:
    """A keyring that the root signed: its content, its attestation id, and the root it stands under."""

    root: PublicKey
    content: Keyring
    id: bytes

    @property
    def audience(self) -> Audience:
        """The workspace whose keys these are."""
        return self.content.audience

    def key(self, key_id: str) -> tuple[PublicKey, RoleKey]:
        """Find a key by its id; raises `UntrustedError` (`unknown_key`) for one that is not there, or was revoked."""
        for row in self.content.keys:
            if row.key_id == key_id and key_id not in self.content.revocations:
                return key_from_spki(b64decode(row.public_key)), row
        raise UntrustedError(
            Code.UNKNOWN_KEY,
            f"version {self.content.version} of the keyring has no good key {key_id}",
            "fetch the newest keyring",
        )

    def verify(self, envelope: Envelope) -> Statement:
        """Verify a statement that the receiver signed: key in the keyring, role as the type's, audience ours.

        Raises `UntrustedError` or `MalformedError`. The validity of the key is asked with `check_time`, since only
        the caller knows which of the statement's times is the receiver's own.
        """
        key, row = self.key(envelope.key_id)
        read = statement.read(dsse.verify(envelope, key))
        if read.kind.role is not row.role:
            raise UntrustedError(
                Code.WRONG_TYPE,
                f"a key with role {row.role} may not sign {read.kind.uri}",
                "this is not ours",
            )
        read.expect_audience(self.audience)
        read.expect_understood()
        return read

    def check_time(self, key_id: str, moment: datetime) -> None:
        """Refuse a key that was not good at a moment; raises `UntrustedError` (`unknown_key`)."""
        _, row = self.key(key_id)
        if moment < row.valid_from or (row.valid_until is not None and moment >= row.valid_until):
            raise UntrustedError(Code.UNKNOWN_KEY, f"the key {key_id} was not valid at that time")


def open_keyring(envelope: Envelope, root: PublicKey, audience: Audience | None = None) -> TrustedKeyring:
    """Read a keyring under the pinned root; raises `UntrustedError` or `MalformedError`."""
    read = statement.read(dsse.verify(envelope, root))
    content = read.as_(Keyring)
    if audience is not None:
        read.expect_audience(audience)
    read.expect_understood()
    if (content.version == 1) != (content.previous is None):
        raise UntrustedError(
            Code.UNKNOWN_KEY,
            f"keyring version {content.version} with previous {'null' if content.previous is None else 'set'}",
            "previous is null in version 1 and nowhere else",
        )
    # A key in two rows would have two roles, and the root in a row would sign more than keyrings.
    taken = {root.key_id}
    for row in content.keys:
        key = key_from_spki(b64decode(row.public_key))
        if row.role in (Role.ROOT, Role.COLLECTOR) or key.key_id != row.key_id or row.key_id in taken:
            raise UntrustedError(
                Code.UNKNOWN_KEY,
                f"the keyring's row for {row.key_id} cannot be",
                "this is not ours",
            )
        key.check_sound()
        taken.add(row.key_id)
    return TrustedKeyring(root, content, read.verified.id)


def newer_keyring(held: TrustedKeyring, envelope: Envelope) -> TrustedKeyring:
    """Take the next keyring: same root, next version, linked to the one held.

    The same keyring again is given back as held. Raises `UntrustedError` for an older one, for a version whose chain
    is not complete, or for a link to another.
    """
    found = open_keyring(envelope, held.root, held.audience)
    if found.id == held.id:
        return held
    if found.content.version != held.content.version + 1 or found.content.previous != digest_text(held.id):
        raise UntrustedError(
            Code.UNKNOWN_KEY,
            f"keyring version {found.content.version} does not follow version {held.content.version} that is held",
            "fetch the versions in between",
        )
    return found
