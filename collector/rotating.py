"""A new key for this collector: made, written down, put in force by one transaction, and the old one ended. Wiring.

    made --file synced--> on disk --the spool's commit--> signs --receipt--> takes the configured name, the old one ends

Invariants: killed at any step, the next start finds exactly one key that signs, since the spool says which; a new key
that did not come into force signs nothing, not for a moment; the old private key is there until the receiver goes by
the new one, and no other key is made while it does not, or while the stream is forked.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from collector import keys as keeping
from collector.masking import PublicId
from collector.spool import FORKED
from shared.errors import CarnetError, Code, ConfigError, StateError, TryLaterError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from collector.attest import Identity
    from collector.keys import Held, Keys, Rotation
    from collector.keystore import KeyStore
    from collector.spool import Spool
    from shared.dsse import Envelope
    from shared.encoding import JsonObject
    from shared.predicates import StreamLink


def _nothing(_: Sequence[Rotation]) -> None:
    """Do nothing."""


@dataclass(slots=True)
class Rotator:
    """Turns the key of one collector over; may be asked from any thread, and does one thing at a time."""

    spool: Spool
    identity: Identity
    keys: Keys
    key_store: KeyStore
    epoch: str
    utcnow: Callable[[], datetime]
    random: Callable[[int], bytes]
    tell: Callable[..., None]
    remember: Callable[[Sequence[Rotation]], None] = _nothing
    """Writes down beside the spool which keys came after one another; an old key ends only afterwards."""
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _unsure: Held | None = field(default=None, repr=False)
    """What would be held, where the spool could not say whether a failed commit is there."""

    def rotate(self) -> Rotation:
        """Make a new key and put it in force; when it returns, it signs.

        Raises `StateError` where no new key may be made (`obstacle`), `ConfigError` where the store does not make one,
        and what the spool raises; then the old key signs on. `TryLaterError` where it is not known which key signs.
        """
        with self._lock:
            self._settle()
            forbidden = obstacle(self.spool, self.keys)
            if forbidden is not None:
                raise forbidden
            before, now = self.keys.now, self.utcnow()
            new = self.key_store.make(self.random)
            after = before.rotated(new, now)

            def seal(link: StreamLink) -> Envelope:
                signers = (before.signing, new)
                made = keeping.rotation(self.identity, *signers, link, rotated_at=now, salt=self.random(16))
                # Here and not after the commit: whoever waits for the spool signs the next entry.
                self.keys.turn(after)
                return made

            def undone() -> None:
                self._undo(before, after)

            keys = before.signing.public, new.public
            done = self.spool.rotate(*keys, seal, epoch=self.epoch, now=now, undone=undone)
            names = {"old": PublicId(done.old.key_id), "new": PublicId(done.new.key_id)}
            self.tell("key_rotated", **names, sequence=done.place)
            return done

    def introduced(self) -> None:
        """Receipts said something of rotations: old keys that the receiver needs no more end, and no others."""
        with self._lock:
            self._look()
            if self._unsure is not None:
                return
            held, rotations = self.keys.now, self.spool.rotations()
            self.keys.turn(held.receipted(rotations))
            if keeping.not_introduced(rotations):
                return
            try:
                self.remember(rotations)
                self.key_store.retire(held.signing.public, [one.old for one in rotations])
            except ConfigError as error:
                self.tell("old_key_not_removed", detail=str(error))

    def look_again(self) -> None:
        """Ask the spool once more which key signs, where it could not say it after a commit that failed."""
        with self._lock:
            self._look()

    def _look(self) -> None:
        if self._unsure is not None:
            self._decide(self._unsure)

    def _settle(self) -> None:
        """Know which key signs before another one is made: none that may be in force is forgotten for a new one."""
        self._look()
        if self._unsure is not None:
            raise TryLaterError(
                Code.UNAVAILABLE, "the spool does not answer, so it is not known which key signs", "try again"
            )

    def tidy(self) -> None:
        """At a start: end old keys that a kill kept alive, and put away new ones that never came into force."""
        if not self.keys.now.older:
            self.introduced()
        try:
            for name in self.key_store.put_away(self.keys.now):
                self.tell("key_put_away", path=name)
        except ConfigError as error:
            self.tell("key_not_put_away", detail=str(error))

    def _undo(self, before: Held, after: Held) -> None:
        """Ask the spool which key signs: a commit that failed may be there all the same.

        Nobody else can store anything meanwhile: what was signed with a key that never came into force would verify
        nowhere.
        """
        self.keys.turn(before)
        self._unsure = after
        self._decide(after)

    def _decide(self, after: Held) -> None:
        with suppress(CarnetError):  # as long as the spool does not answer, nothing is stored either
            rotations = self.spool.rotations()
            self._unsure = None
            if rotations and rotations[-1].new == after.signing.public:
                self.keys.turn(after)
            else:
                self.key_store.discard(after.signing.public)


def obstacle(spool: Spool, keys: Keys) -> StateError | None:
    """Say why no new key may be made now: the receiver would hold its rotation; None where nothing is in the way."""
    # The spool knows a moment before the keys do.
    if keys.now.rotation_held or keeping.is_held(spool.rotations()):
        return StateError(Code.CONFLICT, keeping.HELD_ROTATION, keeping.ABOUT_A_HELD_ROTATION)
    for alarm in spool.alarms():
        if alarm.name == FORKED:
            return StateError(
                Code.CONFLICT,
                f"no new key while the stream is forked: {alarm.detail}",
                f"once that is mended: carnet-collector spool clear-alarm {alarm.number}",
            )
    return None


def told(done: Rotation) -> JsonObject:
    """Give a rotation as commands and the control socket show it."""
    return {"oldKeyId": done.old.key_id, "newKeyId": done.new.key_id, "sequence": done.place}
