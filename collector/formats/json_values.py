"""Looks into a JSON value that was read: what stands at a path below it, whatever shapes stand there instead."""

from __future__ import annotations

from typing import TYPE_CHECKING

from collector.formats.json_events import EACH, Event, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from collector.formats.json_events import Path, Scalar
    from shared.encoding import JsonValue


def values_at(value: JsonValue, path: Path) -> list[JsonValue]:
    """Return the values at a path (`EACH` for the items of an array), in order; none where the shapes are others."""
    found = [value]
    for part in path:
        if part == EACH:
            found = [item for array in found if isinstance(array, list) for item in array]
        else:
            found = [table[str(part)] for table in found if isinstance(table, dict) and part in table]
    return found


def scalar_at(value: JsonValue, *path: str | int) -> Scalar:
    """Return the first value at a path that is no container, None if there is none."""
    return next((found for found in values_at(value, path) if not isinstance(found, dict | list)), None)


def text_at(value: JsonValue, *path: str | int) -> str | None:
    """Return the first value at a path that is no container, if that is a text, else None."""
    found = scalar_at(value, *path)
    return found if isinstance(found, str) else None


def events_of(path: Path, value: JsonValue, levels: int) -> Iterator[Event]:
    """Give a value that stands at a path as `json_events` does, of containers deeper than `levels` no members."""
    if not isinstance(value, dict | list):
        yield Event(Kind.VALUE, path, value)
    elif isinstance(value, dict):
        yield Event(Kind.MAP, path, None)
        for key, member in value.items() if levels else ():
            yield from events_of((*path, key), member, levels - 1)
        yield Event(Kind.MAP_END, path, None)
    else:
        yield Event(Kind.ARRAY, path, None)
        for item in value if levels else ():
            yield from events_of((*path, EACH), item, levels - 1)
        yield Event(Kind.ARRAY_END, path, None)
