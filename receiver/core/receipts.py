"""Write a receipt, and the answer around it: the receipt is what counts, the words beside it are for people.

Invariant: the answer is made from the receipt and the kept words alone, so the same batch is answered byte for byte
the same, the first time and every later one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from receiver.core.admit import receipt_name
from receiver.core.placing import Status, StreamState, Verdict
from shared import statement, wire
from shared.dsse import Envelope
from shared.encoding import JsonValue, canonical, parse_object, parse_payload
from shared.errors import Code, MalformedError
from shared.keys import Signer
from shared.predicates import RECEIPT, Audience, Receipt, ReceiptEntry, StreamMark
from shared.requests import Request
from shared.statement import subject_sha256

SALT_BYTES = 16


@dataclass(frozen=True, slots=True)
class Heading:
    """What a receipt says besides its entries; `digest` is what it is a receipt for (32 bytes)."""

    audience: Audience
    batch_id: str
    digest: bytes
    received_at: datetime
    keyring_version: int
    salt: bytes


def sign_receipt(
    heading: Heading,
    verdicts: Sequence[Verdict],
    streams: Mapping[bytes, StreamState],
    signer: Signer,
    requests: tuple[Request, ...] = (),
) -> tuple[Receipt, Envelope]:
    """Sign a receipt over what became of each entry, in the order of the batch, and how far its streams are here.

    `requests` are what is asked of the collector.
    """
    receipt = Receipt(
        audience=heading.audience,
        key_id=signer.public.key_id,
        salt=heading.salt.hex(),
        batch_id=heading.batch_id,
        received_at=heading.received_at,
        keyring_version=heading.keyring_version,
        entries=tuple(_entry(verdict) for verdict in verdicts),
        streams=tuple(_mark(stream_id, state) for stream_id, state in streams.items() if state.head >= 0),
        requests=requests,
    )
    about = subject_sha256(heading.digest.hex(), "batch")
    return receipt, statement.sign(RECEIPT, (about,), receipt, signer)


def notes_of(verdicts: Sequence[Verdict]) -> str:
    """Write the words that a receipt has no room for: per index detail and hint of what is held or refused."""
    notes: dict[str, JsonValue] = {
        str(index): [verdict.refusal.detail, verdict.refusal.hint]
        for index, verdict in enumerate(verdicts)
        if verdict.refusal is not None
    }
    return canonical(notes).decode()


def read_receipt(payload: bytes) -> Receipt:
    """Read a receipt of our own from its row; raises `MalformedError` where the row was altered."""
    try:
        return Receipt.from_wire(parse_payload(payload).get("predicate"))
    except ValueError:
        raise MalformedError(
            Code.MALFORMED_STATEMENT, "a stored receipt cannot be read", "run carnet-receiver fsck"
        ) from None


def results_of(receipt: Receipt, notes: str) -> list[wire.Result]:
    """Put a receipt's entries and the kept words together."""
    words = parse_object(notes.encode())
    results: list[wire.Result] = []
    for index, entry in enumerate(receipt.entries):
        detail, hint = _words(words.get(str(index)))
        # What a receipt holds was validated when it was made or read.
        results.append(
            wire.Result.model_construct(
                index=index,
                attestation_id=entry.attestation_id,
                status=entry.status,
                code=entry.code,
                detail=detail,
                hint=hint,
            )
        )
    return results


def refused_count(results: Sequence[wire.Result]) -> int:
    """Count what was refused: whether a batch is answered 200 or 207."""
    return sum(one.status == Status.REFUSED for one in results)


def _entry(verdict: Verdict) -> ReceiptEntry:
    attestation_id, entry_digest = receipt_name(verdict.entry)
    # Made of what was validated before; a hundred of them stand in every receipt.
    return ReceiptEntry.model_construct(
        attestation_id=attestation_id,
        entry_digest=entry_digest,
        status=verdict.status.value,
        code=verdict.code,
    )


def _mark(stream_id: bytes, state: StreamState) -> StreamMark:
    return StreamMark(
        id=stream_id.hex(),
        contiguous_to=None if state.mark < 0 else state.mark,
        head=state.head,
    )


def _words(value: JsonValue) -> tuple[str | None, str | None]:
    if isinstance(value, list) and len(value) == len(("detail", "hint")):
        detail, hint = value
        return (
            detail if isinstance(detail, str) else None,
            hint if isinstance(hint, str) else None,
        )
    return None, None
