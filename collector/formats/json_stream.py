"""JSON values one behind the other in one file (what `json.Encoder` of Go and `jq` write), as streams of events.

As strict as `json_events`, which reads each value: RFC 8259, UTF-8. Between two values stands white space or
nothing. Memory holds one line at a time; a value may take many lines, and a line many values. Errors name the
line in which the value begins.
"""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, BinaryIO

from collector.formats.json_events import json_events
from collector.formats.lines import text_lines
from shared.errors import Code, MalformedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from _typeshed import WriteableBuffer

    from collector.formats.json_events import Event
    from collector.formats.limits import Limits

_MARK = re.compile(r'"(?:[^"\\]+|\\.|\\\Z)*+"?|[{}\[\]]', re.DOTALL)
"""A string, which cannot go past the end of its line, or what opens or closes a container."""
_OPENING, _CLOSING = ("{", "["), ("}", "]")
_PIECE_CHARS = 32 * 1024
_BLANK = re.compile(r"[ \t\r]*")


def json_stream(stream: BinaryIO, limits: Limits) -> Iterator[Iterator[Event]]:
    """Read a stream of bytes to its end and yield the events of each of its values, to be taken before the next.

    There are at most `limits.max_tracked` values. Raises `MalformedError` with `truncated` (nothing in the file,
    or it ends within its last value), `bad_encoding`, `bad_syntax`, `too_deep` or `too_large`.
    """
    cutter = _Cutter(text_lines(stream, limits))
    number = 0
    while cutter.find():
        number += 1
        if number > limits.max_tracked:
            raise MalformedError(Code.TOO_LARGE, f"there are more than {limits.max_tracked} values")
        yield _events(cutter, limits)


def _events(cutter: _Cutter, limits: Limits) -> Iterator[Event]:
    line = cutter.line
    try:
        yield from json_events(io.BufferedReader(_Value(cutter.value())), limits)
    except MalformedError as error:
        raise MalformedError(error.code, f"value of line {line}: {error.detail}", error.hint) from None


class _Cutter:
    """Cuts lines into values: a container ends with its bracket, anything else with its line."""

    def __init__(self, lines: Iterator[tuple[int, str]]) -> None:
        self.line = 0
        self._lines = lines
        self._text = ""
        self._at = 0

    def find(self) -> bool:
        """Go to the beginning of the next value; say whether there is one."""
        while True:
            blank = _BLANK.match(self._text, self._at)
            self._at = blank.end() if blank else self._at
            if self._at < len(self._text):
                return True
            if not self._next_line():
                return False

    def value(self) -> Iterator[bytes]:
        """Yield the bytes of the value that begins here, some lines at a time."""
        if self._text.startswith("\ufeff", self._at):  # at the top of the file it is gone already
            raise MalformedError(Code.BAD_SYNTAX, "a byte-order mark stands between two values")
        depth = size = 0
        pieces: list[str] = []
        while True:
            start, depth = self._at, self._end_in_line(depth)
            pieces.append(self._text[start : self._at])
            size += self._at - start + 1
            if depth <= 0 or not self._next_line():
                break
            pieces.append("\n")
            if size >= _PIECE_CHARS:
                yield "".join(pieces).encode()
                pieces, size = [], 0
        yield "".join(pieces).encode()

    def _end_in_line(self, depth: int) -> int:
        """Go to where the value ends in this line, else to the end of the line; return how many brackets are open."""
        for mark in _MARK.finditer(self._text, self._at):
            sign = mark[0]
            if sign in _OPENING:
                depth += 1
            elif sign in _CLOSING:
                depth -= 1
                if depth <= 0:
                    self._at = mark.end()
                    return 0
        self._at = len(self._text)
        return depth

    def _next_line(self) -> bool:
        line = next(self._lines, None)
        self.line, self._text = line or (self.line, "")
        self._at = 0
        return line is not None


class _Value(io.RawIOBase):
    """The pieces of one value as a stream."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        super().__init__()
        self._pieces = pieces
        self._piece = memoryview(b"")

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill the buffer with the next bytes; 0 is the end of the value."""
        self._piece = self._piece or memoryview(next(self._pieces, b""))
        view = memoryview(buffer).cast("B")
        number = min(len(view), len(self._piece))
        view[:number] = self._piece[:number]
        self._piece = self._piece[number:]
        return number
