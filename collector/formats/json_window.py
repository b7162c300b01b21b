"""A sliding window of text over a stream of UTF-8 bytes, for a reader that takes whole values out of it.

Invariants: the window holds what was not taken yet and nothing else, so its size is the reader's choice; it at least
doubles each time, so a value that does not fit is looked at again only a few times and all stays linear.
"""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING, BinaryIO

from collector.formats.json_bytes import refuse_other_encodings
from shared.errors import Code, MalformedError

if TYPE_CHECKING:
    from collector.formats.limits import Limits

_SPACE = re.compile(r"[ \t\r\n]*")
_STRUCTURE = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[\]{}]', re.DOTALL)
_HINT = "write the report in UTF-8"
_BROKEN_CHARACTER = "\N{REPLACEMENT CHARACTER}"
_BYTE_ORDER_MARK = "\N{ZERO WIDTH NO-BREAK SPACE}"


class Window:
    """The text that is at hand, the place in it that is read next, and whether nothing follows.

    `unclosed` are the places of containers that are known to go on behind the text.
    """

    def __init__(self, stream: BinaryIO, limits: Limits) -> None:
        """Start at the first byte of a file, with nothing at hand."""
        self.text = ""
        self.at = 0
        self.ended = False
        self.unclosed: frozenset[int] = frozenset()
        self._stream = stream
        self._chunk_bytes = limits.chunk_bytes
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._bytes_read = 0
        self._begun = False

    @property
    def left(self) -> int:
        """How many characters are at hand."""
        return len(self.text) - self.at

    @property
    def offset(self) -> int:
        """The number of the byte that is read next."""
        pending = self._decoder.getstate()[0]
        return self._bytes_read - len(pending) - len(self.text[self.at :].encode())

    def more(self) -> None:
        """Drop what was taken and get at least as much again as is left; raises `MalformedError`, `bad_encoding`."""
        pieces = [self.text[self.at :]]
        wanted = max(self._chunk_bytes, self.left)
        while wanted > 0 and not self.ended:
            chunk = self._stream.read(self._chunk_bytes)
            pieces.append(self._decoded(chunk))
            wanted -= len(chunk)
            self.ended = not chunk
        self.text = "".join(pieces)
        self.at = 0
        self.unclosed = frozenset()

    def mark_unclosed(self, most: int) -> None:
        """Find the containers, `most` of them, that begin in the window and do not end there: `unclosed`."""
        places: list[int] = []
        for mark in _STRUCTURE.finditer(self.text, self.at):
            if mark[0] in "[{":
                places.append(mark.start())
                if len(places) > most:
                    break
            elif mark[0] in "]}" and places:
                places.pop()
        self.unclosed = frozenset(places)

    def skip_space(self) -> bool:
        """Go on to the next character that is no white space; False where there is none in the whole file."""
        while True:
            space = _SPACE.match(self.text, self.at)
            self.at = space.end() if space else self.at
            if self.at < len(self.text):
                return True
            if self.ended:
                return False
            self.more()

    def _decoded(self, chunk: bytes) -> str:
        if self._bytes_read == 0:
            refuse_other_encodings(chunk)
        pending = len(self._decoder.getstate()[0])
        try:
            text = self._decoder.decode(chunk)
        except UnicodeDecodeError as error:
            at = self._bytes_read - pending + error.start
            raise MalformedError(Code.BAD_ENCODING, f"not UTF-8 at byte {at}", _HINT) from None
        if text and not self._begun:
            self._begun, text = True, text.removeprefix(_BYTE_ORDER_MARK)
        self._bytes_read += len(chunk)
        # A character that the end of the file cuts is no character; it cannot be told from a file that was cut.
        return text if chunk or not pending else _BROKEN_CHARACTER
