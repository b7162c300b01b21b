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
from shared.predicates import KEY_ROTATION, KeyRotation
from shared.statement import subject_sha256

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from collector.attest import Identity
    from shared.dsse import Envelope
    from shared.keys import PublicKey, Signer
    from shared.predicates import StreamLink

_EARLIEST = 0.8
"""Of its span: a fleet whose keys were made on one day does not turn them over in one minute."""


@dataclass(frozen=True, slots=True)
class Rotation:
    """A rotation as the spool keeps it for ever: its place, its id, both keys, its exact bytes, and its receipt.

    A place below zero is none of this stream: the rotation came over from an older spool.
    """

    place: int
    id: bytes
    old: PublicKey
    new: PublicKey
    envelope: bytes
    rotated_at: datetime
    delivered: bool


@dataclass(frozen=True, slots=True)
class Held:
    """The keys of one moment: what signs and since when, older ones that are still of use, and all there ever were.

    `older` are those that signed before rotations that nobody receipted yet, oldest first; `own` is what the spool's
    entries verify under.
    """

    signing: Signer
    made_at: datetime
    older: tuple[Signer, ...] = ()
    own: tuple[PublicKey, ...] = ()

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

    def receipted(self) -> Held:
        """Give what is held once every rotation was receipted."""
        return replace(self, older=())


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


def own_keys(first: PublicKey, rotations: Sequence[Rotation]) -> tuple[PublicKey, ...]:
    """Give every key that this collector ever signed with, once each."""
    return tuple(dict.fromkeys((*(key for one in rotations for key in (one.old, one.new)), first)))
