"""The objects in the lists of a JSON test report, one at a time, each with no more than the values asked for.

What stands on the way to such a list must have the shape that it has there; anything else is refused, never skipped.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from collector.formats.json_events import EACH, Event, Kind, json_events
from collector.formats.numbers import seconds
from collector.formats.testing.outcomes import TEXT_CHARS
from shared.errors import Code, MalformedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from collector.formats.json_events import Path, Scalar
    from collector.formats.limits import Limits

_MOST_VALUES = 1_000
_ENDS = frozenset({Kind.MAP_END, Kind.ARRAY_END})


class Record(NamedTuple):
    """One object of a list: where it stands, and the scalars at each path below it that was asked for."""

    place: Path
    values: dict[Path, list[Scalar]]

    def first(self, *path: str | int) -> Scalar:
        """Return the first scalar at that path, None where there is none."""
        values = self.values.get(path)
        return values[0] if values else None

    def text(self, *path: str | int) -> str:
        """Return the first scalar at that path if it is a text, else ""."""
        value = self.first(*path)
        return value if isinstance(value, str) else ""

    def number(self, *path: str | int) -> float | None:
        """Return the first scalar at that path if it is a number that is not negative, else None."""
        return number(self.first(*path))


def number(value: Scalar) -> float | None:
    """Return a value if it is a finite number that is not negative, else None."""
    return None if isinstance(value, str) else seconds(str(value))


def records(stream: BinaryIO, limits: Limits, places: Mapping[Path, frozenset[Path]]) -> Iterator[Record | Event]:
    """Read a JSON document and yield the objects at `places` at their ends, and each event outside of them.

    A place is the path of the items of a list, `("tests", EACH)`, and says which paths below it are asked for; no
    place is inside of another. Texts are cut at 8,000 characters. Raises what `json_events` raises, and
    `MalformedError` with `bad_syntax` where a value on the way to a place has another shape, `too_large` where one
    object has more than 1,000 values at one path.
    """
    shapes = {
        place[:length]: Kind.ARRAY if place[length : length + 1] == (EACH,) else Kind.MAP
        for place in places
        for length in range(len(place) + 1)
    }
    record: Record | None = None
    depth = 0
    events = json_events(stream, limits)
    for event in events:
        path, kind = event.path, event.kind
        if record is not None and len(path) > depth:
            if kind is Kind.VALUE and (below := path[depth:]) in places[record.place]:
                _keep(record.values.setdefault(below, []), event.value)
        elif record is not None:
            yield record
            record = None
        elif kind not in _ENDS and kind is not shapes.get(path, kind):
            deque(events, maxlen=0)  # what is no JSON, or too large, is refused for that
            raise _refusal(path, shapes[path])
        elif kind is Kind.MAP and path in places:
            record, depth = Record(path, {}), len(path)
        else:
            yield event


def _keep(values: list[Scalar], value: Scalar) -> None:
    if len(values) >= _MOST_VALUES:
        raise MalformedError(Code.TOO_LARGE, f"more than {_MOST_VALUES} values of one kind stand in one test")
    values.append(value[:TEXT_CHARS] if isinstance(value, str) else value)


def _refusal(path: Path, shape: Kind) -> MalformedError:
    pointer = "/".join("*" if part == EACH else str(part) for part in path)
    expected = "an array" if shape is Kind.ARRAY else "an object"
    return MalformedError(Code.BAD_SYNTAX, f"/{pointer} is not {expected}", "make the report again")
