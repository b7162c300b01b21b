"""Check the table of a collector's keys against what was signed: its enrolment, and the rotations that followed.

Pure. Each key but the enrolled one came in by exactly one stored rotation; what became of it follows from those that
counted, unless it was revoked, which is another statement's business. So the order in which they came does not matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from receiver.core.admit import KeyState, KnownKey, Sender
from receiver.core.rotation import Rotation, examine_rotation, turn
from shared.dsse import Envelope
from shared.encoding import digest_text


@dataclass(frozen=True, slots=True)
class Turned:
    """A rotation as its row has it: its id (32 bytes), stream (16 bytes), place, and whether it counted."""

    id: bytes
    stream_id: bytes
    sequence: int
    counts: bool
    envelope: Envelope


@dataclass(slots=True)
class Followed:
    """What the signed statements say of a collector's keys.

    `sender` verifies with all of them, as if each were good; `keys` are as they ought to be, `introduced_by` names the
    older key of each that has one; `problems` are of rotations, by their ids.
    """

    sender: Sender
    keys: Mapping[str, KnownKey]
    introduced_by: dict[str, str] = field(default_factory=dict)
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
    found.introduced_by[new_id] = old_id
    return problems


def check_keys(followed: Followed, rows: Iterable[tuple[KnownKey, str | None]]) -> list[str]:
    """Compare the rows of a collector's keys, each with the key that introduced it, with what was signed."""
    problems, gone = [], dict(followed.keys)
    for row, introduced_by in rows:
        key_id = row.public.key_id
        signed = gone.pop(key_id, None)
        if signed is None:
            problems.append(f"its key {key_id} was never enrolled, and no rotation introduced it")
            continue
        if introduced_by != followed.introduced_by.get(key_id):
            problems.append(f"its key {key_id} was introduced by another key than its row names")
        if row.state not in (signed.state, KeyState.REVOKED):
            problems.append(f"its key {key_id} is {row.state}, what was signed makes it {signed.state}")
        if (row.retired_from, row.retired_stream) != (signed.retired_from, signed.retired_stream):
            problems.append(f"its key {key_id} was retired at another place than its row names")
    return problems + [f"its key {key_id} is gone" for key_id in gone]
