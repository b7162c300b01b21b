"""What was read of a database is not read again while that is as it was: the same question, the same rows.

Invariants: what is given was read by the same connection, of the very state that its transaction sees (`PRAGMA
data_version` of SQLite, by which it trusts its own cache of pages); a connection that writes reads everything anew, as
every connection to a server does. Whoever asks keeps to two things: nothing but the key and the database goes into what
is read, so no time, and nobody changes what is given.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from sqlalchemy import Connection

T = TypeVar("T")

_INFO = "unchanged"
_MOST = 5_000
"""Rows that a connection remembers; of a release there are some hundreds."""


class _Seen:
    """What a connection read of one state of its database."""

    def __init__(self) -> None:
        self.state: object = None
        self.is_checked = False
        self.rows = 0
        self.found: dict[Hashable, Any] = {}


def remember(info: dict[Any, Any]) -> None:
    """Let a new connection remember what it reads, by its `info`; it never writes."""
    info[_INFO] = _Seen()


def begun(connection: Connection) -> None:
    """Note that a transaction begins: what is remembered may be of another state."""
    connection.info[_INFO].is_checked = False


def once(tx: Connection, key: Hashable, read: Callable[[], T], size: Callable[[T], int] = lambda _: 1) -> T:
    """Give what `read` gives, without asking where the same was read of the same state; raises what it raises.

    `key` names what is read and all that it depends on but the database; `size` says of how many rows it is.
    """
    seen: _Seen | None = tx.info.get(_INFO)
    if seen is None:
        return read()
    if not seen.is_checked:
        state = tx.exec_driver_sql("PRAGMA data_version").scalar_one()
        if state != seen.state:
            seen.state, seen.rows, seen.found = state, 0, {}
        seen.is_checked = True
    if key in seen.found:
        kept: T = seen.found[key]
        return kept
    found = read()
    rows = size(found)
    if rows <= _MOST:
        if seen.rows + rows > _MOST:
            seen.rows, seen.found = 0, {}
        seen.rows += rows
        seen.found[key] = found
    return found
