"""The spool as the shipper sees it: its head, each entry checked against its own signature before it may be sent.

Invariant: what no longer verifies is taken out and told about; it never gets into a batch (SQLite does not notice a
flipped bit in a row).
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from collector.masking import PublicId
from shared import dsse
from shared.encoding import digest_text
from shared.errors import CarnetError, StateError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from collector.receipts import Beat, Sent, Settlement
    from shared.keys import PublicKey


class Store(Protocol):
    """What the shipper needs of the spool; each call blocks for a transaction at most."""

    def head(self, limit: int, max_bytes: int, skip: frozenset[int]) -> Sequence[Sent]:
        """Give the oldest pending entries."""
        ...

    @property
    def owes_introduction(self) -> bool:
        """Say whether the receiver may not know every key that this collector signed with."""
        ...

    @property
    def rotation_held(self) -> bool:
        """Say whether the receiver holds the rotation to the key that signs."""
        ...

    def introductions(self) -> Sequence[Sent]:
        """Give every rotation of this collector's key, in their order."""
        ...

    def introduce_again(self) -> None:
        """Remember that the receiver may not know a key."""
        ...

    def note_told(self, *, taken: bool) -> None:
        """Take note that rotations were told and settled, and whether all of them were taken."""
        ...

    def settle(self, settlement: Settlement, reasons: dict[int, str], beat: Beat | None, now: datetime) -> None:
        """End entries as a receipt says, and remember it; `beat` went with the request that it answers, if any."""
        ...

    def quarantine_damaged(self, sequence: int, now: datetime) -> None:
        """Take out an entry whose stored bytes no longer verify; raises `StateError` where it is gone."""
        ...

    def note_answer(self, sequences: Sequence[int], answer: str, now: datetime) -> None:
        """Keep what a request was answered with, for whoever asks for the status."""
        ...

    @property
    def beat_seconds(self) -> float | None:
        """The interval of heartbeats that the receiver asked for, within its bounds."""
        ...

    def heartbeat(self, now: datetime) -> Beat:
        """Make the next heartbeat, signed; its number is used up once it leaves."""
        ...


@dataclass(frozen=True, slots=True)
class Looked:
    """Good entries, oldest first, and how many damaged ones were taken out from between them."""

    good: list[Sent]
    damaged: int


@dataclass(frozen=True, slots=True)
class CheckedHead:
    """Looks at the head of the spool with the keys that this collector ever signed with."""

    store: Store
    own_keys: Callable[[], Sequence[PublicKey]]
    utcnow: Callable[[], datetime]
    tell: Callable[..., None]

    async def look(self, limit: int, max_bytes: int, skip: frozenset[int]) -> Looked:
        """Give the oldest pending entries that are still what was signed."""
        found = await asyncio.to_thread(self.store.head, limit, max_bytes, skip)
        good: list[Sent] = []
        for one in found:
            if self._still_good(one):
                good.append(one)
            else:
                await self._take_out(one)
        return Looked(good, len(found) - len(good))

    async def introductions(self) -> list[Sent]:
        """Give the rotations that are still what was signed; another is told about, and stays where it is."""
        good: list[Sent] = []
        for one in await asyncio.to_thread(self.store.introductions):
            if self._still_good(one):
                good.append(one)
            else:
                self.tell("rotation_damaged", sequence=one.sequence, id=PublicId(digest_text(one.id)))
        return good

    def _still_good(self, one: Sent) -> bool:
        known = {key.key_id: key for key in self.own_keys()}
        try:
            envelope = dsse.parse(one.envelope)
            signers = [known[signature.key_id] for signature in envelope.signatures]
            verified = dsse.verify(envelope, *signers)
        except (CarnetError, KeyError):
            return False
        return verified.id == one.id

    async def _take_out(self, one: Sent) -> None:
        self.tell("entry_damaged", sequence=one.sequence, id=PublicId(digest_text(one.id)))
        with contextlib.suppress(StateError):  # a person dropped it meanwhile
            await asyncio.to_thread(self.store.quarantine_damaged, one.sequence, self.utcnow())
