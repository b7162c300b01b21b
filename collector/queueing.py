"""The spool as the shipper sees it, and the heartbeat that goes with each batch. Wiring."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from collector.leaving import Reply
from collector.receipts import Beat, Sent
from collector.spool import State
from shared import statement
from shared.encoding import digest_text, sha256
from shared.predicates import HEARTBEAT, Ended, Heartbeat, ReceiptSeen, SpoolNow, StreamNow
from shared.statement import subject_sha256

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from collector.attest import Identity
    from collector.leaving import Destination, Leaving
    from collector.receipts import Settlement
    from collector.spool import EndedEntry, Spool
    from shared.keys import Signer

_ENDED_LISTED = 100


@dataclass(frozen=True, slots=True)
class Queue:
    """Hands out the head of the spool, keeps the ledger, settles what receipts say, and signs heartbeats.

    `to` is where everything goes.
    """

    spool: Spool
    identity: Identity
    signer: Signer
    to: Destination
    epoch: str
    key_made_at: datetime
    random: Callable[[int], bytes]
    tell: Callable[..., None]
    stream_id: str = field(init=False)

    def __post_init__(self) -> None:
        """Remember the stream's id."""
        object.__setattr__(self, "stream_id", self.spool.head().stream_id)

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

    def settle(self, settlement: Settlement, reasons: dict[int, str], beat: Beat, now: datetime) -> None:
        """End entries as a receipt says, remember it, and send again what a restored receiver has lost."""
        self.spool.settle(
            receipt_id=settlement.receipt_id,
            receipt=settlement.receipt,
            received_at=settlement.received_at,
            delivered=settlement.delivered,
            quarantined=[(number, code, reasons.get(number, "")) for number, code in settlement.quarantined],
            reply=Reply(self.to, (*settlement.told, beat.answered)),
            now=now,
        )
        for mark in settlement.marks:
            if mark.id != self.stream_id:
                continue
            here = -1 if mark.contiguous_to is None else mark.contiguous_to
            before = self.spool.contiguous()
            if here < before:
                again = self.spool.requeue_from(here + 1)
                self.tell("receiver_lost_entries", contiguous_to=here, was=before, entries_sent_again=again)
            self.spool.set_contiguous(here)

    def quarantine_damaged(self, sequence: int, now: datetime) -> None:
        """Take out an entry whose stored bytes no longer verify; its file is captured again if it is still there."""
        self.spool.quarantine_damaged(sequence, now)

    def note_answer(self, sequences: Sequence[int], answer: str, now: datetime) -> None:
        """Keep what a request was answered with."""
        self.spool.note_answer(sequences, answer, now)

    def heartbeat(self, now: datetime) -> Beat:
        """Make the next heartbeat, signed, in its one spelling; its number is used up once it leaves."""
        stats = self.spool.stats(now)
        receipt = self.spool.last_receipt()
        quarantined, dropped, omitted = self._ended()
        head = stats.head
        number = self.spool.next_beat()
        said = Heartbeat(
            audience=self.identity.audience,
            key_id=self.signer.public.key_id,
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
            key_age_seconds=max(0, int((now - self.key_made_at).total_seconds())),
        )
        subject = subject_sha256(sha256(self.signer.public.spki).hex())
        signed = statement.sign(HEARTBEAT, (subject,), said, self.signer)
        return Beat(number, signed.id, signed.to_bytes())

    def _ended(self) -> tuple[tuple[Ended, ...], tuple[Ended, ...], int]:
        quarantined, left_out = self.spool.ended(State.QUARANTINED, _ENDED_LISTED)
        dropped, more = self.spool.ended(State.DROPPED, _ENDED_LISTED)
        return _wire(quarantined), _wire(dropped), left_out + more


def _wire(ended: Sequence[EndedEntry]) -> tuple[Ended, ...]:
    return tuple(Ended(sequence=one.sequence, id=digest_text(one.id), reason=one.reason[:200]) for one in ended)
