"""Who may sign what for a workspace: the keyring, believed because the pinned root key signed it.

Invariants: a keyring is taken only under the pinned root, for the expected audience, and if it is newer than the one
held and linked to it; a new root is taken from a keyring alone that the old one signed too; a key signs only the types
of its one role, and only within its validity.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from shared import dsse, statement
from shared.dsse import Envelope
from shared.encoding import JsonObject, b64decode, digest_text, parse_payload
from shared.errors import Code, MalformedError, UntrustedError
from shared.keys import PublicKey, key_from_spki
from shared.predicates import Audience, Keyring, Role, RoleKey
from shared.statement import Statement

_OURS = "this is not ours"


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
    """Read a keyring under the pinned root; raises `UntrustedError` or `MalformedError`.

    One that brings a new root is believed under either of the two, since both signed it, and stands under the new one.
    """
    read = read_keyring(envelope, root)
    content, roots = read.as_(Keyring), read.verified.keys
    if audience is not None:
        read.expect_audience(audience)
    read.expect_understood()
    if (content.version == 1) != (content.previous is None):
        raise UntrustedError(
            Code.UNKNOWN_KEY,
            f"keyring version {content.version} with previous {'null' if content.previous is None else 'set'}",
            "previous is null in version 1 and nowhere else",
        )
    if (content.roots is None) != (len(roots) == 1):
        raise UntrustedError(Code.UNKNOWN_KEY, "a keyring names its roots where it has two, and nowhere else", _OURS)
    # A key in two rows would have two roles, and a root in a row would sign more than keyrings.
    taken = {one.key_id for one in roots}
    for row in content.keys:
        key = key_from_spki(b64decode(row.public_key))
        if row.role in (Role.ROOT, Role.COLLECTOR) or key.key_id != row.key_id or row.key_id in taken:
            raise UntrustedError(Code.UNKNOWN_KEY, f"the keyring's row for {row.key_id} cannot be", _OURS)
        key.check_sound()
        taken.add(row.key_id)
    return TrustedKeyring(roots[-1], content, read.verified.id)


def read_keyring(envelope: Envelope, root: PublicKey) -> Statement:
    """Verify what a root signed, alone or together with the one that it introduces; raises as `open_keyring` does."""
    roots = _roots(envelope) if len(envelope.signatures) > 1 else (root,)
    if root not in roots:
        raise UntrustedError(Code.UNKNOWN_KEY, "the keyring brings a root that the pinned one did not introduce", _OURS)
    return statement.read(dsse.verify(envelope, *roots))


def first_root(keyrings: Iterable[Envelope], newest: PublicKey) -> PublicKey:
    """Say under which root the oldest of some keyrings stands, if the newest one stands under `newest`.

    Believes nothing: a walk from there must come out at `newest`. Raises `MalformedError`.
    """
    return next((_roots(one)[0] for one in keyrings if len(one.signatures) > 1), newest)


def newer_keyring(held: TrustedKeyring, envelope: Envelope) -> TrustedKeyring:
    """Take the next keyring: under the root held, next version, linked to the one held; it may bring the next root.

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
    if envelope.key_id != held.root.key_id:
        raise UntrustedError(Code.UNKNOWN_KEY, "the keyring brings the root that is held already", _OURS)
    return found


def version_of(envelope: Envelope) -> int:
    """Say which version an envelope claims to be, believing nothing: what is to be passed over is told by it.

    Raises `MalformedError` where it is no keyring.
    """
    version = _claimed(envelope).get("version")
    if not isinstance(version, int) or isinstance(version, bool):
        raise MalformedError(Code.MALFORMED_STATEMENT, "the keyring has no version", _OURS)
    return version


def _roots(envelope: Envelope) -> tuple[PublicKey, PublicKey]:
    """Find the two keys to verify a keyring under that brings a new root; nothing of it is believed before that."""
    roots = _claimed(envelope).get("roots")
    if not isinstance(roots, list) or not all(isinstance(one, str) for one in roots):
        raise MalformedError(Code.MALFORMED_ENVELOPE, "two signatures, and no roots that they are of", _OURS)
    keys = tuple(key_from_spki(b64decode(str(one))) for one in roots)
    if len(keys) != len(envelope.signatures):
        raise MalformedError(Code.MALFORMED_STATEMENT, f"{len(keys)} roots and two signatures", _OURS)
    for key in keys:
        key.check_sound()
    return keys[0], keys[1]


def _claimed(envelope: Envelope) -> JsonObject:
    predicate = parse_payload(envelope.payload).get("predicate")
    if not isinstance(predicate, dict):
        raise MalformedError(Code.MALFORMED_STATEMENT, "no statement of a keyring", _OURS)
    return predicate
