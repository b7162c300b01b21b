"""What a heartbeat leaves behind: the figures that a stream is judged by, and how a row keeps them.

Pure. Invariant: what is kept is what the heartbeat says and when we heard it, nothing that somebody else said.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from receiver.core.completeness import Heard, Step, next_steps
from receiver.core.ranges import Ranges, of_numbers, ranges
from shared.encoding import JsonValue, canonical, parse_digest, parse_json
from shared.predicates import Heartbeat

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_NOTHING = "{}"
"""How it is kept that nothing was refused or dropped, as nearly every heartbeat says."""


def hear(beat: Heartbeat, before: Heard | None, now: datetime, lag: timedelta) -> Heard:
    """Take in a heartbeat that was believed; `before` is what was kept of the one before it."""
    high = beat.stream.high_water
    return Heard(
        received_at=now,
        issued_at=None if beat.last_receipt is None else beat.last_receipt.received_at,
        high_water=high,
        head=None if beat.stream.head is None else parse_digest(beat.stream.head),
        waiting=beat.spool.depth,
        refused=of_numbers(one.sequence for one in beat.quarantined),
        dropped=of_numbers(one.sequence for one in beat.dropped),
        closed=beat.closed,
        steps=next_steps(() if before is None else before.steps, high, now, lag),
        beat=beat.beat,
    )


def write_steps(steps: Iterable[Step]) -> str:
    """Write high-water marks and their moments as a row keeps them."""
    listed: list[JsonValue] = [[step.high, (step.at - _EPOCH) // _MICROSECOND] for step in steps]
    return canonical(listed).decode()


def read_steps(text: str) -> tuple[Step, ...]:
    """Read what `write_steps` wrote."""
    return tuple(Step(high, _EPOCH + at * _MICROSECOND) for high, at in _pairs(parse_json(text.encode())))


def write_ended(refused: Ranges, dropped: Ranges) -> str:
    """Write the numbers that a collector named as refused and as dropped."""
    if not refused and not dropped:
        return _NOTHING
    named = {"refused": refused, "dropped": dropped}
    return canonical(
        {name: [[first, last] for first, last in parts] for name, parts in named.items() if parts}
    ).decode()


def read_ended(text: str) -> tuple[Ranges, Ranges]:
    """Read what `write_ended` wrote."""
    if text == _NOTHING:
        return (), ()
    fields = parse_json(text.encode())
    if not isinstance(fields, dict):
        return (), ()
    return read_ranges(fields.get("refused", [])), read_ranges(fields.get("dropped", []))


def listed_ranges(parts: Ranges) -> JsonValue:
    """Write ranges as pairs."""
    return [[first, last] for first, last in parts]


def read_ranges(listed: JsonValue) -> Ranges:
    """Read ranges that are kept as pairs."""
    return ranges(_pairs(listed))


def _pairs(listed: JsonValue) -> list[tuple[int, int]]:
    pairs = listed if isinstance(listed, list) else []
    return [
        (one[0], one[1])
        for one in pairs
        if isinstance(one, list) and isinstance(one[0], int) and isinstance(one[1], int)
    ]
