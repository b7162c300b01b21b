"""A new key for this collector: made, written down, put in force by one transaction, and the old one ended. Wiring.

    made --file synced--> on disk --the spool's commit--> signs --receipt--> takes the configured name, the old one ends

Invariants: killed at any step, the next start finds exactly one key that signs, since the spool says which; the old
private key is there until the receiver knows the new one.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from collector import keys as keeping
from collector.keyfiles import discard, new_path, put_away, retire
from shared.errors import CarnetError, ConfigError
from shared.keyfile import write_key
from shared.keys import SEED_BYTES, Ed25519Signer

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from collector.attest import Identity
    from collector.keys import Held, Keys, Rotation
    from collector.spool import Spool
    from shared.dsse import Envelope
    from shared.encoding import JsonObject
    from shared.keys import Signer
    from shared.predicates import StreamLink


@dataclass(slots=True)
class Rotator:
    """Turns the key of one collector over; may be asked from any thread, and does one thing at a time."""

    spool: Spool
    identity: Identity
    keys: Keys
    key_path: Path
    passphrase: bytes | None = field(repr=False)
    epoch: str
    utcnow: Callable[[], datetime]
    random: Callable[[int], bytes]
    tell: Callable[..., None]
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def rotate(self) -> Rotation:
        """Make a new key and put it in force; when it returns, it signs.

        Raises `ConfigError` where its file cannot be written, and what the spool raises; then the old key signs on.
        """
        with self._lock:
            before, now, seed = self.keys.now, self.utcnow(), self.random(SEED_BYTES)
            path = new_path(self.key_path, Ed25519Signer(seed).public.key_id)
            new = write_key(path, seed, self.passphrase)

            def seal(link: StreamLink) -> Envelope:
                signers = (before.signing, new)
                made = keeping.rotation(self.identity, *signers, link, rotated_at=now, salt=self.random(16))
                # Here and not after the commit: whoever waits for the spool signs the next entry.
                self.keys.turn(before.rotated(new, now))
                return made

            try:
                done = self.spool.rotate(before.signing.public, new.public, seal, epoch=self.epoch, now=now)
            except BaseException:
                self._undo(before, new, path)
                raise
            self.tell("key_rotated", old=done.old.key_id, new=done.new.key_id, sequence=done.place)
            return done

    def introduced(self) -> None:
        """Every rotation was receipted: what the old keys signed needs them no more, and they end."""
        with self._lock:
            held, rotations = self.keys.now, self.spool.rotations()
            if not all(one.delivered for one in rotations):
                return
            self.keys.turn(held.receipted())
            try:
                retire(self.key_path, self.passphrase, held.signing.public, [one.old for one in rotations])
            except ConfigError as error:
                self.tell("old_key_not_removed", detail=str(error))

    def tidy(self) -> None:
        """At a start: end old keys that a kill kept alive, and put away new ones that never came into force."""
        if not self.keys.now.older:
            self.introduced()
        try:
            for path in put_away(self.key_path, self.keys.now):
                self.tell("key_put_away", path=str(path))
        except OSError as error:
            self.tell("key_not_put_away", detail=str(error))

    def _undo(self, before: Held, new: Signer, path: Path) -> None:
        """Ask the spool which key signs: a commit that failed may be there all the same."""
        after = before.rotated(new, self.utcnow())
        self.keys.turn(before)
        with suppress(CarnetError):  # the spool is no more: the next start asks it
            rotations = self.spool.rotations()
            if rotations and rotations[-1].new == new.public:
                self.keys.turn(after)
            else:
                discard(path)


def told(done: Rotation) -> JsonObject:
    """Give a rotation as commands and the control socket show it."""
    return {"oldKeyId": done.old.key_id, "newKeyId": done.new.key_id, "sequence": done.place}
