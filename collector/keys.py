"""Which key signs: the one that the last rotation in the spool names, or the only one there ever was. Pure.

Invariants: whatever takes a place in the stream is signed with `signing`, and the spool refuses it otherwise; what has
no place (heartbeats, requests for access) is signed with a key that the receiver can know already. Whoever signs
takes `now` once, so that a rotation in between changes nothing under its hands.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from shared import dsse, statement
from shared.encoding import b64encode, sha256
from shared.errors import ConfigError
from shared.predicates import KEY_ROTATION, KeyRotation
from shared.statement import subject_sha256

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from collector.attest import Identity
    from shared.dsse import Envelope
    from shared.keys import PublicKey, Signer
    from shared.predicates import StreamLink

HELD_ROTATION = "the receiver holds the rotation to the key that signs: what it signs helps no decision"
ABOUT_A_HELD_ROTATION = (
    "the old key is kept, and no other one is made; look for a copy of this host, of its key or of its spool and stop"
    " it, then enrol this host anew with a new state directory; two people at the receiver can release what is held"
)

RESTORE_THE_KEY = (
    "put that key back from a backup of this host, or enrol it anew with a new state directory: no new key can take"
    " its place"
)

_EARLIEST = 0.8
"""Of its span: a fleet whose keys were made on one day does not turn them over in one minute."""


@dataclass(frozen=True, slots=True)
class Rotation:
    """A rotation as the spool keeps it for ever: its place, its id, both keys, its exact bytes, and its receipt.

    A place below zero is none of this stream: the rotation came over from an older spool. One that is `held` was
    receipted as well, but the receiver does not go by the new key.
    """

    place: int
    id: bytes
    old: PublicKey
    new: PublicKey
    envelope: bytes
    rotated_at: datetime
    delivered: bool
    held: bool = False

    @property
    def introduced(self) -> bool:
        """Whether the receiver is known to go by the new key."""
        return self.delivered and not self.held


@dataclass(frozen=True, slots=True)
class Held:
    """The keys of one moment: what signs and since when, older ones that are still of use, and all there ever were.

    `older` are those that signed before rotations that the receiver is not known to go by, oldest first; `own` is what
    the spool's entries verify under. `rotation_held` says that the receiver holds the last rotation.
    """

    signing: Signer
    made_at: datetime
    older: tuple[Signer, ...] = ()
    own: tuple[PublicKey, ...] = ()
    rotation_held: bool = False

    @property
    def introduced(self) -> Signer:
        """The newest key that the receiver is known to know."""
        return self.older[0] if self.older else self.signing

    @property
    def asking(self) -> tuple[Signer, ...]:
        """The keys to ask for access with, the likeliest first: a receipt may have been lost."""
        return (*self.older, self.signing)

    def rotated(self, new: Signer, at: datetime) -> Held:
        """Give what is held after a rotation."""
        return Held(new, at, (*self.older, self.signing), (*self.own, new.public))

    def receipted(self, rotations: Sequence[Rotation]) -> Held:
        """Give what is held after a receipt, from all rotations as they stand by it."""
        waiting = {one.old for one in not_introduced(rotations)}
        older = tuple(one for one in self.older if one.public in waiting)
        return replace(self, older=older, rotation_held=is_held(rotations))


class Keys:
    """Holds the keys that are in force now; read from any thread, changed by whoever rotates."""

    def __init__(self, held: Held) -> None:
        """Take what the start found."""
        self._held = held

    @classmethod
    def of(cls, signer: Signer, made_at: datetime) -> Keys:
        """Begin with one key that was never rotated."""
        return cls(Held(signer, made_at, (), (signer.public,)))

    @property
    def now(self) -> Held:
        """The keys of this moment."""
        return self._held

    def turn(self, held: Held) -> None:
        """Go over to other keys, all at once."""
        self._held = held


def rotation(
    identity: Identity, old: Signer, new: Signer, link: StreamLink, *, rotated_at: datetime, salt: bytes
) -> Envelope:
    """Write the statement that introduces a new key at its place in the stream, signed by the old key and the new.

    `salt` is 16 random bytes.
    """
    predicate = KeyRotation(
        audience=identity.audience,
        key_id=old.public.key_id,
        salt=salt.hex(),
        collector=identity.wire(),
        stream=link,
        public_key=b64encode(new.public.spki),
        new_key_id=new.public.key_id,
        rotated_at=rotated_at,
    )
    subject = subject_sha256(sha256(new.public.spki).hex())
    return dsse.sign(statement.payload(KEY_ROTATION, (subject,), predicate), old, new)


def due_at(held: Held, after_days: float) -> datetime:
    """Say when a key is to be rotated: in the last fifth of its span, each key at its own time, always the same."""
    share = int(held.signing.public.key_id[-4:], 16) / 0xFFFF
    return held.made_at + timedelta(days=after_days * (_EARLIEST + (1 - _EARLIEST) * share))


def overdue(held: Held, after_days: float | None, now: datetime) -> str | None:
    """Say that the key is older than it should be, which is an alarm and never a refusal; None where it is not."""
    if after_days is None or now <= held.made_at + timedelta(days=after_days):
        return None
    return (
        f"the key {held.signing.public.key_id} is {(now - held.made_at).days} days old, and keys.rotate_after_days is "
        f"{after_days:g}: carnet-collector rotate-key"
    )


def standing_wrong(held: Held, after_days: float | None, now: datetime) -> list[str]:
    """Say what is wrong with the key as it stands: it is too old, or the receiver does not go by it."""
    too_old = overdue(held, after_days, now)
    found = [] if too_old is None else [too_old]
    if held.rotation_held:
        found.append(held_wrong(held.signing.public.key_id))
    return found


def held_wrong(key_id: str) -> str:
    """Say that the receiver does not go by the key that signs."""
    return f"{HELD_ROTATION} ({key_id}): {ABOUT_A_HELD_ROTATION}"


def not_introduced(rotations: Sequence[Rotation]) -> Sequence[Rotation]:
    """Give the last rotations as far back as the receiver is not known to go by them."""
    at = len(rotations)
    while at and not rotations[at - 1].introduced:
        at -= 1
    return rotations[at:]


def check_descent(signing: PublicKey, rotations: Sequence[Rotation], enrolled: str, later: Sequence[str]) -> None:
    """Refuse a key that does not come from the enrolled one: the receiver would take nothing that it signs.

    `enrolled` is the id of the key that the receiver took in, `later` are those of the keys that came after it, as far
    as they are known beside the spool. Raises `ConfigError`.
    """
    first = rotations[0].old.key_id if rotations else signing.key_id
    good = (enrolled, *later) if rotations else (later[-1] if later else enrolled,)
    if first not in good:
        raise ConfigError(
            f"the key here is {first}, and this host was enrolled with {enrolled}"
            + (f", which was rotated to {later[-1]}" if later else "")
            + ": nothing was signed",
            RESTORE_THE_KEY,
        )


def is_held(rotations: Sequence[Rotation]) -> bool:
    """Say whether the receiver holds the last rotation, so that it does not go by the key that signs."""
    return bool(rotations) and rotations[-1].held


def own_keys(first: PublicKey, rotations: Sequence[Rotation]) -> tuple[PublicKey, ...]:
    """Give every key that this collector ever signed with, once each."""
    return tuple(dict.fromkeys((*(key for one in rotations for key in (one.old, one.new)), first)))
