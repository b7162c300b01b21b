"""The objects in the lists of a JSON report, one at a time, each with no more than the values asked for.

Scanners write lists of findings, and all differ in the names alone. What is not asked for, a secret that a scanner
found above all, is never kept. A place that does not have the shape it must have is refused, never skipped; null for
a list or an object is an empty one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from collector.formats.findings.tally import MESSAGE_CHARS
from collector.formats.json_events import EACH, Event, Kind
from collector.formats.json_items import json_items
from collector.formats.json_places import ALL
from collector.formats.json_values import events_of, scalar_at, values_at
from shared.errors import Code, MalformedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from collector.formats.json_events import Path, Scalar
    from collector.formats.limits import Limits
    from shared.encoding import JsonObject, JsonValue

    Places = Mapping[Path, frozenset[Path]]

_KEPT_VALUES = 100
_HINT = "make the report again with the scanner's own JSON output"


class Item(NamedTuple):
    """One object of a list: its place, and by path below it the values asked for and how many stand there.

    Values are the first 100 scalars at a path, texts cut at 2,000 characters; `numbers` counts containers too.
    """

    place: Path
    asked: frozenset[Path]
    fields: JsonObject

    @property
    def values(self) -> Mapping[Path, list[Scalar]]:
        """The first scalars at each path where anything stands."""
        return {
            path: [_cut(value) for value in found if not isinstance(value, dict | list)][:_KEPT_VALUES]
            for path, found in self._found()
        }

    @property
    def numbers(self) -> Mapping[Path, int]:
        """How many values stand at each path where anything does."""
        return {path: len(found) for path, found in self._found()}

    def first(self, *path: str | int) -> Scalar:
        """Return the first scalar at that path, None if there is none."""
        if path not in self.asked:
            return None
        value = self.fields.get(str(path[0])) if len(path) == 1 else scalar_at(self.fields, *path)
        if isinstance(value, str):
            return value[:MESSAGE_CHARS]
        return None if isinstance(value, dict | list) else value

    def text(self, *path: str | int) -> str:
        """Return the first scalar at that path if it is a text, else ""."""
        # As `first` does; the shorter way is that of most.
        is_plain = len(path) == 1 and path in self.asked
        found = self.fields.get(str(path[0])) if is_plain else self.first(*path)
        return found[:MESSAGE_CHARS] if isinstance(found, str) else ""

    def whole(self, *path: str | int) -> int | None:
        """Return the first scalar at that path if it is a whole number, else None."""
        found = self.first(*path)
        return found if isinstance(found, int) and not isinstance(found, bool) else None

    def words(self, *names: str) -> str:
        """Return the texts at these keys of the object with a blank between them."""
        return " ".join(text for text in map(self.text, names) if text)

    def _found(self) -> Iterator[tuple[Path, list[JsonValue]]]:
        for path in self.asked:
            if found := values_at(self.fields, path):
                yield path, found


def _cut(value: Scalar) -> Scalar:
    return value[:MESSAGE_CHARS] if isinstance(value, str) else value


def keys(*names: str) -> frozenset[Path]:
    """Return the paths of the keys of an item itself, to ask for them."""
    return frozenset((name,) for name in names)


def items(
    stream: BinaryIO, limits: Limits, places: Places, beside: Iterable[Path] | None = None
) -> Iterator[Item | Event]:
    """Read a JSON document and yield the objects at `places` at their end, and each event outside of them.

    A place is the path of the items of a list, `("Results", EACH)`, and says which paths below are asked for; no place
    is inside of another. `beside` names the values outside of which events are wanted, besides those of the containers
    on the way to all of these: reports with much else are read faster so.
    Raises what `json_items` raises, and `MalformedError` with `bad_syntax` where a value that stands on the way to a
    place, or at one, is no object or array as the place has it.
    """
    wanted = {**places, **dict.fromkeys(beside or (), ALL)}
    misshapen: MalformedError | None = None
    for piece in json_items(stream, limits, wanted, rest=beside is None):
        kind, path, _, value = piece
        if kind is not Kind.VALUE:
            yield Event(kind, path, None)
        elif isinstance(value, dict) and (asked := places.get(path)) is not None:
            yield Item(path, asked, value)
        elif (path in places and value is not None) or (value is None and _must_be_there(path, places)):
            misshapen = misshapen or _refusal(path, places)
        else:
            yield from events_of(path, value, limits.max_depth)
    if misshapen is not None:
        raise misshapen


def _must_be_there(path: Path, places: Places) -> bool:
    """Say whether a place, or the way to one, is an item of an array or the document itself, which null is none of."""
    return (path == () or path[-1] == EACH) and any(place[: len(path)] == path for place in places)


def _refusal(path: Path, places: Places) -> MalformedError:
    ways = {place[len(path)] == EACH for place in places if place[: len(path)] == path != place}
    expected = " or ".join(name for is_array, name in ((False, "an object"), (True, "an array")) if is_array in ways)
    pointer = "/".join("*" if part == EACH else str(part) for part in path)
    return MalformedError(Code.BAD_SYNTAX, f"/{pointer} is not {expected or 'an object'}", _HINT)
