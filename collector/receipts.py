"""What a receipt proves about the batch in flight: which entries are delivered, which quarantined, which still wait.

Pure. Invariants: nothing is believed before its signature verified under the keyring whose root is pinned; a receipt
that does not list exactly the entries of the batch in flight settles nothing; `unknown_key`, and a refusal for a reason
that is not known here, stay pending.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from collector.leaving import Kind, Leaving, Outcome, Told
from shared import dsse
from shared.encoding import digest_text, parse_digest, sha256
from shared.errors import HELD_CODES, REFUSED_CODES, Code, UntrustedError
from shared.predicates import Receipt

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from shared.keyring import TrustedKeyring
    from shared.predicates import ReceiptEntry, StreamMark
    from shared.requests import Request

_QUARANTINING = REFUSED_CODES - {Code.UNKNOWN_KEY}


@dataclass(frozen=True, slots=True)
class Sent:
    """One entry of the batch in flight: its place in the spool, its attestation id, and the bytes that were sent.

    `introduced` is of a rotation alone: whether the receiver is known to go by its new key already.
    """

    sequence: int
    id: bytes
    envelope: bytes
    kind: Kind = Kind.COLLECTED
    introduced: bool = False

    @property
    def leaving(self) -> Leaving:
        """What the ledger says of it."""
        return Leaving(self.kind, self.id, len(self.envelope), self.sequence)


@dataclass(frozen=True, slots=True)
class Beat:
    """A signed heartbeat: its number, its attestation id, its bytes."""

    number: int
    id: bytes
    envelope: bytes

    @property
    def leaving(self) -> Leaving:
        """What the ledger says of it."""
        return Leaving(Kind.HEARTBEAT, self.id, len(self.envelope), self.number)

    @property
    def answered(self) -> Told:
        """What a receipt says of the heartbeat that went with the request: that it was answered, and no more."""
        return Told(Kind.HEARTBEAT, self.number, self.id, Outcome.ANSWERED)


@dataclass(frozen=True, slots=True)
class Settlement:
    """What a believed receipt says: sequences by outcome (refused ones with code), keyring, stream marks, requests.

    `held` are those of the delivered that the receiver says it holds, with the code where it gives one. A duplicate may
    be held as well without a word of it. `told` is for the ledger: the very word of the receipt on each entry.
    """

    receipt_id: bytes
    receipt: bytes
    received_at: datetime
    delivered: tuple[int, ...]
    quarantined: tuple[tuple[int, str], ...]
    waiting: tuple[int, ...]
    keyring_version: int
    marks: tuple[StreamMark, ...]
    requests: tuple[Request, ...]
    told: tuple[Told, ...]
    held: tuple[tuple[int, str | None], ...] = ()

    @property
    def duplicates(self) -> frozenset[int]:
        """The sequences that the receiver had before."""
        return frozenset(one.place for one in self.told if one.outcome is Outcome.DUPLICATE)

    def mark_of(self, stream_id: str) -> int | None:
        """Give how far the receiver has a stream: -1 for nothing of it, None where the receipt does not tell.

        A receipt names the streams of the entries that it lists, and the one for a heartbeat alone the heartbeat's: if
        it does not, then the receiver has nothing of that stream.
        """
        for mark in self.marks:
            if mark.id == stream_id:
                return -1 if mark.contiguous_to is None else mark.contiguous_to
        return None if self.told else -1


def beat_receipt_id(beat: int) -> str:
    """Give the batch id that the receipt for a heartbeat alone has; it lists no entries."""
    return f"beat-{beat}"


def check_receipt(
    keyring: TrustedKeyring, collector_id: str, batch_id: str, sent: Sequence[Sent], raw: bytes
) -> Settlement:
    """Read the receipt for the batch in flight, or for a heartbeat alone (`beat_receipt_id`).

    Raises `UntrustedError` or `MalformedError` where it is not a true receipt of this receiver's, for this collector
    and batch, naming each entry in its place; `unknown_key` where a newer keyring may help.
    """
    read = keyring.verify(dsse.parse(raw))
    receipt = read.as_(Receipt)
    keyring.check_time(receipt.key_id, receipt.received_at)
    if receipt.audience.collector != collector_id:
        raise _not_ours("the receipt is for another collector")
    if receipt.batch_id != batch_id:
        # An older receipt of this very receiver's, played again: its marks are as old as it is.
        raise _not_ours("the receipt is for another batch")
    if len(receipt.entries) != len(sent):
        raise _not_ours(f"the receipt lists {len(receipt.entries)} entries of {len(sent)}")
    delivered: list[int] = []
    quarantined: list[tuple[int, str]] = []
    waiting: list[int] = []
    for entry, mine in zip(receipt.entries, sent, strict=True):
        if not _names(entry, mine):
            raise _not_ours(f"the receipt names something else than entry {mine.sequence}")
        if entry.status != "refused":
            # Stored and receipted, whatever holds it: a newer receiver may know more reasons than this program.
            delivered.append(mine.sequence)
        elif entry.code in _QUARANTINING:
            quarantined.append((mine.sequence, str(entry.code)))
        else:
            # `unknown_key`, or a reason that this program does not know: it keeps the entry, and its neighbours go on.
            waiting.append(mine.sequence)
    return Settlement(
        receipt_id=read.verified.id,
        receipt=raw,
        received_at=receipt.received_at,
        delivered=tuple(delivered),
        quarantined=tuple(quarantined),
        waiting=tuple(waiting),
        keyring_version=receipt.keyring_version,
        marks=receipt.streams,
        requests=receipt.requests,
        told=tuple(
            Told(mine.kind, mine.sequence, mine.id, Outcome(entry.status))
            for entry, mine in zip(receipt.entries, sent, strict=True)
        ),
        held=tuple(
            (mine.sequence, entry.code)
            for entry, mine in zip(receipt.entries, sent, strict=True)
            if entry.status == "held" or (entry.status == "duplicate" and entry.code in HELD_CODES)
        ),
    )


def _names(entry: ReceiptEntry, mine: Sent) -> bool:
    if entry.attestation_id is not None:
        return parse_digest(entry.attestation_id) == mine.id
    # An entry that could not be parsed has no id; only a refusal may name it by its bytes.
    return entry.status == "refused" and entry.entry_digest == digest_text(sha256(mine.envelope))


def _not_ours(detail: str) -> UntrustedError:
    return UntrustedError(Code.BAD_SIGNATURE, detail, "nothing was settled; something else may answer for the receiver")
