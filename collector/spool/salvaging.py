"""What is readable in a spool that was moved aside is queued again; the damaged file stays as it is.

An entry counts only if it is an envelope in its one spelling, with the id that it was stored under, and only once.
What was delivered is left out where the file says so, and so is what a person dropped. The rest is queued under places
below zero: it belongs to the stream of the damaged spool, whose gaps it closes at the receiver. The ledger is taken
over as far as it can be read, and so are the key's rotations, by whoever begins the fresh spool: they say which key
signs.
"""

from __future__ import annotations

import mmap
import shutil
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from collector.keys import Rotation
from collector.leaving import Departure
from collector.spool import ledger, pages, place, queue, rotations, sqlite
from collector.spool.settings import SpoolSettings
from collector.spool.sqlite import dbapi
from collector.spool.states import State
from shared import dsse
from shared.encoding import format_time, parse_time
from shared.errors import CarnetError, Code, MalformedError, StateError
from shared.keys import PublicKey

_ENTRY_COLUMNS = 12
_ID_BYTES = 32


@dataclass(frozen=True, slots=True)
class Salvaged:
    """An entry read out of a damaged spool: its place there, its attestation id, and its exact bytes."""

    sequence: int
    id: bytes
    envelope: bytes


@dataclass(frozen=True, slots=True)
class Readable:
    """What a damaged spool still gives: its undelivered entries by rising place, and its ledger."""

    entries: list[Salvaged]
    departures: list[Departure]


def read(damaged: Path) -> Readable:
    """Read a damaged spool; raises `StateError` where its file cannot be.

    Works on a copy beside it, into which SQLite may play the journal that was moved along.
    """
    with _copied(damaged) as (data, departures):
        return Readable(_undelivered(pages.rows(data)), departures)


def rotations_of(damaged: Path) -> list[Rotation]:
    """Read the rotations of a damaged spool, in their order; raises `StateError` where its file cannot be."""
    found: dict[bytes, Rotation] = {}
    with _copied(damaged) as (data, _):
        for place_there, values in pages.rows(data):
            match values:
                case [
                    None,
                    bytes() as entry_id,
                    bytes() as old,
                    bytes() as new,
                    bytes() as envelope,
                    str() as rotated_at,
                    None,
                ] if len(entry_id) == _ID_BYTES:
                    with suppress(CarnetError):
                        if dsse.parse(envelope).id == entry_id:
                            keys = (PublicKey(old), PublicKey(new))
                            found[entry_id] = Rotation(
                                place_there, entry_id, *keys, envelope, parse_time(rotated_at), delivered=False
                            )
                case _:
                    pass
    return sorted(found.values(), key=lambda one: one.place)


@contextmanager
def _copied(damaged: Path) -> Iterator[tuple[pages.Data, list[Departure]]]:
    """Give the bytes of a damaged spool once SQLite has played its journal, and its ledger."""
    try:
        with tempfile.TemporaryDirectory(dir=damaged.parent, prefix=".salvage-") as folder:
            copy = Path(folder) / "spool"
            shutil.copyfile(damaged, copy)
            for ending in place.COMPANIONS:
                with suppress(FileNotFoundError):
                    shutil.copyfile(place.beside(damaged, ending), place.beside(copy, ending))
            departures = _play_journal(copy)
            if copy.stat().st_size == 0:
                yield b"", []
                return
            with copy.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                yield data, departures
    except OSError as error:
        raise StateError(
            Code.NOT_FOUND, f"{damaged} cannot be read: {error.strerror}", "name a file that was moved aside"
        ) from error


def _play_journal(copy: Path) -> list[Departure]:
    """Have SQLite open the copy; gives the ledger as far as SQLite reads it."""
    with suppress(dbapi.Error):
        connection = sqlite.connect(copy, SpoolSettings(), sqlite.Access.LOOK)
        try:
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            return ledger.readable(connection)
        finally:
            connection.close()
    return []


def _undelivered(rows: Iterable[tuple[int, list[pages.Value]]]) -> list[Salvaged]:
    said: dict[int, set[str]] = {}
    ids: dict[int, set[bytes]] = {}
    found: dict[bytes, Salvaged] = {}
    for sequence, values in rows:
        match values:
            case [None, bytes() as data] if data:
                with suppress(MalformedError):
                    entry_id = dsse.parse(data).id
                    found[entry_id] = Salvaged(sequence, entry_id, data)
            case [None, bytes() as entry_id, str() as state, *_] if (
                len(values) == _ENTRY_COLUMNS and len(entry_id) == _ID_BYTES
            ):
                said.setdefault(sequence, set()).add(state)
                ids.setdefault(sequence, set()).add(entry_id)
            case _:
                pass
    # A page that was freed may hold an older word on an entry: delivered counts only where nothing says otherwise.
    ended = {
        sequence
        for sequence, states in said.items()
        if State.DROPPED.value in states or states == {State.DELIVERED.value}
    }
    good = (one for one in found.values() if one.sequence not in ended and one.id in ids.get(one.sequence, {one.id}))
    return sorted(good, key=lambda one: one.sequence)


def requeue(connection: sqlite3.Connection, found: Readable, now: datetime) -> list[Salvaged]:
    """Put salvaged entries in front of the queue, in their order, but none twice; gives those that were new.

    The ledger of the damaged spool goes in front of this one.
    """
    rows = connection.execute("SELECT sequence, id FROM entry WHERE sequence < 0").fetchall()
    known, lowest = {row[1] for row in rows}, min(0, *(row[0] for row in rows), rotations.lowest_place(connection))
    new = [one for one in found.entries if one.id not in known]
    for number, one in enumerate(new):
        queue.insert(connection, lowest - len(new) + number, one.id, one.envelope, State.PENDING, format_time(now))
    ledger.take_over(connection, found.departures)
    return new
