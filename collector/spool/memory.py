"""What the spool remembers of files: seen ones by their stat, unreadable ones by their reason.

Names of files are bytes on Linux and may be no UTF-8, so they are kept as bytes; devices and inodes are unsigned and
SQLite's integers are not, so they wrap.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime
from typing import TypeAlias

from collector.readiness import Look
from collector.spool.values import Aside, FileSeen, SetAside
from shared.encoding import format_time, parse_time

_HALF, _WHOLE = 1 << 63, 1 << 64
_MAX_TEXT = 1_000

LookRow: TypeAlias = tuple[bytes, int, int, int, int, int]
"""A path and how the file there looked, as SQLite has both."""

_UPSERT = """
    INSERT INTO file (root, path, size, mtime_ns, ctime_ns, device, inode, sha256, unknown_to)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (root, path) DO UPDATE SET size = excluded.size, mtime_ns = excluded.mtime_ns,
        ctime_ns = excluded.ctime_ns, device = excluded.device, inode = excluded.inode,
        sha256 = excluded.sha256, there = 1, unknown_to = excluded.unknown_to
"""


def path_bytes(path: str) -> bytes:
    """The name as the file system has it."""
    return path.encode("utf-8", "surrogateescape")


def path_text(path: bytes) -> str:
    """The name as Python has it."""
    return path.decode("utf-8", "surrogateescape")


def storable(text: str) -> str:
    """A text for people that SQLite can keep, whatever a file or a peer put into it; at most 1,000 characters."""
    return text[:_MAX_TEXT].encode("utf-8", "backslashreplace").decode()


def _signed(number: int) -> int:
    return number - _WHOLE if number >= _HALF else number


def _unsigned(number: int) -> int:
    return number + _WHOLE if number < 0 else number


def _row(
    file: FileSeen, unknown_to: str | None = None
) -> tuple[str, bytes, int, int, int, int, int, bytes, str | None]:
    return (
        file.root,
        path_bytes(file.path),
        file.size,
        file.mtime_ns,
        file.ctime_ns,
        _signed(file.device),
        _signed(file.inode),
        file.sha256,
        unknown_to,
    )


def remember(connection: sqlite3.Connection, files: Sequence[FileSeen], unknown_to: str | None) -> None:
    """Keep how these files look, so that their content is not hashed again until that changes.

    `unknown_to` is the version that knew no format for them; None where they were taken.
    """
    connection.executemany(_UPSERT, [_row(file, unknown_to) for file in files])


def forget_unknown(connection: sqlite3.Connection, version: str) -> int:
    """Forget the files that another version knew no format for, since this one may; gives how many."""
    found = connection.execute(
        "UPDATE file SET there = 0 WHERE there = 1 AND unknown_to != ? RETURNING number", (version,)
    ).fetchall()
    for (number,) in found:
        drop_if_unused(connection, number)
    return len(found)


def remember_one(connection: sqlite3.Connection, file: FileSeen) -> int:
    """Keep how a file looks; gives its number."""
    found: tuple[int] = connection.execute(_UPSERT + " RETURNING number", _row(file)).fetchone()
    return found[0]


def seen(connection: sqlite3.Connection, root: str, path: str) -> FileSeen | None:
    """Give how a file looked when it was last hashed; None where it is not known or was gone since."""
    row = connection.execute(
        "SELECT size, mtime_ns, ctime_ns, device, inode, sha256 FROM file WHERE root = ? AND path = ? AND there = 1",
        (root, path_bytes(path)),
    ).fetchone()
    if row is None:
        return None
    size, mtime_ns, ctime_ns, device, inode, sha256 = row
    return FileSeen(root, path, size, mtime_ns, ctime_ns, _unsigned(device), _unsigned(inode), sha256)


def looks_after(connection: sqlite3.Connection, root: str, path: bytes, limit: int) -> list[LookRow]:
    """Give how the next files of a root looked, in the order of their paths' bytes, beginning after `path`."""
    return connection.execute(
        "SELECT path, size, mtime_ns, ctime_ns, device, inode FROM file WHERE root = ? AND there = 1 AND path > ?"
        " ORDER BY path LIMIT ?",
        (root, path, limit),
    ).fetchall()


def look_row(path: str, look: Look) -> LookRow:
    """Write a look as `looks_after` gives it."""
    return path_bytes(path), look.size, look.mtime_ns, look.ctime_ns, _signed(look.device), _signed(look.inode)


def forget(connection: sqlite3.Connection, root: str, gone: Sequence[str]) -> None:
    """Forget files that are gone, and with them what was observed in entries that are gone too.

    An observation whose entry is still here stays with it, and so does the file's name, for whoever lists the entry.
    """
    for path in map(path_bytes, gone):
        connection.execute("DELETE FROM aside WHERE root = ? AND path = ?", (root, path))
        row = connection.execute(
            "UPDATE file SET there = 0 WHERE root = ? AND path = ? RETURNING number", (root, path)
        ).fetchone()
        if row is not None:
            connection.execute(
                "DELETE FROM observation WHERE file = ?"
                " AND NOT EXISTS (SELECT 1 FROM entry WHERE entry.sequence = observation.sequence)",
                row,
            )
            drop_if_unused(connection, row[0])


def drop_if_unused(connection: sqlite3.Connection, number: int) -> None:
    """Delete a file that is gone once nothing that was observed in it is left."""
    connection.execute(
        "DELETE FROM file WHERE number = ? AND there = 0"
        " AND NOT EXISTS (SELECT 1 FROM observation WHERE file = file.number)",
        (number,),
    )


def set_aside(connection: sqlite3.Connection, root: str, path: str, aside: Aside, now: datetime) -> None:
    """Put a file on the list of unreadable ones, or renew what the list says."""
    connection.execute(
        "INSERT OR REPLACE INTO aside (root, path, reason, place, hint, at) VALUES (?, ?, ?, ?, ?, ?)",
        (
            root,
            path_bytes(path),
            storable(aside.reason),
            None if aside.where is None else storable(aside.where),
            None if aside.hint is None else storable(aside.hint),
            format_time(now),
        ),
    )


def clear_aside(connection: sqlite3.Connection, root: str, path: str) -> None:
    """Take a file off the list."""
    connection.execute("DELETE FROM aside WHERE root = ? AND path = ?", (root, path_bytes(path)))


def asides(connection: sqlite3.Connection) -> list[SetAside]:
    """Give the list of unreadable files by root and path."""
    return [
        SetAside(root, path_text(path), Aside(reason, where, hint), parse_time(at))
        for root, path, reason, where, hint, at in connection.execute(
            "SELECT root, path, reason, place, hint, at FROM aside ORDER BY root, path"
        )
    ]
