"""Check the table of a collector's keys against what was signed: its enrolment, and the rotations that followed.

Pure. Each key but the enrolled one came in by exactly one stored rotation; what became of it follows from those that
counted, unless it was revoked, which is another statement's business. So the order in which they came does not matter.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from receiver.core.admit import KeyState, KnownKey, Sender
from receiver.core.rotation import Rotation, examine_rotation, turn
from shared.dsse import Envelope
from shared.encoding import digest_text


@dataclass(frozen=True, slots=True)
class Turned:
    """A rotation as its row has it: its id (32 bytes), stream (16 bytes), place, whether it counted, when it came."""

    id: bytes
    stream_id: bytes
    sequence: int
    counts: bool
    received_at: datetime
    envelope: Envelope


@dataclass(frozen=True, slots=True)
class KeyRow:
    """The row of a key: the key, the one that introduced it, and when it was registered."""

    key: KnownKey
    introduced_by: str | None
    added_at: datetime


@dataclass(slots=True)
class Followed:
    """What the signed statements say of a collector's keys.

    `sender` verifies with all of them, as if each were good; `keys` are as they ought to be, `introduced_by` names the
    older key of each that has one, `added_at` says when that was; `problems` are of rotations, by their ids, as is
    `previous`, the id that each of them names before it.
    """

    sender: Sender
    keys: Mapping[str, KnownKey]
    introduced_by: dict[str, str] = field(default_factory=dict)
    added_at: dict[str, datetime] = field(default_factory=dict)
    previous: dict[bytes, bytes | None] = field(default_factory=dict)
    problems: dict[bytes, list[str]] = field(default_factory=dict)


def follow(sender: Sender, rows: Sequence[Turned]) -> Followed:
    """Follow the rotations of a collector from its enrolled key, which is what `sender` knows."""
    found = Followed(sender, sender.keys)
    waiting = list(rows)
    while ready := [row for row in waiting if row.envelope.key_id in found.sender.keys]:
        for row in ready:
            found.problems[row.id] = _follow(found, row)
        waiting = [row for row in waiting if row not in ready]
    for row in waiting:
        found.problems[row.id] = [f"nobody introduced the key {row.envelope.key_id} that signed it"]
    return found


def _follow(found: Followed, row: Turned) -> list[str]:
    rotation = examine_rotation(row.envelope.to_bytes(), found.sender)
    if not isinstance(rotation, Rotation):
        return [rotation.refusal.detail]
    if rotation.refusal is not None:
        return [rotation.refusal.detail]
    old_id, new_id = row.envelope.key_id, rotation.new_key.key_id
    found.previous[row.id] = rotation.previous
    problems = []
    if (row.id, row.stream_id, row.sequence) != (rotation.id, rotation.stream_id, rotation.sequence):
        problems.append(f"its row is not what was signed: that has the id {digest_text(rotation.id)}")
    if new_id in found.keys:
        return [*problems, "its new key was known before"]
    if row.counts and found.keys[old_id].state is not KeyState.ACTIVE:
        problems.append("it counts, though the key that signed it was good no more")
    met = KnownKey(rotation.new_key, KeyState.ACTIVE)
    found.sender = replace(found.sender, keys={**found.sender.keys, new_id: met})
    found.keys = turn(found.keys, rotation, counts=row.counts)
    found.introduced_by[new_id], found.added_at[new_id] = old_id, row.received_at
    return problems


def check_keys(
    followed: Followed, rows: Iterable[KeyRow], registered_at: datetime, ended: Collection[str]
) -> list[str]:
    """Compare the rows of a collector's keys with what was signed.

    `registered_at` is when the collector and its first key were, `ended` are the keys that a standing revocation ends.
    """
    problems, gone = [], dict(followed.keys)
    for one in rows:
        row, introduced_by = one.key, one.introduced_by
        key_id = row.public.key_id
        signed = gone.pop(key_id, None)
        if signed is None:
            problems.append(f"its key {key_id} was never enrolled, and no rotation introduced it")
            continue
        if introduced_by != followed.introduced_by.get(key_id):
            problems.append(f"its key {key_id} was introduced by another key than its row names")
        if one.added_at != followed.added_at.get(key_id, registered_at):
            problems.append(f"its key {key_id} was registered at another time than its row names")
        # That one which was ended is revoked is asked of each revocation.
        if row.state is not signed.state and not (row.state is KeyState.REVOKED and key_id in ended):
            problems.append(f"its key {key_id} is {row.state}, what was signed makes it {signed.state}")
        if (row.retired_from, row.retired_stream) != (signed.retired_from, signed.retired_stream):
            problems.append(f"its key {key_id} was retired at another place than its row names")
    return problems + [f"its key {key_id} is gone" for key_id in gone]
