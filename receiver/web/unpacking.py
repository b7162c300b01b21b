"""Unpacks the bodies of requests piece by piece: gzip (RFC 1952) and zstd (RFC 8878).

Invariants: nothing is unpacked before the sender was let in; no more is unpacked than a body may have; a decoder sets
aside no more than 8 MiB for its window (RFC 9659), whatever a frame asks for.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Protocol

from backports import zstd

_GZIP = 16 + zlib.MAX_WBITS
_ZSTD_WINDOW_LOG = 23
_MAX_MEMBERS = 100


class BrokenPackingError(Exception):
    """What came is not what its Content-Encoding says."""


class _Decoder(Protocol):
    """One gzip member or zstd frame."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


def _zstd() -> _Decoder:
    return zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: _ZSTD_WINDOW_LOG})


def _gzip() -> _Decoder:
    return zlib.decompressobj(_GZIP)


_DECODERS: dict[str, Callable[[], _Decoder]] = {"gzip": _gzip, "zstd": _zstd}

ENCODINGS = frozenset({"", "identity", *_DECODERS})
"""The values of Content-Encoding that are known here."""


class Unpacker:
    """Unpacks one body; members that follow each other are one text, as both formats say."""

    def __init__(self, encoding: str) -> None:
        """Take a Content-Encoding out of `ENCODINGS`."""
        self._make = _DECODERS.get(encoding)
        self._decoder = None if self._make is None else self._make()
        self._members = 1

    def feed(self, packed: bytes, most: int) -> bytes:
        """Unpack a piece; gives at most so many bytes, and exactly that many where there may be more.

        Raises `BrokenPackingError`. After as many bytes as were asked for, nothing more may be fed.
        """
        if self._make is None or self._decoder is None:
            return packed[:most]
        found: list[bytes] = []
        try:
            while packed and most > 0:
                if self._decoder.eof:
                    self._next_member()
                piece = self._decoder.decompress(packed, most)
                found.append(piece)
                most -= len(piece)
                packed = self._decoder.unused_data
        except (zlib.error, zstd.ZstdError):
            raise BrokenPackingError from None
        return b"".join(found)

    def end(self) -> None:
        """Say that nothing more comes; raises `BrokenPackingError` in the middle of a member."""
        if self._decoder is not None and not self._decoder.eof:
            raise BrokenPackingError

    def _next_member(self) -> None:
        if self._make is None or self._members == _MAX_MEMBERS:
            raise BrokenPackingError
        self._members += 1
        self._decoder = self._make()
