"""JSON lines: one strict JSON object a line (RFC 8259, UTF-8), in memory that holds one line at a time.

As strict as `json_events`, which also says what is wrong with a line that is refused. Errors name the line.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, BinaryIO

from collector.formats.json_events import json_events
from collector.formats.lines import text_lines
from shared.encoding import JsonObject, parse_json
from shared.errors import Code, MalformedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from collector.formats.limits import Limits

_HINT = "make the report again; each line must be one strict JSON object (RFC 8259)"


def json_lines(stream: BinaryIO, limits: Limits) -> Iterator[tuple[int, JsonObject]]:
    """Read a stream of bytes to its end and yield number (from 1) and object of each line that is not blank.

    Raises `MalformedError` with `truncated` (nothing in the file, or it ends within its last object),
    `bad_encoding`, `bad_syntax`, `too_deep` or `too_large`.
    """
    short: int | None = None
    for number, text in text_lines(stream, limits):
        if short is not None:
            raise MalformedError(Code.BAD_SYNTAX, f"line {short} ends before its object does", _HINT)
        if not text or text.isspace():
            continue
        raw = text.encode()
        try:
            value = parse_json(raw)
        except MalformedError as error:
            refusal = _refusal(raw, number, error, limits)
            if refusal.code is not Code.TRUNCATED:
                raise refusal from None
            short = number  # cut, if nothing follows
            continue
        if not isinstance(value, dict):
            raise MalformedError(Code.BAD_SYNTAX, f"line {number} is no object", _HINT)
        yield number, value
    if short is not None:
        raise MalformedError(Code.TRUNCATED, f"line {short}: the file ends here, before its object does", _HINT)


def _refusal(raw: bytes, number: int, error: MalformedError, limits: Limits) -> MalformedError:
    """Give the reason why a line is refused, with the pointer to what is wrong."""
    try:
        for _ in json_events(io.BytesIO(raw), limits):
            pass
    except MalformedError as precise:
        return MalformedError(precise.code, f"line {number}: {precise.detail}", _HINT)
    return MalformedError(Code.BAD_SYNTAX, f"line {number}: {error.detail}", _HINT)
