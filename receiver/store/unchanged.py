"""What was read of a database is not read again while that is as it was: the same question, the same rows.

Invariants: what is given was read by the same connection, of the very state that its transaction sees (`PRAGMA
data_version` of SQLite, by which it trusts its own cache of pages); a connection that writes reads everything anew, as
every connection to a server does. Whoever asks keeps to two things: nothing but the key and the database goes into what
is read, so no time, and nobody changes what is given.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sized
from typing import Any, TypeVar

from sqlalchemy import Connection

T = TypeVar("T")

_INFO = "unchanged"
_MOST_BYTES = 2 * 1024 * 1024
"""How much a connection remembers, by what it was read from; of a release that is some hundred kilobytes."""
_ROW_BYTES = 500


class _Seen:
    """What a connection read of one state of its database."""

    def __init__(self) -> None:
        self.state: object = None
        self.is_checked = False
        self.bytes = 0
        self.found: dict[Hashable, Any] = {}


def remember(info: dict[Any, Any]) -> None:
    """Let a new connection remember what it reads, by its `info`; it never writes."""
    info[_INFO] = _Seen()


def begun(connection: Connection) -> None:
    """Note that a transaction begins: what is remembered may be of another state."""
    connection.info[_INFO].is_checked = False


def rows(found: Sized) -> int:
    """Say about how many bytes some rows are."""
    return _ROW_BYTES * (1 + len(found))


def once(tx: Connection, key: Hashable, read: Callable[[], T], size: Callable[[T], int] = lambda _: _ROW_BYTES) -> T:
    """Give what `read` gives, without asking where the same was read of the same state; raises what it raises.

    `key` names what is read and all that it depends on but the database; `size` says of about how many bytes it is.
    """
    seen: _Seen | None = tx.info.get(_INFO)
    if seen is None:
        return read()
    if not seen.is_checked:
        state = tx.exec_driver_sql("PRAGMA data_version").scalar_one()
        if state != seen.state:
            seen.state, seen.bytes, seen.found = state, 0, {}
        seen.is_checked = True
    if key in seen.found:
        kept: T = seen.found[key]
        return kept
    found = read()
    much = size(found)
    if much <= _MOST_BYTES:
        if seen.bytes + much > _MOST_BYTES:
            seen.bytes, seen.found = 0, {}
        seen.bytes += much
        seen.found[key] = found
    return found
