"""What people and heartbeats ask the spool; every function only reads, within the caller's transaction."""

from __future__ import annotations

import sqlite3
from datetime import datetime

from collector.spool import memory, queue
from collector.spool.errors import DamagedError
from collector.spool.states import State, read_state
from collector.spool.values import Alarm, EndedEntry, Listed, Shown, Stats
from shared.encoding import parse_time
from shared.errors import Code, MalformedError, StateError

_BEFORE_ALL = -(1 << 63)

_LISTED = """
    SELECT entry.sequence, entry.id, entry.state, entry.size, stored_at, ended_at, reason, detail, dropped_by,
        answer, answered_at, file.root, file.path
    FROM entry LEFT JOIN observation USING (sequence) LEFT JOIN file ON file.number = observation.file
"""


def stats(connection: sqlite3.Connection, now: datetime, quota_bytes: int, *, refused: bool) -> Stats:
    """Give how the spool stands; `refused` says that the last put found no room."""
    tally = {
        read_state(state): (entries, size)
        for state, entries, size in connection.execute("SELECT state, entries, bytes FROM tally")
    }
    oldest = connection.execute(
        "SELECT stored_at FROM entry WHERE state = 'pending' ORDER BY sequence LIMIT 1"
    ).fetchone()
    oldest_at = None if oldest is None else _time(oldest[0])
    (set_aside,) = connection.execute("SELECT count(*) FROM aside").fetchone()
    used = tally[State.PENDING][1] + tally[State.QUARANTINED][1]
    return Stats(
        pending=tally[State.PENDING][0],
        pending_bytes=tally[State.PENDING][1],
        oldest_pending_at=oldest_at,
        # The wall clock may have been set back since.
        oldest_pending_seconds=0.0 if oldest_at is None else max(0.0, (now - oldest_at).total_seconds()),
        delivered=tally[State.DELIVERED][0],
        quarantined=tally[State.QUARANTINED][0],
        dropped=tally[State.DROPPED][0],
        set_aside=set_aside,
        used_bytes=used,
        quota_bytes=quota_bytes,
        full=refused or used >= quota_bytes,
        head=queue.head(connection),
    )


def ended(connection: sqlite3.Connection, state: State, limit: int) -> tuple[list[EndedEntry], int]:
    """Give the newest of this stream's entries in a state, lowest place first, and how many were left out."""
    (count,) = connection.execute(
        "SELECT count(*) FROM entry WHERE state = ? AND sequence >= 0", (state.value,)
    ).fetchone()
    rows = connection.execute(
        "SELECT sequence, id, reason FROM entry WHERE state = ? AND sequence >= 0 ORDER BY sequence DESC LIMIT ?",
        (state.value, limit),
    ).fetchall()
    return [EndedEntry(sequence, entry_id, reason or "") for sequence, entry_id, reason in reversed(rows)], (
        count - len(rows)
    )


def listed(connection: sqlite3.Connection, state: State | None, limit: int, after: int | None) -> list[Listed]:
    """Give entries by rising place, of one state or of all, behind the place `after`."""
    of_state, wanted = ("", ()) if state is None else (" AND entry.state = ?", (state.value,))
    rows = connection.execute(
        f"{_LISTED} WHERE entry.sequence > ?{of_state} ORDER BY entry.sequence LIMIT ?",
        (_BEFORE_ALL if after is None else after, *wanted, limit),
    )
    return [_listed(*row) for row in rows]


def show(connection: sqlite3.Connection, sequence: int) -> Shown:
    """Give one entry with its bytes and its receipt; raises `StateError` where there is none."""
    row = connection.execute(f"{_LISTED} WHERE entry.sequence = ?", (sequence,)).fetchone()
    if row is None:
        raise StateError(Code.NOT_FOUND, f"there is no entry {sequence}", "see: spool list")
    envelope = connection.execute("SELECT bytes FROM envelope WHERE sequence = ?", (sequence,)).fetchone()
    receipt = connection.execute(
        "SELECT receipt.bytes FROM receipt JOIN entry ON entry.receipt = receipt.number WHERE sequence = ?",
        (sequence,),
    ).fetchone()
    return Shown(_listed(*row), None if envelope is None else envelope[0], None if receipt is None else receipt[0])


def last_receipt(connection: sqlite3.Connection) -> tuple[bytes, datetime] | None:
    """Give the id of the receipt that was believed last, and its time of receipt."""
    row = connection.execute(
        "SELECT id, received_at FROM receipt WHERE number = (SELECT last_receipt FROM spool)"
    ).fetchone()
    return None if row is None else (row[0], _time(row[1]))


def alarms(connection: sqlite3.Connection) -> list[Alarm]:
    """Give the alarms that no person has cleared, oldest first."""
    return [
        Alarm(number, name, detail, _time(raised_at))
        for number, name, detail, raised_at in connection.execute(
            "SELECT number, name, detail, raised_at FROM alarm ORDER BY number"
        )
    ]


def _time(text: str) -> datetime:
    try:
        return parse_time(text)
    except MalformedError as error:
        raise DamagedError(error.detail) from error


def _listed(  # noqa: PLR0913, PLR0917 (the columns of one row)
    sequence: int,
    entry_id: bytes,
    state: str,
    size: int,
    stored_at: str,
    ended_at: str | None,
    reason: str | None,
    detail: str | None,
    by: str | None,
    answer: str | None,
    answered_at: str | None,
    root: str | None,
    path: bytes | None,
) -> Listed:
    return Listed(
        sequence=sequence,
        id=entry_id,
        state=read_state(state),
        size=size,
        stored_at=_time(stored_at),
        ended_at=None if ended_at is None else _time(ended_at),
        reason=reason,
        detail=detail,
        by=by,
        answer=answer,
        answered_at=None if answered_at is None else _time(answered_at),
        root=root,
        path=None if path is None else memory.path_text(path),
    )
