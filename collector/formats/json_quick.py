"""Strict JSON fast: a parser that is nearly strict enough, and quick looks for what it lets pass.

jiter refuses what is no JSON, NaN and Infinity, duplicate keys and half surrogate pairs. It reads integers beyond
2^53, numbers that are infinite as a float, and containers twice as deep as we do: the text is put into as many brackets
as make that its own limit, each of which must hold one value and nothing else, and looked through for long runs of
digits and large exponents. Where it is not sure that all is well, the slow reader of `shared.encoding` decides.
"""

from __future__ import annotations

import re
from json import JSONDecoder
from json.scanner import make_scanner
from typing import TYPE_CHECKING

from jiter import from_json

from shared.encoding import DECODER, check_tree
from shared.errors import MalformedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from shared.encoding import JsonObject, JsonValue

# Each digit is 0, so is the plus of an exponent; what may stand only before a number is a colon, what may stand behind
# it a comma. So most digits in hashes and times are seen to be no number.
_SIGNS = bytes.maketrans(b"123456789+E[-,]} \t\r\n", b"0000000000e::,,,,,,,")
_LARGE = tuple((mark, re.compile(mark + rb"[0.]*(?:e:?0+)?(?:,|\Z)")) for mark in (b":" + b"0" * 16, b"," + b"0" * 16))
_LARGE_EXPONENT = b"0e000", re.compile(rb"0e000+(?:,|\Z)")

scan_leniently: Callable[[str, int], tuple[JsonValue, int]] = make_scanner(
    JSONDecoder()  # type: ignore[arg-type] # typeshed takes the context for a scanner
)
"""Read one value at a place of a text, less strictly than `strict_members`; returns it and where it ends.

Raises `ValueError`, `StopIteration` or `RecursionError` where there is none or not all of it. A number, true, false or
null at the end of the text may be the beginning of something else.
"""

NO_VALUE = (ValueError, StopIteration, RecursionError)
"""What `scan_leniently` raises."""


def _deepest() -> int:
    """Find out how many containers inside of each other the parser reads."""
    depth = 1
    while depth < _DEEPEST_TRIED:
        try:
            from_json(b"[" * (depth + 1) + b"]" * (depth + 1))
        except ValueError:
            return depth
        depth += 1
    return 0


_DEEPEST_TRIED = 1_000
_DEEPEST = _deepest()


def strict_members(text: str | bytes, levels: int, *, is_array: bool) -> list[JsonValue] | JsonObject | None:
    """Read a text as the members of an array or of an object, as a strict reader does; None where that refuses it.

    `levels` is how many containers may stand inside of each other in it.
    """
    opening, closing = (b"[", b"]") if is_array else (b"{", b"}")
    around = _DEEPEST - levels - 1
    inside = text.encode() if isinstance(text, str) else text
    data = b"".join((b"[" * around, opening, inside, closing, b"]" * around))
    try:
        value = from_json(data, allow_inf_nan=False, cache_mode="keys", catch_duplicate_keys=True)
    except ValueError:
        return _read_slowly(opening + inside + closing, levels)
    if around < 0 or has_odd_number(data):
        return _read_slowly(opening + inside + closing, levels)
    for _ in range(around):
        if len(value) != 1:  # the text closes a bracket around it and opens another
            return None
        value = value[0]
    members: list[JsonValue] | JsonObject = value
    return members


def has_odd_number(data: bytes) -> bool:
    """Say whether an integer may be too large, or a number infinite; if not, none is.

    An integer of 16 digits may be beyond 2^53, and nothing is infinite that has fewer and an exponent of two.
    """
    signs = data.translate(_SIGNS)
    # The first look, for a mark, is much faster.
    return any(mark in signs and number.search(signs) for mark, number in (*_LARGE, _LARGE_EXPONENT))


def _read_slowly(inside: bytes, levels: int) -> list[JsonValue] | JsonObject | None:
    try:
        value: JsonValue = DECODER.decode(inside.decode())
        check_tree(list(value) if isinstance(value, dict) else None)
        for member in _members(value):
            check_tree(member)
    except (MalformedError, ValueError, RecursionError):
        return None
    containers = [value]
    for _ in range(levels + 1):
        containers = [inner for outer in containers for inner in _members(outer) if isinstance(inner, dict | list)]
    return value if isinstance(value, dict | list) and not containers else None


def _members(value: JsonValue) -> Iterable[JsonValue]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
