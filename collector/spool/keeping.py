"""What happens to entries besides delivery: pruned when old, put back or dropped by a person's word.

Every function runs within the caller's transaction and does a bounded piece of work, so that nobody waits long.
"""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta

from collector.spool import memory, queue, rotations
from collector.spool.states import State, check_move
from shared.encoding import format_time
from shared.errors import Code, StateError

_PIECE = 500
"""Entries in one transaction: the ballast has room for what that changes."""


def prune(connection: sqlite3.Connection, now: datetime, keep_seconds: float, keep_bytes: int) -> int:
    """Delete a piece of what is ended and too old or too much, oldest first; gives how many, 0 at the end.

    Delivered entries go, their observation only where the file is gone. Dropped ones lose their bytes after the same
    time and keep their row: what was dropped is named for ever.
    """
    cutoff = format_time(now - timedelta(seconds=keep_seconds))
    (kept_bytes,) = connection.execute("SELECT bytes FROM tally WHERE state = 'delivered'").fetchone()
    over = kept_bytes - keep_bytes
    gone: list[int] = []
    for sequence, size, ended_at in connection.execute(
        "SELECT sequence, size, ended_at FROM entry WHERE state = 'delivered' ORDER BY sequence LIMIT ?", (_PIECE,)
    ):
        if over <= 0 and ended_at >= cutoff:
            break
        over -= size
        gone.append(sequence)
    for sequence in gone:
        _delete(connection, sequence)
    if gone:
        _delete_unused_receipts(connection)
    return len(gone) + _prune_dropped(connection, cutoff)


def _delete(connection: sqlite3.Connection, sequence: int) -> None:
    connection.execute("DELETE FROM entry WHERE sequence = ?", (sequence,))
    connection.execute("DELETE FROM envelope WHERE sequence = ?", (sequence,))
    row = connection.execute(
        "SELECT file FROM observation JOIN file ON file.number = observation.file"
        " WHERE sequence = ? AND (there = 0 OR observation.id IS NULL)",
        (sequence,),
    ).fetchone()
    if row is not None:
        connection.execute("DELETE FROM observation WHERE sequence = ?", (sequence,))
        memory.drop_if_unused(connection, row[0])


def _delete_unused_receipts(connection: sqlite3.Connection) -> None:
    connection.execute(
        "DELETE FROM receipt WHERE number != (SELECT last_receipt FROM spool) AND NOT EXISTS ("
        " SELECT 1 FROM entry WHERE sequence BETWEEN receipt.first AND receipt.last"
        " AND entry.receipt = receipt.number)"
    )


def _prune_dropped(connection: sqlite3.Connection, cutoff: str) -> int:
    rows = connection.execute(
        "SELECT sequence FROM entry WHERE state = 'dropped' AND size > 0 AND ended_at < ? LIMIT ?", (cutoff, _PIECE)
    ).fetchall()
    connection.executemany("UPDATE entry SET size = 0 WHERE sequence = ?", rows)
    connection.executemany("DELETE FROM envelope WHERE sequence = ?", rows)
    return len(rows)


def retry(connection: sqlite3.Connection, sequence: int | None) -> int:
    """Make one quarantined entry pending again, or all of them; gives how many; raises `StateError`."""
    if sequence is not None:
        found = queue.state_of(connection, sequence)
        if found is not State.QUARANTINED:
            raise StateError(
                Code.CONFLICT,
                f"entry {sequence} is {found}, not quarantined",
                "see: spool list",
            )
    return connection.execute(
        "UPDATE entry SET state = 'pending', ended_at = NULL, receipt = NULL, reason = NULL, detail = NULL"
        " WHERE state = 'quarantined' AND (? IS NULL OR sequence = ?)",
        (sequence, sequence),
    ).rowcount


def drop(connection: sqlite3.Connection, sequence: int, reason: str, by: str, now: datetime) -> None:
    """Record a person's decision that an entry shall never be sent; raises `StateError`."""
    check_move(sequence, queue.state_of(connection, sequence), State.DROPPED)
    if rotations.is_rotation(connection, sequence):
        raise StateError(
            Code.CONFLICT,
            f"entry {sequence} introduces the key that signed everything behind it",
            "keep it; spool retry sends it once more where it was refused",
        )
    connection.execute(
        "UPDATE entry SET state = 'dropped', ended_at = ?, reason = ?, dropped_by = ? WHERE sequence = ?",
        (format_time(now), memory.storable(reason), memory.storable(by), sequence),
    )
