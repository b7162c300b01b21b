"""A fork that the receiver found in this spool's stream: an alarm that stands until a person has seen to it.

Runs within the caller's transaction, the one that keeps the receipt.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime

from shared.encoding import format_time
from shared.errors import Code

FORKED = "stream_forked"

_WHAT_TO_DO = (
    "what is captured from here on helps no decision until two people at the receiver release it; look for a copy of"
    " this host, of its key or of its spool, stop it, and enrol this host anew with a new state directory; no new key"
    " is made until this alarm is cleared"
)


def note(connection: sqlite3.Connection, held: Sequence[tuple[int, str | None]], now: datetime) -> None:
    """Raise the alarm where a receipt holds entries (place, code) for a fork and none stands."""
    forked = [place for place, code in held if code == Code.FORKED]
    if not forked or stands(connection):
        return
    detail = f"the receiver has another entry of this stream than ours at {min(forked)} or before; {_WHAT_TO_DO}"
    connection.execute(
        "INSERT INTO alarm (name, detail, raised_at) VALUES (?, ?, ?)", (FORKED, detail, format_time(now))
    )


def stands(connection: sqlite3.Connection) -> bool:
    """Say whether the alarm stands."""
    return connection.execute("SELECT 1 FROM alarm WHERE name = ?", (FORKED,)).fetchone() is not None
