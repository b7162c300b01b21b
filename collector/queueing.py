"""The spool as the shipper sees it, and the heartbeat that goes with each batch. Wiring."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from collector.leaving import Kind, Reply
from collector.obeying import KeyNow, Obedience, beat_seconds, judge, to_do
from collector.receipts import Beat, Sent
from collector.rotating import obstacle
from collector.spool import Said, State
from shared import statement
from shared.encoding import digest_text, sha256
from shared.predicates import HEARTBEAT, Ended, Heartbeat, ReceiptSeen, SpoolNow, StreamNow
from shared.requests import Obeyed, RequestKind
from shared.statement import subject_sha256

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from collector.attest import Identity
    from collector.keys import Keys
    from collector.leaving import Destination, Leaving
    from collector.obeying import Asked, ToDo
    from collector.receipts import Settlement
    from collector.spool import EndedEntry, Spool
    from collector.spool import Told as SpoolTold
    from shared.requests import Request

_ENDED_LISTED = 100


def _nothing(*_: object) -> None:
    """Do nothing."""


@dataclass(slots=True)
class OnRequest:
    """Who does what a receipt asks beyond the spool, and how many requests were passed over.

    `rotate` takes the date before which a new key is wanted, and is called again until the new key signs.
    """

    rescan: Callable[[], None] = _nothing
    rotate: Callable[[datetime | None], None] = _nothing
    passed_over: int = 0


@dataclass(frozen=True, slots=True)
class Queue:
    """Hands out the head of the spool, keeps the ledger, settles what receipts say, and signs heartbeats.

    `to` is where everything goes.
    """

    spool: Spool
    identity: Identity
    keys: Keys
    to: Destination
    epoch: str
    random: Callable[[int], bytes]
    tell: Callable[..., None]
    obedience: Obedience = field(default_factory=Obedience)
    asked: OnRequest = field(default_factory=OnRequest)
    introduced: Callable[[], None] = _nothing
    stream_id: str = field(init=False)
    _introduce: threading.Event = field(init=False, default_factory=threading.Event)

    def __post_init__(self) -> None:
        """Remember the stream's id; after a start the receiver is told of every rotation once more."""
        object.__setattr__(self, "stream_id", self.spool.head().stream_id)
        self._introduce.set()

    @property
    def owes_introduction(self) -> bool:
        """Say whether the receiver may not know every key that this collector signed with."""
        held = self.keys.now
        return self._introduce.is_set() or (bool(held.older) and not held.rotation_held)

    @property
    def rotation_held(self) -> bool:
        """Say whether the receiver holds the rotation to the key that signs."""
        return self.keys.now.rotation_held

    def introduce_again(self) -> None:
        """The receiver may not know a key, or go by it again: it is told of every rotation once more."""
        self._introduce.set()

    def introductions(self) -> Sequence[Sent]:
        """Give every rotation of this collector's key, in their order; nothing is owed where there is none."""
        found = self.spool.rotations()
        if not found:
            self._introduce.clear()
        return [Sent(one.place, one.id, one.envelope, Kind.KEY_ROTATION, one.introduced) for one in found]

    def head(self, limit: int, max_bytes: int, skip: frozenset[int]) -> Sequence[Sent]:
        """Give the oldest pending entries."""
        found = self.spool.head_entries(limit, max_bytes, skip=skip)
        return [Sent(one.sequence, one.id, one.envelope) for one in found]

    def leave(self, leaving: Sequence[Leaving], now: datetime) -> None:
        """Write into the ledger that these are sent now; nothing is handed to the network before this returns."""
        self.spool.leave(leaving, self.to, now)

    def note_answered(self, one: Leaving) -> None:
        """Write into the ledger that something which no receipt names was answered."""
        self.spool.note_answered(one)

    def settle(self, settlement: Settlement, reasons: dict[int, str], beat: Beat | None, now: datetime) -> None:
        """End entries as a receipt says, remember it, send again what a restored receiver has lost, and obey.

        `beat` is the heartbeat that went with the request; a batch of rotations has none.
        """
        known = {one.request: one for one in self.spool.asked()}
        asked = judge(settlement.requests, known, self.obedience, self._key(settlement), now)
        told = self.spool.settle(
            receipt_id=settlement.receipt_id,
            receipt=settlement.receipt,
            received_at=settlement.received_at,
            delivered=settlement.delivered,
            quarantined=[(number, code, reasons.get(number, "")) for number, code in settlement.quarantined],
            reply=Reply(self.to, settlement.told if beat is None else (*settlement.told, beat.answered)),
            now=now,
            said=Said(
                settlement.mark_of(self.stream_id),
                asked,
                beat_seconds(asked, known, self.obedience),
                settlement.held,
            ),
        )
        if self._is_unreceipted():
            # What a restored receiver lacks was put back, rotations among it: what they introduced waits behind them.
            self._introduce.set()
        self._tell_of(told, known)
        self._act(to_do(told.asked, known, len(settlement.requests), self.keys.now.signing.public.key_id))

    def _key(self, settlement: Settlement) -> KeyNow:
        held = self.keys.now
        wanted = any(one.kind == RequestKind.ROTATE_KEY for one in settlement.requests)
        # What this very receipt holds may be the last rotation, or a branch: the next receipt asks again.
        may_turn = not wanted or (not settlement.held and obstacle(self.spool, self.keys) is None)
        return KeyNow(held.signing.public.key_id, not held.older, may_turn)

    def note_told(self, *, taken: bool) -> None:
        """Rotations were told just now: old keys that are of no use any more end; nothing is owed if all were taken."""
        if taken and not self._is_unreceipted():
            self._introduce.clear()
        self.introduced()

    def _is_unreceipted(self) -> bool:
        return any(not one.delivered for one in self.spool.rotations())

    def _tell_of(self, told: SpoolTold, known: Mapping[Request, Asked]) -> None:
        restored = told.restored
        if restored is not None and restored.again is not None:
            facts = {"contiguous_to": restored.mark, "was": restored.receipted, "pruned": restored.again.pruned}
            self.tell("receiver_lost_entries", **facts, entries_sent_again=restored.again.entries)
        for one in told.asked:
            if one != known.get(one.request):
                self.tell("receiver_asks", **one.request.to_wire(), outcome=one.outcome.value)

    def _act(self, left: ToDo) -> None:
        """Do what is asked beyond the spool; after a kill in between, the next receipt or start does it."""
        if left.rescan:
            self.asked.rescan()
        if left.rotate:
            self.asked.rotate(left.rotate_before)
        self.asked.passed_over += left.passed_over

    def quarantine_damaged(self, sequence: int, now: datetime) -> None:
        """Take out an entry whose stored bytes no longer verify; its file is captured again if it is still there."""
        self.spool.quarantine_damaged(sequence, now)

    def note_answer(self, sequences: Sequence[int], answer: str, now: datetime) -> None:
        """Keep what a request was answered with."""
        self.spool.note_answer(sequences, answer, now)

    @property
    def beat_seconds(self) -> float | None:
        """The interval of heartbeats that the receiver asked for, within its bounds."""
        return self.spool.beat_seconds()

    def heartbeat(self, now: datetime) -> Beat:
        """Make the next heartbeat, signed, in its one spelling; its number is used up once it leaves.

        It has no place in the stream, so that it can be signed with a key that the receiver knows.
        """
        keys = self.keys.now
        signer = keys.introduced
        stats = self.spool.stats(now)
        receipt = self.spool.last_receipt()
        quarantined, dropped, omitted = self._ended()
        head = stats.head
        number = self.spool.next_beat()
        said = Heartbeat(
            audience=self.identity.audience,
            key_id=signer.public.key_id,
            salt=self.random(16).hex(),
            collector=self.identity.wire(),
            stream=StreamNow(
                id=head.stream_id,
                epoch=self.epoch,
                high_water=head.next_sequence - 1 if head.next_sequence else None,
                head=None if head.last_id is None else digest_text(head.last_id),
            ),
            beat=number,
            sent_at=now,
            last_receipt=None if receipt is None else ReceiptSeen(id=digest_text(receipt[0]), received_at=receipt[1]),
            spool=SpoolNow(depth=stats.pending, oldest_seconds=max(0, int(stats.oldest_pending_seconds))),
            quarantined=quarantined,
            dropped=dropped,
            ended_omitted=omitted,
            obeyed=self._obeyed(),
            key_age_seconds=max(0, int((now - keys.made_at).total_seconds())),
        )
        subject = subject_sha256(sha256(signer.public.spki).hex())
        signed = statement.sign(HEARTBEAT, (subject,), said, signer)
        return Beat(number, signed.id, signed.to_bytes())

    def _obeyed(self) -> tuple[Obeyed, ...] | None:
        said = tuple(Obeyed(**one.request.model_dump(), outcome=one.outcome.value) for one in self.spool.asked())
        return said or None

    def _ended(self) -> tuple[tuple[Ended, ...], tuple[Ended, ...], int]:
        quarantined, left_out = self.spool.ended(State.QUARANTINED, _ENDED_LISTED)
        dropped, more = self.spool.ended(State.DROPPED, _ENDED_LISTED)
        return _wire(quarantined), _wire(dropped), left_out + more


def _wire(ended: Sequence[EndedEntry]) -> tuple[Ended, ...]:
    return tuple(Ended(sequence=one.sequence, id=digest_text(one.id), reason=one.reason[:200]) for one in ended)
