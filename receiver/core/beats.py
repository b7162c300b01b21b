"""Heartbeats: read one that comes alone, believe it or not, and never take an older one for a newer."""

from __future__ import annotations

from dataclasses import dataclass

from receiver.core.admit import KeyState, KnownKey, Sender, registered_key, wrong_collector
from receiver.core.completeness import Heard
from receiver.core.placing import MAX_OPEN_STREAMS, TOO_MANY_STREAMS, WRONG_STREAM, Spot
from shared import dsse, statement
from shared.dsse import Envelope
from shared.encoding import compact
from shared.errors import Code, MalformedError, StateError, UntrustedError
from shared.fields import Id, Wire
from shared.members import split_members
from shared.predicates import Heartbeat


@dataclass(frozen=True, slots=True)
class Beat:
    """A heartbeat whose signature verified under a key of its collector."""

    envelope: Envelope
    content: Heartbeat

    @property
    def stream_id(self) -> bytes:
        """The stream, 16 bytes."""
        return bytes.fromhex(self.content.stream.id)

    @property
    def number(self) -> int:
        """The count of the beat."""
        return self.content.beat


def split_body(body: bytes) -> tuple[str, bytes]:
    """Read `{"collectorId", "heartbeat"}` into the id and the envelope's exact bytes; raises `MalformedError`."""
    found = split_members(body, raw=frozenset({"heartbeat"}), lists=frozenset(), max_elements=0)
    unknown = found.values.keys() - {"collectorId"}
    if unknown:
        raise MalformedError(Code.UNKNOWN_FIELD, f"{min(unknown)[:80]!r} is not known here", "leave it out")
    if "collectorId" not in found.values or "heartbeat" not in found.raw:
        raise MalformedError(Code.INVALID_FIELD, "collectorId and heartbeat: both are needed", "see docs/wire.md")
    try:
        head = _Head.from_wire(found.values)
    except ValueError:
        raise MalformedError(
            Code.INVALID_FIELD, "collectorId: 1 to 100 characters of A-Z a-z 0-9 _ . : -", "see docs/wire.md"
        ) from None
    return head.collector_id, found.raw["heartbeat"]


class _Head(Wire):
    collector_id: Id


def answer_body(receipt: bytes) -> bytes:
    """Write the answer to a heartbeat that came alone, around the receipt's exact bytes."""
    return compact({})[:-1] + b'"receipt":' + receipt + b"}"


def examine_beat(data: bytes, sender: Sender) -> Beat:
    """Examine a heartbeat; raises `MalformedError` or `UntrustedError` for one that is not to be believed.

    Unlike an entry it is no evidence: one of a key that is no longer good is refused, not held.
    """
    found = read_beat(data, sender)
    check_active(registered_key(found.envelope, sender))
    return found


def read_beat(data: bytes, sender: Sender) -> Beat:
    """Examine a heartbeat whatever became of its key since; raises as `examine_beat` does."""
    envelope = dsse.parse(data)
    key = registered_key(envelope, sender)
    if key.state is KeyState.PENDING:
        check_active(key)
    read = statement.read(dsse.verify(envelope, key.public))
    beat = read.as_(Heartbeat)
    read.expect_audience(*sender.audiences)
    if read.not_understood:
        raise MalformedError(
            Code.NOT_UNDERSTOOD,
            f"the heartbeat marks {read.not_understood[0][:80]!r} as critical",
            "update the receiver",
        )
    if beat.collector.id != sender.collector_id:
        raise wrong_collector(beat.collector.id, sender)
    return Beat(envelope, beat)


def check_active(key: KnownKey) -> None:
    """Refuse a heartbeat of a key that is no longer good; raises `UntrustedError`."""
    if key.state is not KeyState.ACTIVE:
        code = Code.KEY_RETIRED if key.state is KeyState.RETIRED else Code.KEY_REVOKED
        raise UntrustedError(code, "the key of this heartbeat is no longer good", "sign with the active key")


def check_room(open_streams: int) -> None:
    """Refuse a heartbeat that would open one stream too many; raises `UntrustedError`."""
    if open_streams >= MAX_OPEN_STREAMS:
        refusal = TOO_MANY_STREAMS
        raise UntrustedError(refusal.code, refusal.detail, refusal.hint)


def spot_if_retired(beat: Beat, key: KnownKey) -> Spot | None:
    """Give the place of the head that a heartbeat of a retired key names in its stream; None without one.

    That it counts up to its rotation or above it says nothing: a collector signs its heartbeats with the old key until
    a receipt told it that the new one is known. But where another one stands at that place, somebody else has the key.
    """
    said = beat.content.stream
    its = key.state is KeyState.RETIRED and key.retired_stream == beat.stream_id
    if not its or said.high_water is None or said.head is None:
        return None
    return beat.stream_id, said.high_water


def check_beat(beat: Beat, collector_id: str, owner: str | None, last: Heard | None) -> None:
    """Refuse a beat of another's stream (`UntrustedError`), or one not above the last (`StateError`)."""
    if owner is not None and owner != collector_id:
        raise UntrustedError(WRONG_STREAM.code, WRONG_STREAM.detail, WRONG_STREAM.hint)
    if last is not None and beat.number <= last.beat:
        raise StateError(
            Code.CONFLICT,
            f"beat {beat.number} is not above {last.beat}, the last one of this stream",
            "the count is kept in the spool: look for a copy of it, or for one that was restored",
        )
