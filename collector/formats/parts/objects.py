"""What stands in an object of a JSON report, where it may be anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.encoding import JsonObject, JsonValue


def text(value: JsonValue, key: str) -> str:
    """Return the text at a key of an object, "" where there is none or the value is no object."""
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, str) else ""


def items(value: JsonValue, key: str) -> list[JsonValue]:
    """Return the items of the array at a key of an object, none where there is no array."""
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, list) else []


def objects(value: JsonValue, key: str) -> list[JsonObject]:
    """Return those items of the array at a key of an object that are objects."""
    found = value.get(key) if isinstance(value, dict) else None
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []
