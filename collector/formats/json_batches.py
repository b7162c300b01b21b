"""Members of an open array or object that are whole in a text, read one by one, or many at a time.

Many at a time is a guess: how one member ends and the next begins tells where the last whole one ends. It is right if
what stands before is read as members, since JSON is read in one way only. Written by one tool, the members of a
container are alike: the same closing brackets, white space and first key.
One by one they are read as leniently as by `scan_leniently`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from collector.formats.json_quick import NO_VALUE, scan_leniently, strict_members

if TYPE_CHECKING:
    from shared.encoding import JsonObject, JsonValue

_COMMA = re.compile(r"[ \t\r\n]*,[ \t\r\n]*")
_COLON = re.compile(r"[ \t\r\n]*:[ \t\r\n]*")
_KEY = re.compile(r'"([^"\\\x00-\x1f]*)"[ \t\r\n]*:[ \t\r\n]*')
_BEGINNING = re.compile(r'\{[ \t\r\n]*"[^"\\\x00-\x1f]{0,100}"[ \t\r\n]*:|["\[{]?')
_CLOSERS = "]}"
_ENDS = frozenset('"]}')
_MORE_OF_NUMBER = frozenset("0123456789.eE+-")


class Batch(NamedTuple):
    """Some members, where the last of them ends, and where the next one stands: the same if no comma follows.

    `is_cut` says that a member follows that is not whole; `key` is its key and `value_at` where its value stands, where
    these can be read. `is_strict` says that the members were read strictly.
    """

    members: list[JsonValue] | JsonObject
    end: int
    at: int
    is_cut: bool = False
    is_strict: bool = False
    key: str | None = None
    value_at: int = 0


def items(text: str, start: int, unclosed: frozenset[int]) -> Batch:
    """Read the items of an array from one that begins at `start`, up to one of which is known that it is not whole."""
    values: list[JsonValue] = []
    at = end = start
    while not (unclosed and at in unclosed):
        found = read_value(text, at)
        if found is None:
            return Batch(values, end, at, is_cut=True, value_at=at)
        value, end, at = found
        values.append(value)
        if at == end:
            break
    return Batch(values, end, at, value_at=at)


def members(text: str, start: int, unclosed: frozenset[int]) -> Batch:
    """Read the members of an object from one that begins at `start`, up to one of which is known that it is not whole.

    Of a key that stands twice the second is not read.
    """
    values: JsonObject = {}
    at = end = start
    while True:
        key, value_at = _read_key(text, at)
        if key is None:
            return Batch(values, end, at, is_cut=True)
        if key in values or (unclosed and value_at in unclosed):
            return Batch(values, end, at, key=key, value_at=value_at)
        found = read_value(text, value_at)
        if found is None:
            return Batch(values, end, at, is_cut=True, key=key, value_at=value_at)
        values[key], end, at = found
        if at == end:
            return Batch(values, end, at)


def run(text: str, start: int, mark: str, levels: int, *, is_array: bool) -> Batch | None:
    """Read the members from `start` to the last place that looks like `mark`, strictly as `strict_members` does.

    Returns an empty batch where there is no such place, None where these are no members.
    """
    at = text.rfind(mark, start)
    if at < 0:
        return Batch([], start, start)
    end = at + mark.index(",")
    read = strict_members(text[start:end], levels, is_array=is_array)
    return None if read is None else Batch(read, end, end, is_strict=True)


def border(text: str, end: int, start: int) -> str:
    """Return what it looks like where a member ends at `end` and the next one begins at `start`."""
    inner = end - text.endswith('"', 0, end)
    while text[inner - 1] in _CLOSERS:
        inner -= 1
    beginning = _BEGINNING.match(text, start)
    return text[inner : beginning.end() if beginning else start]


def read_value(text: str, at: int, *, is_last: bool = False) -> tuple[JsonValue, int, int] | None:
    """Return a value, where it ends, and where the next one stands, which is the same where no comma follows.

    None where there is no whole value; a number is whole where it is seen to end, or nothing follows (`is_last`).
    """
    try:
        value, end = scan_leniently(text, at)
    except NO_VALUE:
        return None
    if comma := _COMMA.match(text, end):
        return value, end, comma.end()
    following = text[end : end + 1]
    if text[end - 1] in _ENDS or (following not in _MORE_OF_NUMBER if following else is_last):
        return value, end, end
    return None


def _read_key(text: str, at: int) -> tuple[str | None, int]:
    """Return a key and where its value stands; None where there is no whole key."""
    if plain := _KEY.match(text, at):
        return plain[1], plain.end()
    if not text.startswith('"', at):
        return None, at
    try:
        key, end = scan_leniently(text, at)
    except NO_VALUE:
        return None, at
    colon = _COLON.match(text, end)
    return (str(key), colon.end()) if colon else (None, at)
