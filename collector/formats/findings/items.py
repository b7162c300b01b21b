"""The objects in the lists of a JSON report, one at a time, each with no more than the values asked for.

Scanners write lists of findings, and all differ in the names alone. What is not asked for, a secret that a scanner
found above all, is never kept. A place that does not have the shape it must have is refused, never skipped; null for
a list or an object is an empty one.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from collector.formats.findings.tally import MESSAGE_CHARS
from collector.formats.json_events import EACH, Event, Kind, json_events
from shared.errors import Code, MalformedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from collector.formats.json_events import Path, Scalar
    from collector.formats.limits import Limits

    Places = Mapping[Path, frozenset[Path]]

_KEPT_VALUES = 100
_HINT = "make the report again with the scanner's own JSON output"
_NAMES = {Kind.MAP: "an object", Kind.ARRAY: "an array"}
_ENDS = frozenset({Kind.MAP_END, Kind.ARRAY_END})


class Item(NamedTuple):
    """One object of a list: its place, and by path below it the values asked for and how many stand there.

    Values are the first 100 scalars at a path, texts cut at 2,000 characters; `numbers` counts containers too.
    """

    place: Path
    values: Mapping[Path, list[Scalar]]
    numbers: Mapping[Path, int]

    def first(self, *path: str | int) -> Scalar:
        """Return the first scalar at that path, None if there is none."""
        found = self.values.get(path)
        return found[0] if found else None

    def text(self, *path: str | int) -> str:
        """Return the first scalar at that path if it is a text, else ""."""
        found = self.first(*path)
        return found if isinstance(found, str) else ""

    def whole(self, *path: str | int) -> int | None:
        """Return the first scalar at that path if it is a whole number, else None."""
        found = self.first(*path)
        return found if isinstance(found, int) and not isinstance(found, bool) else None

    def words(self, *names: str) -> str:
        """Return the texts at these keys of the object with a blank between them."""
        return " ".join(text for text in map(self.text, names) if text)


def keys(*names: str) -> frozenset[Path]:
    """Return the paths of the keys of an item itself, to ask for them."""
    return frozenset((name,) for name in names)


def items(stream: BinaryIO, limits: Limits, places: Places) -> Iterator[Item | Event]:
    """Read a JSON document and yield the objects at `places` at their end, and each event outside of them.

    A place is the path of the items of a list, `("Results", EACH)`, and says which paths below are asked for; no place
    is inside of another. Raises what `json_events` raises, and `MalformedError` with `bad_syntax` where a value that
    stands on the way to a place is no object or array as the place has it.
    """
    shapes = _shapes(places)
    wanted: frozenset[Path] | None = None
    values: dict[Path, list[Scalar]] = {}
    numbers: Counter[Path] = Counter()
    depth = longest = 0
    events = json_events(stream, limits)
    for event in events:
        path, kind = event.path, event.kind
        if wanted is not None and len(path) > depth:
            if len(path) <= longest and kind not in _ENDS and (below := path[depth:]) in wanted:
                _keep(values, numbers, below, event)
        elif wanted is not None:
            yield Item(path, values, numbers)
            wanted = None
        else:
            if path in shapes and not _fits(event, shapes[path]):
                deque(events, maxlen=0)  # what is no JSON, or too large, is refused for that
                raise _refusal(path, shapes[path])
            wanted = places.get(path) if kind is Kind.MAP else None
            if wanted is None:
                yield event
            else:
                values, numbers = {}, Counter()
                depth, longest = len(path), len(path) + max(map(len, wanted), default=0)


def _shapes(places: Places) -> dict[Path, set[Kind]]:
    shapes: dict[Path, set[Kind]] = {}
    for place in places:
        for length in range(len(place) + 1):
            is_list = length < len(place) and place[length] == EACH
            shapes.setdefault(place[:length], set()).add(Kind.ARRAY if is_list else Kind.MAP)
    return shapes


def _fits(event: Event, allowed: set[Kind]) -> bool:
    is_empty = event.kind is Kind.VALUE and event.value is None and event.path != () and event.path[-1] != EACH
    return is_empty or event.kind in allowed or event.kind in _ENDS


def _refusal(path: Path, allowed: set[Kind]) -> MalformedError:
    pointer = "/".join("*" if part == EACH else str(part) for part in path)
    expected = " or ".join(name for kind, name in _NAMES.items() if kind in allowed)
    return MalformedError(Code.BAD_SYNTAX, f"/{pointer} is not {expected}", _HINT)


def _keep(values: dict[Path, list[Scalar]], numbers: Counter[Path], path: Path, event: Event) -> None:
    numbers[path] += 1
    kept = values.setdefault(path, [])
    if event.kind is Kind.VALUE and len(kept) < _KEPT_VALUES:
        kept.append(event.value[:MESSAGE_CHARS] if isinstance(event.value, str) else event.value)
