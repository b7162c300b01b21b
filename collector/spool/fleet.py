"""What the receiver says of this spool: how far it has the stream, what it asks, and what must be sent to it again.

Every function runs within the caller's transaction. Invariants, kept by the transaction that keeps the receipt:

- The highest mark that was ever receipted is remembered for good. A receipt below the last mark means that the receiver
  was restored from an older copy: an alarm stands until a person clears it, or until all is back.
- What is to be sent again is written down first and then put back in bounded pieces; a kill between two of them leaves
  the note, and whoever opens the spool next does the rest. What this or a later receipt delivered is not sent again,
  so each entry goes once for each note.
- The mark that a note answers is the last one from then on, so that a receiver that stays there causes no second note;
  one that goes forth and back causes one after a minute, two, four, and so on up to an hour. A day of quiet, and the
  next one is at once again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from collector.obeying import Asked
from collector.spool import rotations
from shared.encoding import canonical, format_time, parse_object, parse_time
from shared.requests import Outcome, Request, RequestKind

RESTORED = "receiver_restored"

_PIECE = 500
"""Entries in one transaction: the ballast has room for what that changes."""
_FIRST_DELAY = timedelta(minutes=1)
_LONGEST_DELAY = timedelta(hours=1)
_DOUBLINGS = 6
_QUIET = timedelta(days=1)
_RANGES_NAMED = 20


@dataclass(frozen=True, slots=True)
class Again:
    """What is sent again: how many entries, how many are gone, and the ranges of those (the first twenty)."""

    entries: int
    pruned: int
    ranges: tuple[tuple[int, int], ...]

    def gone(self) -> str:
        """Name what cannot be sent again; empty where there is nothing."""
        if not self.pruned:
            return ""
        named = ", ".join(str(low) if low == high else f"{low}-{high}" for low, high in self.ranges)
        more = "" if len(self.ranges) < _RANGES_NAMED else " and more"
        return f"; {self.pruned} were pruned and cannot be: {named}{more}"


@dataclass(frozen=True, slots=True)
class Restored:
    """A receiver that has less than it had receipted: its mark now, the highest one before, and what is sent again.

    `again` is None where too little time has passed since the last time.
    """

    mark: int
    receipted: int
    again: Again | None


@dataclass(frozen=True, slots=True)
class Said:
    """What a receipt says beside what it delivers and refuses.

    `mark` is how far the receiver has this stream (-1 for nothing, None where it does not tell), `asked` what it asks
    as far as that was judged, `beat_seconds` an interval that is newly asked for. `held` are those of the delivered
    that the receiver holds, with the code where it gives one.
    """

    mark: int | None = None
    asked: tuple[Asked, ...] = ()
    beat_seconds: float | None = None
    held: tuple[tuple[int, str | None], ...] = ()


NOTHING = Said()


@dataclass(frozen=True, slots=True)
class Told:
    """What a receipt led to: a restored receiver noticed, and the requests with their outcomes."""

    restored: Restored | None
    asked: tuple[Asked, ...]


def note(connection: sqlite3.Connection, said: Said, now: datetime) -> Told:
    """Take what the receipt says that was just kept."""
    restored = None if said.mark is None else _note_mark(connection, said.mark, now)
    if said.beat_seconds is not None:
        connection.execute("UPDATE fleet SET beat_seconds = ?", (said.beat_seconds,))
    return Told(restored, _note_asked(connection, said.asked, now))


def _note_mark(connection: sqlite3.Connection, mark: int, now: datetime) -> Restored | None:
    (last,) = connection.execute("SELECT contiguous FROM spool").fetchone()
    (receipted,) = connection.execute("SELECT receipted FROM fleet").fetchone()
    if mark >= last:
        if mark > last:
            _keep_mark(connection, mark)
        _clear_where_back(connection, mark, max(mark, receipted))
        return None
    again = _note(connection, mark + 1, now)
    if again is not None:
        _keep_mark(connection, mark)
    _raise(connection, Restored(mark, receipted, again), now)
    return Restored(mark, receipted, again)


def _keep_mark(connection: sqlite3.Connection, mark: int) -> None:
    # The last one, and the highest one ever.
    connection.execute("UPDATE spool SET contiguous = ?", (mark,))
    connection.execute("UPDATE fleet SET receipted = max(receipted, ?)", (mark,))


def asked(connection: sqlite3.Connection) -> list[Asked]:
    """Give what the last receipt carried of requests, oldest first."""
    return [
        Asked(Request.from_wire(parse_object(request)), Outcome(outcome), parse_time(asked_at), key_id)
        for request, outcome, asked_at, key_id in connection.execute(
            "SELECT request, outcome, asked_at, key_id FROM asked ORDER BY asked_at, request"
        )
    ]


def _note_asked(connection: sqlite3.Connection, carried: Sequence[Asked], now: datetime) -> tuple[Asked, ...]:
    # In place of what the receipt before it carried.
    done = tuple(_resend(connection, one, now) for one in carried)
    if not done and not connection.execute("SELECT 1 FROM asked LIMIT 1").fetchone():
        return done
    connection.execute("DELETE FROM asked")
    connection.executemany(
        "INSERT INTO asked (request, outcome, asked_at, key_id) VALUES (?, ?, ?, ?)",
        [(canonical(one.request.to_wire()), one.outcome.value, format_time(one.asked_at), one.key_id) for one in done],
    )
    return done


def _resend(connection: sqlite3.Connection, one: Asked, now: datetime) -> Asked:
    since = one.request.since_sequence
    if one.request.kind != RequestKind.RESEND or one.outcome is not Outcome.PUT_OFF or since is None:
        return one
    again = _note(connection, since, now)
    if again is None:
        return one
    return Asked(one.request, Outcome.PARTLY if again.pruned else Outcome.DONE, one.asked_at, one.key_id)


def beat_seconds(connection: sqlite3.Connection) -> float | None:
    """Give the interval of heartbeats that is asked for (seconds)."""
    found: tuple[float | None] = connection.execute("SELECT beat_seconds FROM fleet").fetchone()
    return found[0]


def is_noted(connection: sqlite3.Connection) -> bool:
    """Say whether something is still to be put back."""
    return bool(connection.execute("SELECT resend_since IS NOT NULL FROM fleet").fetchone()[0])


def put_back(connection: sqlite3.Connection) -> int:
    """Put a piece of what is noted back into the queue, lowest places first; gives how many, 0 at the end."""
    since, before = connection.execute("SELECT resend_since, resend_before FROM fleet").fetchone()
    if since is None:
        return 0
    done = connection.execute(
        "UPDATE entry SET state = 'pending', ended_at = NULL, receipt = NULL WHERE sequence IN ("
        " SELECT sequence FROM entry WHERE state = 'delivered' AND sequence >= ? AND (receipt IS NULL OR receipt < ?)"
        " ORDER BY sequence LIMIT ?)",
        (since, before, _PIECE),
    ).rowcount
    if done:
        rotations.forget_delivered(connection)
    else:
        connection.execute("UPDATE fleet SET resend_since = NULL, resend_before = NULL")
    return done


def _note(connection: sqlite3.Connection, since: int, now: datetime) -> Again | None:
    """Note that what lies from `since` on is sent again; None where that was done too short a time ago."""
    noted, at, times = connection.execute("SELECT resend_since, resent_at, resent_times FROM fleet").fetchone()
    before = connection.execute("SELECT last_receipt FROM spool").fetchone()[0]
    if noted is None and at is not None:
        passed = abs(now - parse_time(at))  # a clock that was set back must not keep evidence from the receiver
        if passed < min(_FIRST_DELAY * 2.0 ** min(times - 1, _DOUBLINGS), _LONGEST_DELAY):
            return None
        times = 0 if passed > _QUIET else times
    connection.execute(
        "UPDATE fleet SET resend_since = ?, resend_before = ?, resent_at = ?, resent_times = ?",
        (since if noted is None else min(since, noted), before, format_time(now), times + (noted is None)),
    )
    (entries,) = connection.execute(
        "SELECT count(*) FROM entry WHERE state = 'delivered' AND sequence >= ? AND (receipt IS NULL OR receipt < ?)",
        (since, before),
    ).fetchone()
    ranges = _pruned(connection, since)
    pruned = sum(high - low + 1 for low, high in ranges)
    connection.execute("UPDATE fleet SET pruned = ?", (pruned,))
    return Again(entries, pruned, tuple(ranges[:_RANGES_NAMED]))


def _pruned(connection: sqlite3.Connection, since: int) -> list[tuple[int, int]]:
    """Give the places from `since` on of which nothing is left, as inclusive ranges."""
    (end,) = connection.execute("SELECT next_sequence FROM spool").fetchone()
    ranges = connection.execute(
        "SELECT before + 1, sequence - 1 FROM (SELECT sequence, lag(sequence, 1, ?) OVER (ORDER BY sequence) AS before"
        " FROM entry WHERE sequence >= ?) WHERE sequence > before + 1",
        (since - 1, since),
    ).fetchall()
    (last,) = connection.execute(
        "SELECT coalesce(max(sequence), ?) FROM entry WHERE sequence >= ?", (since - 1, since)
    ).fetchone()
    return ranges if last >= end - 1 else [*ranges, (last + 1, end - 1)]


def _raise(connection: sqlite3.Connection, found: Restored, now: datetime) -> None:
    standing = connection.execute("SELECT number FROM alarm WHERE name = ?", (RESTORED,)).fetchone()
    if standing is not None and found.again is None:
        return
    sent = "they are sent again as soon as enough time has passed since the last time"
    if found.again is not None:
        sent = f"{found.again.entries} entries are sent again{found.again.gone()}"
    detail = (
        f"the receiver has this stream up to {_place(found.mark)} and had receipted it up to {_place(found.receipted)}:"
        f" it was restored from an older copy; {sent}"
    )
    if standing is None:
        connection.execute(
            "INSERT INTO alarm (name, detail, raised_at) VALUES (?, ?, ?)", (RESTORED, detail, format_time(now))
        )
    else:
        connection.execute("UPDATE alarm SET detail = ? WHERE number = ?", (detail, standing[0]))


def _place(mark: int) -> str:
    return "nothing" if mark < 0 else str(mark)


def _clear_where_back(connection: sqlite3.Connection, mark: int, receipted: int) -> None:
    standing = connection.execute("SELECT number FROM alarm WHERE name = ?", (RESTORED,)).fetchone()
    if standing is None:
        return
    pruned, noted = connection.execute("SELECT pruned, resend_since IS NOT NULL FROM fleet").fetchone()
    (waiting,) = connection.execute(
        "SELECT count(*) FROM (SELECT 1 FROM entry WHERE state = 'pending' AND sequence BETWEEN 0 AND ? LIMIT 1)",
        (receipted,),
    ).fetchone()
    # What was refused or dropped keeps a hole open that no sending closes: all is back that can come back.
    if mark >= receipted or not (pruned or noted or waiting):
        connection.execute("DELETE FROM alarm WHERE number = ?", standing)
