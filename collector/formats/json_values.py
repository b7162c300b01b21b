"""Looks into a JSON value that was read: what stands at a path below it, whatever shapes stand there instead."""

from __future__ import annotations

from typing import TYPE_CHECKING

from collector.formats.json_events import EACH

if TYPE_CHECKING:
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
