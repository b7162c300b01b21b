"""Key rotations: each takes a place in the stream, and is kept for ever beside it, since it introduces what follows.

Every function runs within the caller's transaction. Invariants: what is stored behind a rotation is signed by the key
that it introduced; a receipt that holds a rotation delivers it, and introduces nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence
from enum import IntEnum

from collector.keys import Rotation
from collector.spool.errors import DamagedError, SignsNoMore
from shared.encoding import format_time, parse_time
from shared.errors import CarnetError
from shared.keys import PublicKey

_NO_SUCH_PLACE = (1 << 63) - 1


class _Receipted(IntEnum):
    """What receipts said of a rotation, as its row keeps it."""

    NOT_YET = 0
    INTRODUCED = 1
    HELD = 2


def insert(connection: sqlite3.Connection, one: Rotation) -> None:
    """Write a rotation into the list that is kept for ever."""
    connection.execute(
        "INSERT INTO rotation (place, id, old_key, new_key, envelope, rotated_at, delivered)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (one.place, one.id, one.old.raw, one.new.raw, one.envelope, format_time(one.rotated_at), _receipted(one)),
    )


def _receipted(one: Rotation) -> _Receipted:
    if one.held:
        return _Receipted.HELD
    return _Receipted.INTRODUCED if one.delivered else _Receipted.NOT_YET


def all_of_them(connection: sqlite3.Connection) -> list[Rotation]:
    """Give every rotation, in their order."""
    return [
        _rotation(*row)
        for row in connection.execute(
            "SELECT place, id, old_key, new_key, envelope, rotated_at, delivered FROM rotation ORDER BY place"
        )
    ]


def _rotation(
    place: int, entry_id: bytes, old: bytes, new: bytes, envelope: bytes, rotated_at: str, delivered: int
) -> Rotation:
    try:
        keys = PublicKey(old), PublicKey(new)
        held = delivered == _Receipted.HELD
        return Rotation(place, entry_id, *keys, envelope, parse_time(rotated_at), bool(delivered), held)
    except CarnetError as error:
        raise DamagedError(f"the rotation at {place}: {error.detail}") from error


def signing_key_id(connection: sqlite3.Connection) -> str | None:
    """Give the id of the key that the last rotation introduced: the one that signs; None where there was none."""
    row = connection.execute("SELECT new_key FROM rotation ORDER BY place DESC LIMIT 1").fetchone()
    return None if row is None else PublicKey(row[0]).key_id


def check_signer(signing: str | None, key_id: str) -> None:
    """Refuse what another key signed than the one that signs now; raises `SignsNoMore`."""
    if signing is not None and signing != key_id:
        raise SignsNoMore(key_id)


def withheld_from(connection: sqlite3.Connection) -> int:
    """Give the place of the first rotation that nobody receipted: what stands behind it is signed by an unknown key."""
    (place,) = connection.execute("SELECT min(place) FROM rotation WHERE delivered = 0").fetchone()
    return _NO_SUCH_PLACE if place is None else int(place)


def note_delivered(connection: sqlite3.Connection, places: Collection[int], held: Collection[int]) -> None:
    """Keep that these rotations were receipted, some of them as held; places of other entries are passed over."""
    said = [(_Receipted.HELD if one in held else _Receipted.INTRODUCED, one) for one in places]
    connection.executemany("UPDATE rotation SET delivered = ? WHERE place = ?", said)


def forget_delivered(connection: sqlite3.Connection) -> None:
    """A restored receiver does not know the rotations whose entries wait to be sent again."""
    connection.execute(
        "UPDATE rotation SET delivered = 0 WHERE delivered <> 0"
        " AND EXISTS (SELECT 1 FROM entry WHERE sequence = place AND state = 'pending')"
    )


def is_rotation(connection: sqlite3.Connection, place: int) -> bool:
    """Say whether a rotation stands at a place."""
    return connection.execute("SELECT 1 FROM rotation WHERE place = ?", (place,)).fetchone() is not None


def take_over(connection: sqlite3.Connection, found: Sequence[Rotation]) -> None:
    """Put the rotations of a spool that was moved aside in front of this one's, in their order, but none twice.

    They belong to another stream: here they have places below zero and no entries. What signs goes on from them. Runs
    in a spool that was just begun.
    """
    known = {row[0] for row in connection.execute("SELECT id FROM rotation")}
    new = [one for one in found if one.id not in known]
    first = min(0, lowest_place(connection)) - len(new)
    for place, one in enumerate(new, first):
        insert(connection, Rotation(place, one.id, one.old, one.new, one.envelope, one.rotated_at, one.delivered))


def lowest_place(connection: sqlite3.Connection) -> int:
    """Give the lowest place that a rotation has; 0 where there is none."""
    found: tuple[int] = connection.execute("SELECT coalesce(min(place), 0) FROM rotation").fetchone()
    return found[0]
