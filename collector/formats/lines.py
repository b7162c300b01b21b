"""A text file line by line, in memory that does not grow with the file; for reports that are neither XML nor JSON.

Strict UTF-8, one byte-order mark in front is tolerated, lines end with LF or CRLF. All that can be wrong with
the bytes comes out as `MalformedError` with the number of the line.
"""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING, BinaryIO

from shared.errors import Code, MalformedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from collector.formats.limits import Limits

_HINT = "write the report in UTF-8"


def text_lines(stream: BinaryIO, limits: Limits) -> Iterator[tuple[int, str]]:
    """Read a stream of bytes to its end and yield number (from 1) and text of each line, without its end.

    A line is at most `limits.max_token_bytes` long, and there are at most `limits.max_events` of them. Raises
    `MalformedError` with `truncated` (nothing but white space in the whole file), `bad_encoding` or `too_large`.
    """
    is_blank = True
    number = 0
    while raw := stream.readline(limits.max_token_bytes + 1):
        number += 1
        if number > limits.max_events:
            raise MalformedError(Code.TOO_LARGE, f"there are more than {limits.max_events} lines")
        if len(raw) > limits.max_token_bytes:
            raise MalformedError(Code.TOO_LARGE, f"line {number}: longer than {limits.max_token_bytes} bytes")
        text = _decoded(raw if number > 1 else raw.removeprefix(codecs.BOM_UTF8), number)
        is_blank = is_blank and not text.strip()
        yield number, text.removesuffix("\n").removesuffix("\r")
    if is_blank:
        raise MalformedError(Code.TRUNCATED, "the file is empty", "let the tool that writes it finish")


def _decoded(raw: bytes, number: int) -> str:
    if b"\0" in raw:
        raise MalformedError(Code.BAD_ENCODING, f"line {number}: a NUL byte; UTF-16, or no text at all", _HINT)
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise MalformedError(
            Code.BAD_ENCODING, f"line {number}: not UTF-8 at byte {error.start} of the line", _HINT
        ) from None
