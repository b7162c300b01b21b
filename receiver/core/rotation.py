"""Key rotations at the door: a statement by which a collector's key introduces the next one, at a place of its stream.

Two questions, asked apart. Before the transaction: do both signatures verify (`examine_batch`), so that what the new
key signed can be verified too. At its place (`core.judging`): does the rotation count there, and what becomes of both
keys then (`turn`). Invariants: only an active key introduces one that is active; a key that came in by a rotation which
does not count is known, and everything that it signs is held.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from receiver.core.admit import (
    Examine,
    Judged,
    KeyState,
    KnownKey,
    Placed,
    Refusal,
    Sender,
    Unreadable,
    check_origin,
    refusal_of,
    registered_key,
    signed_by_one,
    unreadable,
)
from shared import dsse, statement
from shared.dsse import Envelope
from shared.encoding import b64decode, parse_digest, sha256
from shared.errors import CarnetError, Code, MalformedError
from shared.keys import PublicKey, key_from_spki
from shared.predicates import KeyRotation
from shared.statement import Statement

_SECOND_SIGNATURE = b'"},{"keyid":"'
_TAIL_BYTES = 400
"""Two signatures in the one spelling of an envelope are shorter than this."""

KNOWN_KEY = Refusal(
    Code.MALFORMED_STATEMENT,
    "the new key is known here already",
    "a key is introduced once: make a new one and rotate again; the old key goes on until then",
)


@dataclass(frozen=True, slots=True)
class Rotation(Placed):
    """A rotation that both keys signed; the envelope's first key is the old one. A refused one introduces nothing."""

    new_key: PublicKey


def examine_batch(entries: Sequence[bytes], sender: Sender, examine: Examine) -> tuple[Judged, Sender]:
    """Examine the entries of a batch, those of keys that its own rotations introduce included.

    Gives besides the sender with these keys: with it their signatures can be verified. Whether they are good for
    anything is judged at the places of the rotations. `examine` is asked for all other entries at once.
    """
    twice = [index for index, entry in enumerate(entries) if _signed_twice(entry)]
    if not twice:
        return examine(entries, sender), sender
    found: dict[int, Rotation | Unreadable] = {}
    for index in twice:
        found[index] = one = examine_rotation(entries[index], sender)
        if isinstance(one, Rotation) and one.refusal is None and one.new_key.key_id not in sender.keys:
            met = KnownKey(one.new_key, KeyState.ACTIVE)
            sender = replace(sender, keys={**sender.keys, one.new_key.key_id: met})
    others = iter(examine([entry for index, entry in enumerate(entries) if index not in found], sender))
    return tuple(found[index] if index in found else next(others) for index in range(len(entries))), sender


def led_to(rotations: Sequence[bytes], sender: Sender) -> dict[str, PublicKey]:
    """Give the keys that rotations lead to from the active ones, these included; nothing else introduces a key."""
    good = {key_id: key.public for key_id, key in sender.keys.items() if key.state is KeyState.ACTIVE}
    for entry in rotations:
        found = examine_rotation(entry, sender)
        if isinstance(found, Rotation) and found.refusal is None and found.envelope.key_id in good:
            new = found.new_key
            known = sender.keys.get(new.key_id)
            if known is None:
                sender = replace(sender, keys={**sender.keys, new.key_id: KnownKey(new, KeyState.ACTIVE)})
                good[new.key_id] = new
    return good


def _signed_twice(entry: bytes) -> bool:
    return _SECOND_SIGNATURE in entry[-_TAIL_BYTES:]


def examine_rotation(entry: bytes, sender: Sender) -> Rotation | Unreadable:
    """Examine a rotation by itself; never raises for what the sender wrote."""
    envelope: Envelope | None = None
    try:
        envelope = dsse.parse(entry)
        old_key = registered_key(envelope, sender).public
        read, content = _read(envelope, old_key)
        new_key = key_from_spki(b64decode(content.public_key))
        refusal = _weak(new_key)
        if refusal is None:
            dsse.verify(envelope, old_key, new_key)
    except CarnetError as error:
        return unreadable(entry, envelope, error)
    link = content.stream
    return Rotation(
        envelope=envelope,
        id=read.verified.id,
        stream_id=bytes.fromhex(link.id),
        sequence=link.sequence,
        # It was read as a digest already.
        previous=None if link.previous is None else parse_digest(link.previous),
        refusal=refusal or _outside(read, content, sender),
        hold=Code.NOT_UNDERSTOOD if read.not_understood else None,
        new_key=new_key,
    )


def _read(envelope: Envelope, old_key: PublicKey) -> tuple[Statement, KeyRotation]:
    """Read what the old key signed: only its words say under which key the second signature must verify."""
    if len(envelope.signatures) == 1:
        raise signed_by_one()
    read = statement.read(dsse.verify(Envelope(envelope.payload, envelope.signatures[:1]), old_key))
    if not isinstance(read.predicate, KeyRotation):
        raise MalformedError(
            Code.MALFORMED_ENVELOPE, f"two signatures, where a statement of type {read.kind.uri} has exactly one"
        )
    return read, read.predicate


def _weak(new_key: PublicKey) -> Refusal | None:
    try:
        new_key.check_sound()
    except CarnetError as error:
        return Refusal(Code.MALFORMED_STATEMENT, f"the new key: {error.detail}", error.hint)
    return None


def _outside(read: Statement, content: KeyRotation, sender: Sender) -> Refusal | None:
    key_id = content.new_key_id
    about = ("sha256", key_id.removeprefix("sha256:"))
    try:
        check_origin(read, content.collector.id, content.stream, sender)
        if sha256(b64decode(content.public_key)) != parse_digest(key_id):
            raise MalformedError(
                Code.MALFORMED_STATEMENT, f"newKeyId {key_id} is not the id of the public key", "rotate again"
            )
        if read.subjects[0].digest != (about,):
            raise MalformedError(
                Code.MALFORMED_STATEMENT, "the subject of a key rotation is the SHA-256 of its new key", "rotate again"
            )
    except CarnetError as error:
        return refusal_of(error)
    return None


def turn(keys: Mapping[str, KnownKey], rotation: Rotation, *, counts: bool) -> dict[str, KnownKey]:
    """Give the keys of a collector once a rotation was stored at its place.

    Where it counts the old key is retired from there on and the new one is active; else the old one stays as it was,
    and the new one is known as revoked. Either way it is never good before its rotation.
    """
    old_id, at, stream_id = rotation.envelope.key_id, rotation.sequence, rotation.stream_id
    state = KeyState.ACTIVE if counts else KeyState.REVOKED
    new = KnownKey(rotation.new_key, state, introduced_at=at, introduced_stream=stream_id)
    after = {**keys, rotation.new_key.key_id: new}
    if counts:
        after[old_id] = replace(keys[old_id], state=KeyState.RETIRED, retired_from=at, retired_stream=stream_id)
    return after
