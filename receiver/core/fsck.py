"""Check what is stored against what was signed: pure checks of rows, each giving findings and never an exception.

Every id is recomputed, every signature verified under a key that a signed statement introduced, every column compared
with the signed bytes it was taken from, every chain followed. So one flipped bit anywhere in the evidence shows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime

from receiver.core import trail
from receiver.core.placing import Place, StreamState
from receiver.core.posting import Posted, subjects
from receiver.core.trail import Act
from shared.dsse import Envelope
from shared.encoding import digest_text, parse_digest
from shared.errors import CarnetError
from shared.keyring import TrustedKeyring, newer_keyring, open_keyring, read_keyring
from shared.keys import PublicKey
from shared.predicates import KEYRING, Audience, Claimed, PostedClaim, Receipt, Registered
from shared.statement import Statement
from shared.stream import contiguous


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it was signed or chained: where it is, and what is wrong with it."""

    workspace_id: str
    where: str
    problem: str


@dataclass(frozen=True, slots=True)
class Receipted:
    """What a row says of an attestation that its receipt must say too."""

    status: str
    code: str | None
    received_at: datetime


def check_identity(named: bytes, envelope: Envelope) -> list[str]:
    """Compare the id that a row names (32 bytes) with that of the envelope's bytes."""
    if envelope.id == named:
        return []
    return [f"its row names the id {digest_text(named)}, its bytes have {digest_text(envelope.id)}"]


def differences(stored: object, signed: object) -> list[str]:
    """Compare two rows of one kind (dataclasses); names each column that differs from what was signed."""
    return [
        f"its column {field.name} is not what was signed"
        for field in fields(stored)  # type: ignore[arg-type]
        if getattr(stored, field.name) != getattr(signed, field.name)
    ]


def check_posted(posted: Posted, read: Statement) -> list[str]:
    """Compare what was posted, made anew from the fields of its record, with what was signed of it.

    Raises `MalformedError` for a statement that is no claim.
    """
    claimed = read.as_(Claimed)
    key = posted.natural_key
    said: tuple[tuple[str, object, object], ...] = (
        ("kind", claimed.record, posted.record.value),
        ("claim", claimed.claim, _as_signed(posted)),
        ("context", claimed.context, posted.context),
        ("details", claimed.details, posted.details),
        ("natural key", claimed.source_key, None if key is None else digest_text(key)),
        ("subjects", read.subjects, subjects(posted)),
    )
    return [f"its {name} is not what was signed" for name, signed, stored in said if signed != stored]


def _as_signed(posted: Posted) -> PostedClaim:
    return PostedClaim(type=posted.type, name=posted.name, passed=posted.passed, evidence=posted.evidence)


def check_stream(state: StreamState, places: Iterable[tuple[int, Place]]) -> list[str]:
    """Compare a stream's mark, head and place of parting with the places that are taken in it."""
    found = list(places)
    problems: list[str] = []
    sequences = [sequence for sequence, _ in found]
    if state.mark != contiguous(-1, sequences):
        problems.append(f"its mark is {state.mark}, its places say {contiguous(-1, sequences)}")
    if state.head != max(sequences, default=-1):
        problems.append(f"its head is {state.head}, its places say {max(sequences, default=-1)}")
    before: tuple[int, Place] | None = None
    for sequence, place in found:
        if before is not None and before[0] + 1 == sequence:
            linked = place.previous is None or place.previous == before[1].id
            parted = state.forked_from is not None and state.forked_from <= before[0]
            if not linked and not parted:
                problems.append(f"sequence {sequence} does not link to the one before, and no fork is marked")
        before = (sequence, place)
    return problems


def check_audit(workspace_id: str, rows: Iterable[tuple[int, Act, bytes]]) -> list[str]:
    """Follow the chain of the audit trail; tells the first row that does not fit."""
    before, expected = trail.FIRST, 1
    for number, act, found in rows:
        if number != expected:
            return [f"number {expected} is missing"]
        before = trail.chain(workspace_id, number, before, act)
        if found != before:
            return [f"number {number} was altered, or one before it"]
        expected += 1
    return []


class RegisterWalk:
    """Follows the register of one workspace: numbers, links, signatures, and the keyrings in it."""

    def __init__(self, root: PublicKey, audience: Audience) -> None:
        """Start under the root key that the first keyring was signed with."""
        self._root = root
        self._audience = audience
        self._number = 0
        self._last: bytes | None = None
        self.keyring: TrustedKeyring | None = None

    def check(self, number: int, uri: str, named: bytes, envelope: Envelope) -> tuple[Statement | None, list[str]]:
        """Check the next statement, whose row names an id and a type; gives it where its signature is good."""
        problems = check_identity(named, envelope)
        self._number += 1
        if number != self._number:
            problems.append(f"number {self._number} is missing")
            self._number = number
        read: Statement | None = None
        try:
            read = self._open(uri, envelope)
        except CarnetError as error:
            problems.append(error.detail)
        if read is not None:
            problems += self._linked(read, uri)
        self._last = named
        return read, problems

    def _open(self, uri: str, envelope: Envelope) -> Statement:
        if uri != KEYRING and self.keyring is not None:
            return self.keyring.verify(envelope)
        self.keyring = (
            open_keyring(envelope, self._root, self._audience)
            if self.keyring is None
            else newer_keyring(self.keyring, envelope)
        )
        return read_keyring(envelope, self.keyring.root)

    def _linked(self, read: Statement, uri: str) -> list[str]:
        if not isinstance(read.predicate, Registered):
            return ["it has no place in a register"]
        place = read.predicate.register_
        problems = [] if read.kind.uri == uri else ["its row names another type"]
        if place.number != self._number:
            problems.append(f"it was signed for number {place.number}")
        if place.previous != (None if self._last is None else digest_text(self._last)):
            problems.append("it does not link to the one before")
        return problems


def check_receipt(
    receipt: Statement,
    collector_id: str,
    digest: bytes,
    columns: Mapping[str, object],
    stored: Mapping[bytes, Receipted],
) -> tuple[set[bytes], list[str]]:
    """Compare a receipt with its row and with what is stored; gives the ids that it says were stored by it.

    `columns` are the row's own words by the field of the receipt, `digest` is the batch's (32 bytes). Raises
    `MalformedError` for a statement that is no receipt.
    """
    content = receipt.as_(Receipt)
    problems = [
        f"its column {name} is not what was signed"
        for name, value in columns.items()
        if getattr(content, name) != value
    ]
    if content.audience.collector != collector_id:
        problems.append("it was signed for another collector")
    if receipt.subjects[0].digest != (("sha256", digest.hex()),):
        problems.append("it was signed for another batch")
    covered: set[bytes] = set()
    for entry in content.entries:
        if entry.status == "refused" or entry.attestation_id is None:
            continue
        known = parse_digest(entry.attestation_id)
        row = stored.get(known)
        if row is None:
            problems.append(f"{entry.attestation_id} was receipted as {entry.status}, and is not here")
        elif entry.status != "duplicate":
            covered.add(known)
            if row != Receipted(entry.status, entry.code, content.received_at):
                problems.append(f"{entry.attestation_id} was receipted otherwise than its row says")
    return covered, problems
