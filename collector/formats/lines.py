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
    for number, lines in line_blocks(stream, limits):
        yield from enumerate(lines, number)


def line_blocks(stream: BinaryIO, limits: Limits) -> Iterator[tuple[int, list[str]]]:
    """Read as `text_lines` does, and yield lines by some that stand together, with the number of the first."""
    for number, _, block in byte_blocks(stream, limits):
        yield number, lines_of(block, number)


def byte_blocks(stream: BinaryIO, limits: Limits) -> Iterator[tuple[int, int, bytes]]:
    """Read as `text_lines` does, and yield blocks of whole lines as they are: number of the first, how many, bytes."""
    is_blank = True
    number = 0
    for block in _blocks(stream, limits):
        if block is None:
            raise MalformedError(Code.TOO_LARGE, f"line {number + 1}: longer than {limits.max_token_bytes} bytes")
        found = block if number else block.removeprefix(codecs.BOM_UTF8)
        lines = found.count(b"\n") + (not found.endswith(b"\n"))
        if number + lines > limits.max_events:
            raise MalformedError(Code.TOO_LARGE, f"there are more than {limits.max_events} lines")
        is_blank = is_blank and not found.strip()
        yield number + 1, lines, found
        number += lines
    if is_blank:
        raise MalformedError(Code.TRUNCATED, "the file is empty", "let the tool that writes it finish")


def lines_of(block: bytes, number: int) -> list[str]:
    """Decode a block whose first line has this number, and give its lines without their ends.

    Raises `MalformedError` (`bad_encoding`).
    """
    return _decoded(block, number - 1).replace("\r\n", "\n").removesuffix("\n").split("\n")


def _blocks(stream: BinaryIO, limits: Limits) -> Iterator[bytes | None]:
    """Yield the stream in blocks of whole lines, each about a chunk long, or a line where that is longer.

    None where a line is too long; then it ends.
    """
    rest: list[bytes] = []
    while chunk := stream.read(min(limits.chunk_bytes, limits.max_token_bytes)):
        end = chunk.rfind(b"\n") + 1
        long = sum(map(len, rest)) + (chunk.find(b"\n") if end else len(chunk))
        if long > limits.max_token_bytes:
            yield None
            return
        rest.append(chunk[:end] if end else chunk)
        if end:
            yield b"".join(rest)
            rest = [chunk[end:]]
    if block := b"".join(rest):
        yield block.removesuffix(b"\r")


def _decoded(block: bytes, number: int) -> str:
    """Decode some lines that come behind line `number`."""
    if b"\0" in block:
        line = number + 1 + block.count(b"\n", 0, block.index(b"\0"))
        raise MalformedError(Code.BAD_ENCODING, f"line {line}: a NUL byte; UTF-16, or no text at all", _HINT)
    try:
        return block.decode()
    except UnicodeDecodeError as error:
        line = number + 1 + block.count(b"\n", 0, error.start)
        at = error.start - block.rfind(b"\n", 0, error.start) - 1
        raise MalformedError(Code.BAD_ENCODING, f"line {line}: not UTF-8 at byte {at} of the line", _HINT) from None
