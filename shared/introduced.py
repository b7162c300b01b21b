"""Collectors' keys as signed statements introduce them: one is enrolled, each next one comes in by a rotation.

Pure. Invariants: nobody introduces a key but the decision key's record of an enrolment, or a rotation that the key
before it signed together with the new one; who introduced a key is remembered, so that what is not needed shows. Which
rotations count is not asked here (`shared.ended`): what a key signed that never was good is verified too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from shared import dsse, statement
from shared.dsse import Envelope
from shared.encoding import b64decode
from shared.errors import Code, MalformedError, UntrustedError
from shared.keys import PublicKey, key_from_spki
from shared.predicates import Audience, Enrolment, KeyRotation, Predicate, Role
from shared.statement import Statement

_OURS = "this is not ours"


@dataclass(frozen=True, slots=True)
class Turn:
    """A rotation: its id, the keys before and after it, and its place: the old key signs below it, the new one above.

    The ids are texts.
    """

    id: str
    old_key_id: str
    new_key_id: str
    stream: str
    sequence: int


@dataclass(frozen=True, slots=True)
class CollectorKey:
    """A key, whose it is, the statement (its id) that introduced it, and the rotation that this was, if it was one."""

    public: PublicKey
    collector_id: str
    introduced_by: bytes
    turn: Turn | None = None


def introduced(
    enrolments: Iterable[Statement], rotations: Iterable[Envelope], audiences: Sequence[Audience]
) -> dict[str, CollectorKey]:
    """Give the keys by their ids; raises `UntrustedError` or `MalformedError` for a rotation that follows from none.

    The enrolments were verified by whoever asks; rotations are addressed to one of the audiences.
    """
    keys: dict[str, CollectorKey] = {}
    for read in enrolments:
        content = read.as_(Enrolment)
        key = _key(content.public_key, content.collector_key_id)
        _add(keys, CollectorKey(key, content.collector_id, read.verified.id))
    waiting: dict[str, list[Envelope]] = defaultdict(list)
    for one in rotations:
        waiting[one.key_id].append(one)
    ready = list(keys)
    while ready:
        ready.extend(_turn(keys, one, audiences) for one in waiting.pop(ready.pop(), ()))
    if waiting:
        raise UntrustedError(Code.UNKNOWN_KEY, f"nobody introduced the key {min(waiting)}", _OURS)
    return keys


def chain(keys: Mapping[str, CollectorKey], key_id: str) -> Iterator[CollectorKey]:
    """Give a key, then the one that introduced it, back to the one that was enrolled."""
    at: str | None = key_id
    while at is not None:
        one = keys[at]
        yield one
        at = None if one.turn is None else one.turn.old_key_id


def verify(owner: CollectorKey, envelope: Envelope) -> Statement:
    """Verify what a collector signed with this key of its own; raises `UntrustedError` or `MalformedError`."""
    read = statement.read(dsse.verify(envelope, owner.public))
    if read.kind.role is not Role.COLLECTOR:
        raise UntrustedError(Code.WRONG_TYPE, f"a collector's key may not sign {read.kind.uri}", _OURS)
    _check_owner(owner, _collector_of(read.predicate))
    return read


def _turn(keys: dict[str, CollectorKey], envelope: Envelope, audiences: Sequence[Audience]) -> str:
    old = keys[envelope.key_id]
    first = Envelope(envelope.payload, envelope.signatures[:1])
    content = statement.read(dsse.verify(first, old.public)).as_(KeyRotation)
    new = _key(content.public_key, content.new_key_id)
    read = statement.read(dsse.verify(envelope, old.public, new))
    read.expect_audience(*audiences)
    read.expect_understood()
    _check_owner(old, content.collector.id)
    link = content.stream
    turn = Turn(read.verified.id_text, old.public.key_id, new.key_id, link.id, link.sequence)
    _add(keys, CollectorKey(new, old.collector_id, read.verified.id, turn))
    return new.key_id


def _key(spki: str, key_id: str) -> PublicKey:
    key = key_from_spki(b64decode(spki))
    key.check_sound()
    if key.key_id != key_id:
        raise MalformedError(Code.MALFORMED_STATEMENT, f"{key_id} is not the id of the key beside it", _OURS)
    return key


def _add(keys: dict[str, CollectorKey], key: CollectorKey) -> None:
    if key.public.key_id in keys:
        raise UntrustedError(Code.UNKNOWN_KEY, f"the key {key.public.key_id} is introduced twice", _OURS)
    keys[key.public.key_id] = key


def _check_owner(owner: CollectorKey, collector_id: str | None) -> None:
    if collector_id != owner.collector_id:
        raise UntrustedError(Code.WRONG_COLLECTOR, f"the key {owner.public.key_id} is not that collector's", _OURS)


def _collector_of(predicate: Predicate) -> str | None:
    collector = getattr(predicate, "collector", None)
    return getattr(collector, "id", None) or getattr(predicate, "collector_id", None)
