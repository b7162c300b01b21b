"""The rules of strict JSON that can be checked on bytes, chunk by chunk, before a parser sees them.

UTF-8 only (RFC 8259 section 8.1; one byte-order mark in front is tolerated and taken away), no control
character but tab, line feed and carriage return, no half of a surrogate pair among the escapes.
"""

from __future__ import annotations

import codecs
import re

from shared.errors import Code, MalformedError

_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u([dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
_LONGEST_ESCAPE = len(rb"\ud83d\ude00")
_HINT_ENCODING = "write the report in UTF-8"


def refuse_other_encodings(first: bytes) -> None:
    """Raise `MalformedError`, `bad_encoding`, where the first bytes of a file can only be UTF-16 or UTF-32."""
    if first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in first[:2]:
        raise MalformedError(Code.BAD_ENCODING, "UTF-16 or UTF-32, but JSON is UTF-8", _HINT_ENCODING)


class ByteCheck:
    """Checks a file's chunks in order; `offset` is the number of bytes that were seen."""

    def __init__(self, offset: int = 0) -> None:
        """Start at a byte of a file, by default the first."""
        self.offset = offset
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._tail = b""

    def chunk(self, data: bytes) -> bytes:
        """Check the next bytes and return what of them is JSON; raises `MalformedError`."""
        if self.offset == 0:
            refuse_other_encodings(data)
            body = data.removeprefix(codecs.BOM_UTF8)
            self.offset = len(data) - len(body)
            data = body
        self._check_utf8(data)
        if control := _CONTROL.search(data):
            raise MalformedError(Code.BAD_SYNTAX, f"a control character stands at byte {self.offset + control.start()}")
        self._check_escapes(self._tail + data, final=False)
        self.offset += len(data)
        return data

    def end(self) -> None:
        """Check what only the end of a whole document shows; raises `MalformedError`."""
        self._check_escapes(self._tail, final=True)

    def _check_utf8(self, data: bytes) -> None:
        kept = len(self._decoder.getstate()[0])
        try:
            self._decoder.decode(data)
        except UnicodeDecodeError as error:
            at = self.offset - kept + error.start
            raise MalformedError(Code.BAD_ENCODING, f"not UTF-8 at byte {at}", _HINT_ENCODING) from None

    def _check_escapes(self, data: bytes, *, final: bool) -> None:
        if b"\\" not in data:
            self._tail = b""
            return
        # An escape that may go on in the next chunk is kept for then, and looked at from its first byte.
        limit = len(data) if final else len(data) - _LONGEST_ESCAPE + 1
        done = 0
        for escape in _ESCAPE.finditer(data):
            if escape.start() >= limit:
                break
            done = escape.end()
            if escape[1]:
                at = self.offset - len(self._tail) + escape.start()
                raise MalformedError(Code.BAD_SYNTAX, f"half of a surrogate pair stands before byte {at}")
        self._tail = data[max(done, limit) :]
