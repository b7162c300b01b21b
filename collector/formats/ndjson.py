"""JSON lines: one strict JSON object a line (RFC 8259, UTF-8), in memory that holds few lines at a time.

As strict as `json_events`, which also says what is wrong with a line that is refused. Errors name the line.
"""

from __future__ import annotations

import io
from operator import methodcaller
from typing import TYPE_CHECKING, Any, BinaryIO

from collector.formats.json_events import json_events
from collector.formats.json_items import json_items
from collector.formats.json_places import ALL
from collector.formats.json_quick import strict_members
from collector.formats.lines import byte_blocks, lines_of
from shared.errors import Code, MalformedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from collector.formats.limits import Limits
    from shared.encoding import JsonObject

MARK = "271828182"
"""What stands between two lines that are read at once; a block that holds these digits itself is read line by line."""
_BETWEEN = f",{MARK},"
_BETWEEN_LINES = f"{_BETWEEN}{{".encode()
_LONGER_BY = len(_BETWEEN_LINES) - len(b"\n{")

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
    return _read(stream, limits, methodcaller("startswith", "{"))


def _read(
    stream: BinaryIO, limits: Limits, is_json: Callable[[str], bool | str]
) -> Iterator[tuple[int, JsonObject | str]]:
    blocks = byte_blocks(stream, limits)
    for first, count, block in blocks:
        found = _all_at_once(block, count, limits)
        if found is not None:
            yield from enumerate(found, first)
            continue
        lines = lines_of(block, first)
        found = _at_once(list(filter(is_json, lines)), limits)
        if found is None:
            yield from _one_by_one(first, lines, blocks, limits, is_json)
        else:
            objects = iter(found)
            yield from enumerate((next(objects) if is_json(text) else text for text in lines), first)


def _all_at_once(block: bytes, lines: int, limits: Limits) -> list[JsonObject] | None:
    """Read a block of lines as `_at_once` does where each begins an object; None where it may be another."""
    joined = block.removesuffix(b"\n").replace(b"\n{", _BETWEEN_LINES)
    is_each = len(joined) - len(block.removesuffix(b"\n")) == (lines - 1) * _LONGER_BY
    return _items(joined, block, lines, limits) if is_each and block[:1] == b"{" else None


def _at_once(texts: list[str], limits: Limits) -> list[JsonObject] | None:
    """Read some lines, each as a strict object, all as one array; None where these may be no objects.

    Between two lines stands a number whose digits no line holds. Where each second item of the array is that number, as
    often as it was put in, each of them stands between two items of the array and none is inside of one; so a line is
    one item, and neither a part of one nor several.
    """
    return _items(_BETWEEN.join(texts).encode(), "\n".join(texts).encode(), len(texts), limits)


def _items(joined: bytes, lines: bytes, count: int, limits: Limits) -> list[JsonObject] | None:
    if len(lines) > limits.max_item_chars or MARK.encode() in lines:
        return None
    read = strict_members(joined, limits.max_depth, is_array=True)
    if not isinstance(read, list) or read[1::2] != [int(MARK)] * (count - 1):
        return None
    if set(map(type, read[1::2])) - {int}:  # a float that is equal is spelled with other digits
        return None
    found: list[Any] = read[::2]
    return found if set(map(type, found)) <= {dict} and len(found) == count else None


def _one_by_one(
    first: int,
    lines: list[str],
    blocks: Iterator[tuple[int, int, bytes]],
    limits: Limits,
    is_json: Callable[[str], bool | str],
) -> Iterator[tuple[int, JsonObject | str]]:
    for number, text in enumerate(lines, first):
        found = _object(text, limits) if is_json(text) else text
        if found is None:
            is_last = number == first + len(lines) - 1 and next(blocks, None) is None
            raise _refusal(text, number, limits, is_last=is_last)
        yield number, found


def _object(text: str, limits: Limits) -> JsonObject | None:
    """Read a line strictly, in bounded memory where it is long; None if it is no object."""
    if len(text) > limits.max_item_chars:
        return _long_object(text, limits)
    members = strict_members(text, limits.max_depth, is_array=True)
    value = members[0] if isinstance(members, list) and len(members) == 1 else None
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
