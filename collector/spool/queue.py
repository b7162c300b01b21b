"""The queue itself: store with a place in the stream, look at the head, settle by receipt.

Every function runs within the caller's transaction; none commits.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime

from collector.keys import Rotation
from collector.spool import memory, rotations
from collector.spool.errors import SpoolFull
from collector.spool.states import State, check_move, read_state
from collector.spool.values import Candidate, Entry, Put
from shared.dsse import Envelope
from shared.encoding import format_time
from shared.errors import Code, StateError
from shared.keys import PublicKey
from shared.predicates import StreamLink
from shared.stream import Head

_MOVE = "UPDATE entry SET state = ?, ended_at = ?, receipt = ?, reason = ?, detail = ? WHERE sequence = ?"


def head(connection: sqlite3.Connection) -> Head:
    """Give the end of the stream."""
    stream_id, next_sequence, last_id = connection.execute(
        "SELECT stream_id, next_sequence, last_id FROM spool"
    ).fetchone()
    return Head(stream_id, next_sequence, last_id)


def undelivered_bytes(connection: sqlite3.Connection) -> int:
    """Count the bytes of envelopes that nobody has receipted: what the quota is about."""
    found: tuple[int] = connection.execute(
        "SELECT sum(bytes) FROM tally WHERE state IN ('pending', 'quarantined')"
    ).fetchone()
    return found[0]


def put(
    connection: sqlite3.Connection,
    candidates: Sequence[Candidate],
    epoch: str,
    now: datetime,
    quota_bytes: int,
) -> list[Put]:
    """Store the candidates that are new, each at the next place of the stream; raises `SpoolFull`."""
    end = head(connection)
    room = quota_bytes - undelivered_bytes(connection)
    stored_at, signing = format_time(now), rotations.signing_key_id(connection)
    done: list[Put] = []
    for one in candidates:
        known = connection.execute(
            "SELECT observation.sequence, entry.id FROM observation LEFT JOIN entry USING (sequence)"
            " WHERE observation.id = ?",
            (one.observation_id,),
        ).fetchone()
        file = _remember(connection, one, now)
        if known is not None:
            done.append(Put(known[0], known[1], new=False))
            continue
        if room <= 0:
            raise _over_quota(quota_bytes)
        envelope = one.seal(end.link(epoch))
        rotations.check_signer(signing, envelope.key_id)
        data = envelope.to_bytes()
        room -= len(data)
        if room < 0:
            raise _over_quota(quota_bytes)
        sequence = end.next_sequence
        insert(connection, sequence, envelope.id, data, State.PENDING, stored_at)
        connection.execute(
            "INSERT INTO observation (sequence, id, file) VALUES (?, ?, ?)", (sequence, one.observation_id, file)
        )
        end = end.after(envelope.id)
        done.append(Put(sequence, envelope.id, new=True))
    connection.execute("UPDATE spool SET next_sequence = ?, last_id = ?", (end.next_sequence, end.last_id))
    return done


def rotate(
    connection: sqlite3.Connection,
    keys: tuple[PublicKey, PublicKey],
    seal: Callable[[StreamLink], Envelope],
    epoch: str,
    now: datetime,
) -> Rotation:
    """Store a rotation from the first key to the second at the next place of the stream; the quota does not count.

    Raises `TryLaterError` where another key than the first signs by now.
    """
    old, new = keys
    rotations.check_signer(rotations.signing_key_id(connection), old.key_id)
    end = head(connection)
    envelope = seal(end.link(epoch))
    data = envelope.to_bytes()
    done = Rotation(end.next_sequence, envelope.id, old, new, data, now, delivered=False)
    insert(connection, done.place, done.id, data, State.PENDING, format_time(now))
    rotations.insert(connection, done)
    end = end.after(done.id)
    connection.execute("UPDATE spool SET next_sequence = ?, last_id = ?", (end.next_sequence, end.last_id))
    return done


def _remember(connection: sqlite3.Connection, one: Candidate, now: datetime) -> int:
    if one.aside is None:
        memory.clear_aside(connection, one.file.root, one.file.path)
    else:
        memory.set_aside(connection, one.file.root, one.file.path, one.aside, now)
    return memory.remember_one(connection, one.file)


def _over_quota(quota_bytes: int) -> SpoolFull:
    return SpoolFull(
        f"the spool holds its quota of {quota_bytes} bytes of undelivered evidence",
        "bring the receiver back, see to what is quarantined, or raise spool.quota_bytes; the files wait",
    )


def insert(
    connection: sqlite3.Connection, sequence: int, entry_id: bytes, data: bytes, state: State, stored_at: str
) -> None:
    """Write an entry and its signed bytes, for the only time."""
    connection.execute(
        "INSERT INTO entry (sequence, id, state, size, stored_at) VALUES (?, ?, ?, ?, ?)",
        (sequence, entry_id, state.value, len(data), stored_at),
    )
    connection.execute("INSERT INTO envelope (sequence, bytes) VALUES (?, ?)", (sequence, data))


def head_entries(connection: sqlite3.Connection, limit: int, max_bytes: int, skip: Collection[int]) -> list[Entry]:
    """Give the oldest pending entries, at least one, else as many as fit; entries in `skip` are passed over.

    Rotations go by themselves, and nothing behind one goes before its receipt.
    """
    passed_over = frozenset(skip)
    found: list[Entry] = []
    total = 0
    for sequence, entry_id, size in connection.execute(
        "SELECT sequence, id, size FROM entry WHERE state = 'pending' AND sequence < ? ORDER BY sequence",
        (rotations.withheld_from(connection),),
    ):
        if len(found) >= limit:
            break
        if sequence in passed_over:
            continue
        total += size
        if found and total > max_bytes:
            break
        row = connection.execute("SELECT bytes FROM envelope WHERE sequence = ?", (sequence,)).fetchone()
        # An entry that lost its bytes is handed out all the same: it fails its check, and is quarantined for that.
        found.append(Entry(sequence, entry_id, b"" if row is None else row[0]))
    return found


def settle(
    connection: sqlite3.Connection,
    receipt: tuple[bytes, bytes, datetime],
    delivered: Iterable[int],
    quarantined: Iterable[tuple[int, str, str]],
    now: datetime,
    held: Collection[int] = (),
) -> None:
    """End pending entries as a receipt (id, bytes, time of receipt) says, and keep the receipt.

    `held` are those of the delivered that help no decision as yet: a rotation among them introduces nothing. What is no
    longer pending is passed over: a person may have dropped it while the request was in flight, and a receipt may come
    twice.
    """
    receipt_id, data, received_at = receipt
    number = connection.execute(
        "INSERT INTO receipt (id, bytes, received_at) VALUES (?, ?, ?)",
        (receipt_id, data, format_time(received_at)),
    ).lastrowid
    ended_at = format_time(now)
    ends: list[tuple[State, int, str | None, str | None]] = [
        *((State.DELIVERED, one, None, None) for one in delivered),
        *((State.QUARANTINED, one, memory.storable(code), memory.storable(text)) for one, code, text in quarantined),
    ]
    rotations.note_delivered(connection, [one for state, one, _, _ in ends if state is State.DELIVERED], held)
    settled: list[int] = []
    for state, sequence, code, detail in ends:
        if _state_of(connection, sequence) is State.PENDING:
            connection.execute(_MOVE, (state.value, ended_at, number, code, detail, sequence))
            settled.append(sequence)
    if settled:
        connection.execute(
            "UPDATE receipt SET first = ?, last = ? WHERE number = ?", (min(settled), max(settled), number)
        )
    (before,) = connection.execute("SELECT last_receipt FROM spool").fetchone()
    connection.execute("UPDATE spool SET last_receipt = ?", (number,))
    # A receipt that settled nothing answered a heartbeat, and is of use as the last one only.
    connection.execute("DELETE FROM receipt WHERE number = ? AND first IS NULL", (before,))


def _state_of(connection: sqlite3.Connection, sequence: int) -> State | None:
    row = connection.execute("SELECT state FROM entry WHERE sequence = ?", (sequence,)).fetchone()
    return None if row is None else read_state(row[0])


def state_of(connection: sqlite3.Connection, sequence: int) -> State:
    """Give the state of an entry; raises `StateError` where there is none."""
    found = _state_of(connection, sequence)
    if found is None:
        raise StateError(
            Code.NOT_FOUND, f"there is no entry {sequence}", "it was pruned, or never was; see: spool list"
        )
    return found


def quarantine_damaged(connection: sqlite3.Connection, sequence: int, now: datetime) -> None:
    """Take out an entry whose bytes no longer verify, and forget its file so that the next scan captures it again."""
    found = state_of(connection, sequence)
    if found is State.QUARANTINED:
        return
    check_move(sequence, found, State.QUARANTINED)
    detail = "the stored bytes no longer verify; the file, where it is still there, is captured again"
    connection.execute(
        _MOVE,
        (State.QUARANTINED.value, format_time(now), None, Code.BAD_SIGNATURE.value, detail, sequence),
    )
    connection.execute(
        "UPDATE file SET there = 0 WHERE number = (SELECT file FROM observation WHERE sequence = ?)", (sequence,)
    )
    connection.execute("UPDATE observation SET id = NULL WHERE sequence = ?", (sequence,))


def note_answer(connection: sqlite3.Connection, sequences: Iterable[int], answer: str, now: datetime) -> None:
    """Keep what a request with these entries was answered, for whoever lists them."""
    kept, at = memory.storable(answer), format_time(now)
    connection.executemany(
        "UPDATE entry SET answer = ?, answered_at = ? WHERE sequence = ?", ((kept, at, one) for one in sequences)
    )
