"""The parsing child: reads one file after the other from its standard input, and answers each on its standard output.

A program: `python -I -m collector.parsing.child MEMORY_BYTES`. Invariants: it ends when the collector does; an
exception out of a reader is answered, never shown; it keeps nothing of one file for the next.
"""

from __future__ import annotations

import gc
import io
import os
import sys
from pathlib import PurePath
from typing import TYPE_CHECKING, NoReturn

from collector.formats import FORMATS, Limits
from collector.parsing.answers import Why, encode_claim, encode_error, encode_failure
from collector.parsing.confine import confine
from collector.parsing.frames import LENGTH, READY, decode_request, frame
from shared.errors import MalformedError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_IN, _OUT = 0, 1
_SKIP_BYTES = 64 << 10
_NO_MEMORY = encode_failure(Why.MEMORY, "")
"""Made ahead: when it is due, there is no memory to make it."""


class _File(io.RawIOBase):
    """The file of one request, as a stream; what nobody wanted of it is skipped."""

    def __init__(self) -> None:
        self._left = 0
        self._ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        if self._left == 0 and not self._ended:
            self._left = _length()
            self._ended = self._left == 0
        if self._ended:
            return 0
        taken = os.readv(_IN, [memoryview(buffer)[: self._left]])
        if taken == 0:
            _end()
        self._left -= taken
        return taken

    def skip(self) -> None:
        """Read to the end."""
        while not self._ended:
            self.readinto(bytearray(_SKIP_BYTES))


def _end() -> NoReturn:
    """The collector is gone: there is nobody to answer, and nothing to tidy up."""
    os._exit(0)


def _exactly(count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = os.read(_IN, count - len(data))
        if not more:
            _end()
        data += more
    return data


def _length() -> int:
    (length,) = LENGTH.unpack(_exactly(LENGTH.size))
    return int(length)


def _say(answer: bytes) -> None:
    left = memoryview(frame(answer))
    while left:
        left = left[os.write(_OUT, left) :]


def _read(request: bytes, file: _File) -> bytes:
    try:
        asked = decode_request(request)
        reader = next(row for row in FORMATS if row.key == asked.format)
        limits = Limits()
        return encode_claim(reader.read(io.BufferedReader(file, limits.chunk_bytes), asked.thresholds, limits))
    except MalformedError as error:
        return encode_error(error)
    except MemoryError:
        return _NO_MEMORY
    except Exception as error:  # noqa: BLE001 - this program's main: whatever one file does is answered
        return encode_failure(Why.BUG, f"{type(error).__name__} {_where(error)}")


def _where(error: Exception) -> str:
    """Say where in our code it happened; the error's own words may quote the file, and are left out."""
    at = error.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    return "" if at is None else f"in {PurePath(at.tb_frame.f_code.co_filename).name}:{at.tb_lineno}"


def main() -> NoReturn:
    """Answer until nobody asks any more."""
    confine(int(sys.argv[1]))
    gc.freeze()
    _say(READY)
    while True:
        request = _exactly(_length())
        file = _File()
        _say(_read(request, file))
        file.skip()


if __name__ == "__main__":
    main()
