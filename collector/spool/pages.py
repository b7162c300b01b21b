"""Rows out of the pages of a damaged SQLite file, each page read for itself (sqlite.org/fileformat2.html).

Neither the header nor the tree above the rows is needed, so a bad page costs its own rows and no others. Pages that
were freed may still hold rows as they once were: whoever asks must expect old ones among what comes out.
"""

from __future__ import annotations

from collections.abc import Iterator
from mmap import mmap
from typing import TypeAlias

PAGE_BYTES = 4096
"""Of a spool; `schema` makes no other."""

_FILE_HEADER_BYTES = 100
_TABLE_LEAF = 0x0D
_LEAF_HEADER_BYTES = 8
_MAX_LOCAL = PAGE_BYTES - 35
_MIN_LOCAL = (PAGE_BYTES - 12) * 32 // 255 - 23
_MAX_ROW_BYTES = 4 << 20
_MAX_VARINT_BYTES = 9
_NUMBER_BYTES = (0, 1, 2, 3, 4, 6, 8, 8, 0, 0)
_FIRST_BLOB = 12

Value: TypeAlias = bytes | str | None
Data: TypeAlias = bytes | mmap


def rows(data: Data) -> Iterator[tuple[int, list[Value]]]:
    """Give every row in every leaf page that can be read: its row id, and its texts and blobs (numbers as None)."""
    for start in range(0, len(data) - PAGE_BYTES + 1, PAGE_BYTES):
        header = start + (_FILE_HEADER_BYTES if start == 0 else 0)
        if data[header] != _TABLE_LEAF:
            continue
        count = int.from_bytes(data[header + 3 : header + 5], "big")
        pointers = header + _LEAF_HEADER_BYTES
        for at in range(pointers, min(pointers + 2 * count, start + PAGE_BYTES - 1), 2):
            cell = start + int.from_bytes(data[at : at + 2], "big")
            try:
                yield _row(data, cell, start + PAGE_BYTES)
            except (IndexError, ValueError):
                continue


def _row(data: Data, at: int, end: int) -> tuple[int, list[Value]]:
    size, at = _varint(data, at, end)
    row_id, at = _varint(data, at, end)
    if row_id >= 1 << 63:
        row_id -= 1 << 64
    return row_id, _values(_payload(data, at, end, size))


def _payload(data: Data, at: int, end: int, size: int) -> bytes:
    if size > min(len(data), _MAX_ROW_BYTES):
        raise ValueError(size)
    local = size
    if size > _MAX_LOCAL:
        spilled = _MIN_LOCAL + (size - _MIN_LOCAL) % (PAGE_BYTES - 4)
        local = spilled if spilled <= _MAX_LOCAL else _MIN_LOCAL
    if at + local > end:
        raise ValueError(local)
    parts, missing = [data[at : at + local]], size - local
    following = int.from_bytes(data[at + local : at + local + 4], "big") if missing else 0
    while missing:
        start = (following - 1) * PAGE_BYTES
        if following < 1 or start + PAGE_BYTES > len(data):
            raise ValueError(following)
        parts.append(data[start + 4 : start + 4 + min(missing, PAGE_BYTES - 4)])
        missing -= len(parts[-1])
        following = int.from_bytes(data[start : start + 4], "big")
    return b"".join(parts)


def _values(record: bytes) -> list[Value]:
    header_end, at = _varint(record, 0, len(record))
    body, values = header_end, list[Value]()
    while at < header_end:
        kind, at = _varint(record, at, header_end)
        size = (kind - _FIRST_BLOB) // 2 if kind >= _FIRST_BLOB else _NUMBER_BYTES[kind]
        if body + size > len(record):
            raise ValueError(size)
        piece = record[body : body + size]
        body += size
        if kind < _FIRST_BLOB:
            values.append(None)
        else:
            values.append(piece if kind % 2 == _FIRST_BLOB % 2 else piece.decode())
    return values


def _varint(data: Data, at: int, end: int) -> tuple[int, int]:
    value = 0
    for index in range(_MAX_VARINT_BYTES):
        if at >= end:
            raise ValueError(at)
        byte = data[at]
        at += 1
        if index == _MAX_VARINT_BYTES - 1:
            return value << 8 | byte, at
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            break
    return value, at
