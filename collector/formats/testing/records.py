"""The objects in the lists of a JSON test report, one at a time, each with no more than the values asked for.

What stands on the way to such a list must have the shape that it has there; anything else is refused, never skipped.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from collector.formats.json_events import EACH, Event, Kind
from collector.formats.json_items import json_items
from collector.formats.json_values import events_of, values_at
from collector.formats.numbers import seconds
from collector.formats.testing.outcomes import TEXT_CHARS
from shared.errors import Code, MalformedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from collector.formats.json_events import Path, Scalar
    from collector.formats.limits import Limits
    from shared.encoding import JsonObject

_MOST_VALUES = 1_000
_LEVELS_BESIDE = 1


@dataclass(frozen=True, slots=True)
class Record:
    """One object of a list: where it stands, and the scalars at each path below it that was asked for."""

    place: Path
    _asked: frozenset[Path]
    _fields: JsonObject

    @property
    def values(self) -> dict[Path, list[Scalar]]:
        """The scalars at each path where there are any."""
        return {path: found for path in self._asked if (found := self._scalars(path))}

    def first(self, *path: str | int) -> Scalar:
        """Return the first scalar at that path, None where there is none."""
        return next(iter(self._scalars(path)), None) if path in self._asked else None

    def text(self, *path: str | int) -> str:
        """Return the first scalar at that path if it is a text, else ""."""
        value = self.first(*path)
        return value if isinstance(value, str) else ""

    def number(self, *path: str | int) -> float | None:
        """Return the first scalar at that path if it is a number that is not negative, else None."""
        return number(self.first(*path))

    def _scalars(self, path: Path) -> list[Scalar]:
        found = [value for value in values_at(self._fields, path) if not isinstance(value, dict | list)]
        if len(found) > _MOST_VALUES:
            raise MalformedError(Code.TOO_LARGE, f"more than {_MOST_VALUES} values of one kind stand in one test")
        return [value[:TEXT_CHARS] if isinstance(value, str) else value for value in found]


def number(value: Scalar) -> float | None:
    """Return a value if it is a finite number that is not negative, else None."""
    return None if isinstance(value, str) else seconds(str(value))


def records(stream: BinaryIO, limits: Limits, places: Mapping[Path, frozenset[Path]]) -> Iterator[Record | Event]:
    """Read a JSON document and yield the objects at `places` at their ends, and the events outside of them.

    A place is the path of the items of a list, `("tests", EACH)`, and says which paths below it are asked for; no
    place is inside of another. Of what stands beside the containers on the way to them there are the events of a value
    and of its members, not of what is inside of these. Texts are cut at 8,000 characters. Raises what `json_items`
    raises, and `MalformedError` with `bad_syntax` where a value on the way to a place, or at one, has another shape,
    `too_large` where one object has more than 1,000 values at one path.
    """
    misshapen: MalformedError | None = None
    for piece in json_items(stream, limits, places, rest=True):
        path, value = piece.path, piece.value
        if piece.kind is Kind.VALUE and isinstance(value, dict) and path in places:
            yield Record(path, places[path], value)
        elif piece.kind is Kind.VALUE and any(place[: len(path)] == path for place in places):
            misshapen = misshapen or _refusal(path, places)
        elif piece.kind is Kind.VALUE:
            yield from events_of(path, value, _LEVELS_BESIDE)
        else:
            yield Event(piece.kind, path, None)
    if misshapen is not None:
        raise misshapen


def _refusal(path: Path, places: Mapping[Path, frozenset[Path]]) -> MalformedError:
    is_list = any(place[: len(path) + 1] == (*path, EACH) for place in places)
    pointer = "/".join("*" if part == EACH else str(part) for part in path)
    expected = "an array" if is_list else "an object"
    return MalformedError(Code.BAD_SYNTAX, f"/{pointer} is not {expected}", "make the report again")
