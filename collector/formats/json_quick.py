"""Strict JSON at the speed of C: a lenient scan first, and then the proof that a strict reader would read the same.

The scanner of the standard library lets pass duplicate keys, large integers, infinite numbers, half surrogate pairs and
any depth. All of them show when what was read is written again: as many keys as the text has marks of keys, no integer
of 16 digits, no infinity, no deep indentation, and that it can be written at all, is the proof that there are none.
Where it fails, for good reasons or bad ones, the slow reader of `shared.encoding` decides.
"""

from __future__ import annotations

import re
from json import JSONDecoder
from json.scanner import make_scanner
from typing import TYPE_CHECKING, NoReturn

from pydantic_core import to_json

from shared.encoding import DECODER, check_tree
from shared.errors import MalformedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from shared.encoding import JsonObject, JsonValue

# What marks a key. White space is left out, so that it stands in every spelling; a string may hold it as well, in the
# text and in what is written alike, unless one of these escapes spells a part of it.
_MARK = b'":'
_SPACE = b" \t\r\n"
_TELLING_ESCAPE = re.compile(r"\\u00(?:3[aA]|20|22 *:)")
_DIGITS = bytes.maketrans(b"123456789[-", b"000000000,,")
_LARGE = b"0" * 16
_STRING = re.compile(rb'"[^"]*"')
_NO_BRACKETS = bytes(sign for sign in range(256) if sign not in b'[]{}"')


def _refuse(name: str) -> NoReturn:
    msg = f"{name} is not a JSON number"
    raise ValueError(msg)


scan_leniently: Callable[[str, int], tuple[JsonValue, int]] = make_scanner(
    JSONDecoder(parse_constant=_refuse)  # type: ignore[arg-type] # typeshed takes the context for a scanner
)
"""Read one value at a place of a text; returns it and where it ends.

Raises `ValueError`, `StopIteration` or `RecursionError` where there is none or not all of it. A number, true, false or
null at the end of the text may be the beginning of something else.
"""

NO_VALUE = (ValueError, StopIteration, RecursionError)
"""What `scan_leniently` raises."""


def is_strict(text: str, members: list[JsonValue] | JsonObject, levels: int) -> bool:
    """Say whether a strict reader takes this text, which was read as these members of an array or an object.

    `levels` is how many containers may stand inside of each other in it.
    """
    return _is_plain(text, members, levels) or _is_read_strictly(text, members, levels)


def _is_plain(text: str, members: list[JsonValue] | JsonObject, levels: int) -> bool:
    """Prove it by writing the members again; False proves nothing."""
    try:
        written = to_json(members)
    except ValueError:
        return False
    bare = written.translate(_DIGITS, b" ")
    return (
        text.encode().translate(None, _SPACE).count(_MARK) == bare.count(_MARK)
        and b"," + _LARGE not in bare
        and b":" + _LARGE not in bare
        and b"Infinity" not in written
        and not ("\\u00" in text and _TELLING_ESCAPE.search(text))
        and _is_shallow(written, levels)
    )


def _is_shallow(written: bytes, levels: int) -> bool:
    """Prove by the brackets that no more containers than these are inside of each other; False proves nothing."""
    if b"\\" in written:
        written = written.replace(b"\\\\", b"").replace(b'\\"', b"")
    brackets = written.translate(None, _NO_BRACKETS).replace(b'""', b"")
    if b'"' in brackets:
        brackets = _STRING.sub(b"", brackets)
    # Each round takes away the innermost pairs, and with them two levels at most.
    for _ in range(levels // 2):
        if not brackets:
            return True
        brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")
    return False


def _is_read_strictly(text: str, members: list[JsonValue] | JsonObject, levels: int) -> bool:
    try:
        value: JsonValue = DECODER.decode(f"[{text}]" if isinstance(members, list) else f"{{{text}}}")
        check_tree(list(value) if isinstance(value, dict) else None)
        for member in _members(value):
            check_tree(member)
    except (MalformedError, ValueError, RecursionError):
        return False
    containers = [value]
    for _ in range(levels + 1):
        containers = [inner for outer in containers for inner in _members(outer) if isinstance(inner, dict | list)]
    return not containers


def _members(value: JsonValue) -> Iterable[JsonValue]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
