"""Opaque cursors of lists: where a page ended, as a caller hands it back."""

from __future__ import annotations

from shared.encoding import JsonValue, b64decode, b64encode, canonical, parse_json
from shared.errors import CarnetError, Code, MalformedError


def write_cursor(*place: int | str) -> str:
    """Write the place that a page ended at, safe for a URL."""
    items: list[JsonValue] = [*place]
    return b64encode(canonical(items)).replace("+", "-").replace("/", "_").rstrip("=")


def read_number(cursor: str) -> int:
    """Read the cursor of a list that is ordered by a number; raises `MalformedError` (`invalid_field`)."""
    place = _read(cursor)
    if len(place) == 1 and isinstance(place[0], int):
        return place[0]
    raise _bad()


def read_pair(cursor: str) -> tuple[int, str]:
    """Read the cursor of a list that is ordered by a number and an id; raises `MalformedError`."""
    place = _read(cursor)
    if len(place) == len(("number", "id")):
        number, name = place
        if isinstance(number, int) and isinstance(name, str):
            return number, name
    raise _bad()


def read_text(cursor: str) -> str:
    """Read the cursor of a list that is ordered by a name; raises `MalformedError`."""
    place = _read(cursor)
    if len(place) == 1 and isinstance(place[0], str):
        return place[0]
    raise _bad()


def _read(cursor: str) -> list[JsonValue]:
    text = cursor.replace("-", "+").replace("_", "/")
    try:
        place = parse_json(b64decode(text + "=" * (-len(text) % 4)))
    except (CarnetError, UnicodeError):
        raise _bad() from None
    return place if isinstance(place, list) else []


def _bad() -> MalformedError:
    return MalformedError(
        Code.INVALID_FIELD, "cursor: not one of this list", "send nextCursor as it was answered, or none"
    )
