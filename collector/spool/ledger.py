"""The ledger: one row for each envelope and each destination it was sent to, written before it is and kept for ever.

Every function runs within the caller's transaction. Rows are found by their place, which rises, and not by their id,
which is random: an index of ids would cost a page of the disk for each entry of a batch. The id is compared besides,
since a salvaged entry may get a place that another one had.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable
from contextlib import suppress
from datetime import datetime

from collector.leaving import Departure, Destination, Kind, Leaving, Outcome, Reply
from collector.spool.errors import DamagedError
from collector.spool.sqlite import dbapi
from shared.encoding import format_time, parse_time
from shared.errors import MalformedError

_AGAIN = """
    UPDATE departure SET times = times + 1, last_at = :at
    WHERE place = :place AND kind = :kind AND id = :id AND destination = :to
"""
# What has no place is signed anew each time: it is among the last that left, or was never sent before.
_AGAIN_LATELY = """
    UPDATE departure SET times = times + 1, last_at = :at
    WHERE number > (SELECT max(number) FROM departure) - 1000 AND id = :id AND destination = :to
"""
_ANSWERED = """
    UPDATE departure SET outcome = :outcome WHERE number > (SELECT max(number) FROM departure) - 1000 AND id = :id
"""
_TOLD = """
    UPDATE departure SET outcome = :outcome
    WHERE place = :place AND kind = :kind AND id = :id AND destination = :to
"""
_FIRST = "INSERT INTO departure (kind, id, place, size, destination, first_at, last_at) VALUES (?, ?, ?, ?, ?, ?, ?)"
_ROWS = """
    SELECT departure.number, kind, id, place, size, origin, receiver, workspace, first_at, last_at, times, outcome
    FROM departure JOIN destination ON destination.number = departure.destination
"""
_PAGE = f"{_ROWS} WHERE departure.number > ? ORDER BY departure.number LIMIT ?"
_TYPES = (int, str, bytes, int | None, int, str, str, str, str, str, int, str | None)
"""Of a row; a damaged file may hold others."""
_BEFORE_ALL = -(1 << 63)


def leave(connection: sqlite3.Connection, leaving: Iterable[Leaving], to: Destination, now: datetime) -> None:
    """Write down that these envelopes are sent now, for the first time or again; a heartbeat uses its number up."""
    at, number = format_time(now), _number_of(connection, to)
    for one in leaving:
        key = {"at": at, "id": one.id, "kind": one.kind.value, "place": one.place, "to": number}
        if not connection.execute(_AGAIN_LATELY if one.place is None else _AGAIN, key).rowcount:
            connection.execute(_FIRST, (one.kind.value, one.id, one.place, one.size, number, at, at))
        if one.kind is Kind.HEARTBEAT:
            connection.execute("UPDATE spool SET beat = max(beat, ?)", (one.place,))


def _number_of(connection: sqlite3.Connection, to: Destination) -> int:
    key = (to.origin, to.receiver, to.workspace)
    row = connection.execute(
        "SELECT number FROM destination WHERE origin = ? AND receiver = ? AND workspace = ?", key
    ).fetchone()
    if row is None:
        row = connection.execute(
            "INSERT INTO destination (origin, receiver, workspace) VALUES (?, ?, ?) RETURNING number", key
        ).fetchone()
    found: tuple[int] = row
    return found[0]


def note_told(connection: sqlite3.Connection, reply: Reply) -> None:
    """Write down what a believed receipt said; the newest word counts."""
    number = _number_of(connection, reply.to)
    connection.executemany(
        _TOLD,
        (
            {
                "outcome": one.outcome.value,
                "place": one.place,
                "kind": one.kind.value,
                "id": one.id,
                "to": number,
            }
            for one in reply.told
        ),
    )


def note_answered(connection: sqlite3.Connection, one: Leaving) -> None:
    """Write down that something that no receipt names was answered."""
    connection.execute(_ANSWERED, {"outcome": Outcome.ANSWERED.value, "id": one.id})


def departures(
    connection: sqlite3.Connection, since: datetime | None, kinds: Collection[Kind], after: int | None, limit: int
) -> tuple[list[Departure], int | None]:
    """Look at the next `limit` rows behind a row number, in the order in which they left first.

    Gives those of them that were sent at `since` or later and are of one of the kinds (of any, where none is named),
    and the number to go on behind, None at the end. A piece is bounded, however few of its rows are asked for: the
    daemon waits for whoever reads.
    """
    rows = connection.execute(_PAGE, (_BEFORE_ALL if after is None else after, limit)).fetchall()
    wanted, earliest = {one.value for one in kinds or Kind}, "" if since is None else format_time(since)
    found = [_departure(*row[1:]) for row in rows if row[1] in wanted and row[9] >= earliest]
    return found, rows[-1][0] if len(rows) == limit else None


def readable(connection: sqlite3.Connection) -> list[Departure]:
    """Give what can be read of the ledger of a damaged file, in order: from either end up to where SQLite gives up."""
    found: dict[int, Departure] = {}
    for order in ("ASC", "DESC"):
        with suppress(dbapi.Error):
            for row in connection.execute(f"{_ROWS} ORDER BY departure.number {order}"):
                if row[0] in found:
                    break
                if all(isinstance(value, type_) for value, type_ in zip(row, _TYPES, strict=True)):
                    with suppress(DamagedError):
                        found[row[0]] = _departure(*row[1:])
    return [found[number] for number in sorted(found)]


def take_over(connection: sqlite3.Connection, departures: Iterable[Departure]) -> None:
    """Put the rows of an older ledger in front of this one, but none twice.

    Their places were those of another stream, so they get none; but for entries that were queued again here.
    """
    known = set(connection.execute("SELECT id, destination FROM departure").fetchall())
    new = [(one, number) for one in departures if (one.what.id, number := _number_of(connection, one.to)) not in known]
    (lowest,) = connection.execute("SELECT coalesce(min(number), 1) FROM departure").fetchone()
    connection.executemany(
        "INSERT INTO departure (number, kind, id, size, destination, first_at, last_at, times, outcome)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            (
                lowest - len(new) + index,
                one.what.kind.value,
                one.what.id,
                one.what.size,
                number,
                format_time(one.first_at),
                format_time(one.last_at),
                one.times,
                None if one.outcome is None else one.outcome.value,
            )
            for index, (one, number) in enumerate(new)
        ),
    )
    connection.execute(
        "UPDATE departure SET place = entry.sequence FROM entry"
        " WHERE entry.sequence < 0 AND entry.id = departure.id AND departure.kind = ?",
        (Kind.COLLECTED.value,),
    )


def _departure(  # noqa: PLR0913, PLR0917 (the columns of one row)
    kind: str,
    entry_id: bytes,
    place: int | None,
    size: int,
    origin: str,
    receiver: str,
    workspace: str,
    first_at: str,
    last_at: str,
    times: int,
    outcome: str | None,
) -> Departure:
    try:
        return Departure(
            what=Leaving(Kind(kind), entry_id, size, place),
            to=Destination(origin, receiver, workspace),
            first_at=parse_time(first_at),
            last_at=parse_time(last_at),
            times=times,
            outcome=None if outcome is None else Outcome(outcome),
        )
    except (MalformedError, ValueError) as error:
        raise DamagedError(f"a row of the ledger cannot be read: {error}") from error
