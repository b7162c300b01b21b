"""JSON lines: one strict JSON object a line (RFC 8259, UTF-8), in memory that holds few lines at a time.

As strict as `json_events`, which also says what is wrong with a line that is refused. Errors name the line.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, BinaryIO

from jiter import from_json

from collector.formats.json_events import json_events
from collector.formats.json_items import json_items
from collector.formats.json_places import ALL
from collector.formats.json_quick import has_odd_number, strict_members
from collector.formats.lines import text_lines
from shared.errors import Code, MalformedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from collector.formats.limits import Limits
    from shared.encoding import JsonObject

_HINT = "make the report again; each line must be one strict JSON object (RFC 8259)"


def json_lines(stream: BinaryIO, limits: Limits) -> Iterator[tuple[int, JsonObject]]:
    """Read a stream of bytes to its end and yield number (from 1) and object of each line that is not blank.

    Raises `MalformedError` with `truncated` (nothing in the file, or it ends within its last object),
    `bad_encoding`, `bad_syntax`, `too_deep` or `too_large`.
    """
    for number, said in _read(stream, limits, str.strip):
        if isinstance(said, dict):
            yield number, said


def mixed_lines(stream: BinaryIO, limits: Limits) -> Iterator[tuple[int, JsonObject | str]]:
    """Read a stream to its end and yield number and object of each line that begins with `{`, and any other as text.

    Raises what `json_lines` raises.
    """
    return _read(stream, limits, lambda text: text.startswith("{"))


def _read(
    stream: BinaryIO, limits: Limits, is_json: Callable[[str], bool | str]
) -> Iterator[tuple[int, JsonObject | str]]:
    """Read some lines, and yield them when their numbers are looked through."""
    said: list[tuple[int, JsonObject | str]] = []
    texts: list[str] = []
    size = 0
    lines = text_lines(stream, limits)
    for number, text in lines:
        size += len(text)
        if not is_json(text):
            said.append((number, text))
        elif (found := _object(text, limits)) is not None:
            said.append((number, found))
            texts.append(text)
        else:
            yield from _checked(said, texts, limits)
            raise _refusal(text, number, limits, is_last=next(lines, None) is None)
        if size >= limits.chunk_bytes:
            yield from _checked(said, texts, limits)
            said, texts, size = [], [], 0
    yield from _checked(said, texts, limits)


def _checked(
    said: list[tuple[int, JsonObject | str]], texts: list[str], limits: Limits
) -> list[tuple[int, JsonObject | str]]:
    """Return what is said; raises `MalformedError` for the first of the texts with a number that cannot be."""
    if has_odd_number("\n".join(texts).encode()):
        numbers = (number for number, found in said if isinstance(found, dict))
        for number, text in zip(numbers, texts, strict=True):
            if strict_members(text, limits.max_depth, is_array=True) is None:
                raise _refusal(text, number, limits, is_last=False)
    return said


def _object(text: str, limits: Limits) -> JsonObject | None:
    """Read a line strictly but for its numbers, in bounded memory where it is long; None if it is no object."""
    if len(text) > limits.max_item_chars:
        return _long_object(text, limits)
    if text.count("{") + text.count("[") > limits.max_depth:
        members = strict_members(text, limits.max_depth, is_array=True)
        value = members[0] if isinstance(members, list) and len(members) == 1 else None
    else:
        try:
            value = from_json(text.encode(), allow_inf_nan=False, cache_mode="keys", catch_duplicate_keys=True)
        except ValueError:
            return None
    return value if isinstance(value, dict) else None


def _long_object(text: str, limits: Limits) -> JsonObject | None:
    try:
        (piece,) = json_items(io.BytesIO(text.encode()), limits, {(): ALL})
    except MalformedError as error:
        if error.code is Code.TOO_LARGE:
            raise
        return None
    return piece.value if isinstance(piece.value, dict) else None


def _refusal(text: str, number: int, limits: Limits, *, is_last: bool) -> MalformedError:
    """Give the reason why a line is refused, with the pointer to what is wrong."""
    try:
        for _ in json_events(io.BytesIO(text.encode()), limits):
            pass
    except MalformedError as error:
        if error.code is not Code.TRUNCATED:
            return MalformedError(error.code, f"line {number}: {error.detail}", _HINT)
        if is_last:
            return MalformedError(error.code, f"line {number}: the file ends here, before its object does", _HINT)
        return MalformedError(Code.BAD_SYNTAX, f"line {number} ends before its object does", _HINT)
    return MalformedError(Code.BAD_SYNTAX, f"line {number} is no object", _HINT)
