"""Heartbeats: read one that comes alone, believe it or not, and never take an older one for a newer."""

from __future__ import annotations

from dataclasses import dataclass

from receiver.core.admit import KeyState, KnownKey, Sender, registered_key, wrong_collector
from receiver.core.placing import WRONG_STREAM
from shared import dsse, statement
from shared.dsse import Envelope
from shared.encoding import compact
from shared.errors import Code, MalformedError, StateError, UntrustedError
from shared.members import split_members
from shared.predicates import Heartbeat


@dataclass(frozen=True, slots=True)
class Beat:
    """A heartbeat whose signature verified under an active key of its collector."""

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
    collector_id = found.values.get("collectorId")
    if not isinstance(collector_id, str) or "heartbeat" not in found.raw:
        raise MalformedError(Code.INVALID_FIELD, "collectorId and heartbeat: both are needed", "see docs/wire.md")
    return collector_id, found.raw["heartbeat"]


def answer_body(receipt: bytes) -> bytes:
    """Write the answer to a heartbeat that came alone, around the receipt's exact bytes."""
    return compact({})[:-1] + b'"receipt":' + receipt + b"}"


def examine_beat(data: bytes, sender: Sender) -> Beat:
    """Examine a heartbeat; raises `MalformedError` or `UntrustedError` for one that is not to be believed.

    Unlike an entry it is no evidence: one of a key that is no longer good is refused, not held.
    """
    envelope = dsse.parse(data)
    key = registered_key(envelope, sender)
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


def check_beat(beat: Beat, collector_id: str, owner: str | None, last: int | None) -> None:
    """Refuse a beat of another's stream (`UntrustedError`), or one not above the last (`StateError`)."""
    if owner is not None and owner != collector_id:
        raise UntrustedError(WRONG_STREAM.code, WRONG_STREAM.detail, WRONG_STREAM.hint)
    if last is not None and beat.number <= last:
        raise StateError(
            Code.CONFLICT,
            f"beat {beat.number} is not above {last}, the last one of this stream",
            "the count is kept in the spool: look for a copy of it, or for one that was restored",
        )
