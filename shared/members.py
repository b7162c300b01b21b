"""Take a JSON object apart into its members, some of them as the exact bytes that the sender wrote.

Signed things travel inside of JSON bodies; what is verified is what arrived, so their bytes are cut out and never
written anew. The library reads every value; only the commas and brackets between members are looked at here, since no
reader tells where an element begins and ends.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

from shared.encoding import DECODER, JsonObject, JsonValue, check_tree, decode_utf8
from shared.errors import Code, MalformedError

# Whatever a raw member holds is judged when it is parsed; here only its end is looked for.
_LENIENT = json.JSONDecoder(parse_int=str, parse_float=str)
_SPACE = re.compile(r"[ \t\r\n]+")
_MAX_MEMBERS = 100


@dataclass(frozen=True)
class Members:
    """An object taken apart: plain members as values, raw ones as bytes, elements of raw lists as bytes each."""

    values: JsonObject = field(default_factory=dict)
    raw: dict[str, bytes] = field(default_factory=dict)
    lists: dict[str, tuple[bytes, ...]] = field(default_factory=dict)


def split_members(body: bytes, *, raw: frozenset[str], lists: frozenset[str], max_elements: int) -> Members:
    """Read one JSON object; the members named in `raw` and `lists` are handed out as bytes.

    A raw member that is null counts as absent. Raises `MalformedError`: `bad_json` where the whole is no JSON object,
    a raw list is no list, or has more than `max_elements`; `duplicate_key` for a member that stands twice.
    """
    return _Walk(decode_utf8(body), raw, lists, max_elements).read()


class _Walk:
    def __init__(self, text: str, raw: frozenset[str], lists: frozenset[str], max_elements: int) -> None:
        self._text = text
        self._at = 0
        self._raw = raw
        self._lists = lists
        self._max_elements = max_elements

    def read(self) -> Members:
        found = Members()
        seen: set[str] = set()
        self._expect("{")
        more = not self._take("}")
        while more:
            name = self._value()
            if not isinstance(name, str):
                raise self._bad("a name is expected")
            if name in seen:
                raise MalformedError(
                    Code.DUPLICATE_KEY,
                    f"{name[:80]!r} stands twice",
                    "name each key once",
                )
            seen.add(name)
            if len(seen) > _MAX_MEMBERS:
                raise self._bad(f"more than {_MAX_MEMBERS} members")
            self._expect(":")
            if name in self._lists:
                found.lists[name] = self._elements(name)
            elif name in self._raw:
                piece = self._piece()
                if piece != b"null":
                    found.raw[name] = piece
            else:
                found.values[name] = self._value()
            more = not self._take("}")
            if more:
                self._expect(",")
        self._space()
        if self._at != len(self._text):
            raise self._bad("something stands behind the object")
        return found

    def _elements(self, name: str) -> tuple[bytes, ...]:
        pieces: list[bytes] = []
        self._expect("[")
        more = not self._take("]")
        while more:
            pieces.append(self._piece())
            if len(pieces) > self._max_elements:
                raise MalformedError(
                    Code.BAD_JSON,
                    f"{name}: too many elements",
                    f"at most {self._max_elements}",
                )
            more = not self._take("]")
            if more:
                self._expect(",")
        return tuple(pieces)

    def _piece(self) -> bytes:
        self._space()
        start = self._at
        try:
            _, self._at = _LENIENT.raw_decode(self._text, start)
        except (ValueError, RecursionError):
            raise self._bad("this is not JSON") from None
        return self._text[start : self._at].encode()

    def _value(self) -> JsonValue:
        self._space()
        value: JsonValue
        try:
            value, self._at = DECODER.raw_decode(self._text, self._at)
        except (json.JSONDecodeError, RecursionError):
            raise self._bad("this is not JSON") from None
        check_tree(value)
        return value

    def _space(self) -> None:
        found = _SPACE.match(self._text, self._at)
        if found is not None:
            self._at = found.end()

    def _take(self, char: str) -> bool:
        self._space()
        if self._text.startswith(char, self._at):
            self._at += 1
            return True
        return False

    def _expect(self, char: str) -> None:
        if not self._take(char):
            raise self._bad(f"{char!r} is expected")

    def _bad(self, detail: str) -> MalformedError:
        return MalformedError(
            Code.BAD_JSON,
            f"{detail} at character {self._at}",
            "send one JSON object, see docs/wire.md",
        )
