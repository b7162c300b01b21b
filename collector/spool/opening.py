"""How a spool is opened at the daemon's start: found sound, or moved aside and begun anew, never deleted.

A new spool is built under another name and renamed into place, so whatever lies under its own name was once whole:
an empty file there is damage and not a start that was cut short.
"""

from __future__ import annotations

import os
import re
import sqlite3
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from collector.durable import sync_folder
from collector.spool import place, rotations, salvaging, schema, sqlite
from collector.spool.errors import DamagedError, SpoolBroken
from collector.spool.pages import PAGE_BYTES
from collector.spool.place import Ballast
from collector.spool.settings import SpoolSettings, check_library
from collector.spool.sqlite import Database, dbapi
from collector.spool.states import State
from shared.encoding import format_time, sha256
from shared.errors import Code, ConfigError, StateError, TryLaterError

SALVAGE_NEEDED = "salvage_needed"

_STREAM_ID = re.compile(r"[0-9a-f]{32}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Owner:
    """The collector that the spool belongs to, and the id that a new stream would get (32 hex digits)."""

    collector_id: str
    new_stream_id: str


def open_sound(path: Path, settings: SpoolSettings, ballast: Ballast, owner: Owner, now: datetime) -> Database:
    """Open the spool; the caller holds its lock. Raises `ConfigError` or `TryLaterError`."""
    check_library(sqlite.LIBRARY, settings)
    if not _STREAM_ID.fullmatch(owner.new_stream_id):
        msg = "a stream id has 32 hex digits"
        raise ValueError(msg)
    try:
        database = _open_checked(path, settings, ballast)
    except DamagedError:
        place.move_aside(path, now)
        database = None
    except OSError as error:
        raise _unusable(path, error) from error
    if database is None:
        try:
            _create(path, settings, owner, now)
            database = Database(path, settings, ballast=ballast)
        except OSError as error:
            raise _unusable(path, error) from error
        except DamagedError as error:
            raise TryLaterError(Code.UNAVAILABLE, f"the new spool {path} reads back damaged: {error}") from error
    try:
        _check_owner(database, path, owner)
        ballast.ensure()
    except BaseException:
        database.close()
        raise
    return database


def _open_checked(path: Path, settings: SpoolSettings, ballast: Ballast) -> Database | None:
    """Open what is there; None where nothing is. Raises `DamagedError`."""
    if not path.exists():
        if place.leftovers(path):
            raise DamagedError("a journal without its file")
        return None
    place.check_file(path)
    if path.stat().st_size == 0:
        raise DamagedError("the file is empty")
    if place.suspect(path).exists():
        raise DamagedError("it turned out damaged while it was open")
    database = Database(path, settings, ballast=ballast)
    try:
        _check_schema(database, path)
        database.check()
        _check_rows(database)
        database.write(schema.migrate)
    except BaseException:
        database.close()
        raise
    return database


def _check_schema(database: Database, path: Path) -> None:
    try:
        application, version = database.read(
            lambda c: (c.execute("PRAGMA application_id").fetchone()[0], schema.version_of(c))
        )
    except SpoolBroken as error:
        raise DamagedError(str(error)) from error
    if application != schema.APPLICATION_ID or version < 1:
        raise DamagedError("the file is no spool")
    if version > schema.VERSION:
        raise ConfigError(
            f"the spool {path} has schema {version}, and this version knows {schema.VERSION}: a downgrade",
            "install the version that wrote it, or a newer one; deliver what is pending before going back",
        )


def _check_rows(database: Database) -> None:
    """Look for what SQLite's quick check passes over, and what would make the collector speak for another stream."""
    try:
        database.read(_check_stream)
        database.read(_check_tally)
    except (SpoolBroken, dbapi.Error) as error:
        raise DamagedError(str(error)) from error


def _check_stream(connection: sqlite3.Connection) -> None:
    rows = connection.execute("SELECT collector_id, stream_id, digest, next_sequence, last_id FROM spool").fetchall()
    if len(rows) != 1:
        raise DamagedError("there is not one stream")
    collector_id, stream_id, digest, next_sequence, last_id = rows[0]
    if digest != _digest(collector_id, stream_id):
        raise DamagedError("the names of collector and stream were changed")
    newest = connection.execute("SELECT sequence, id FROM entry ORDER BY sequence DESC LIMIT 1").fetchone()
    if newest is not None and (newest[0] >= next_sequence or (newest[0] == next_sequence - 1 and newest[1] != last_id)):
        raise DamagedError("the end of the stream is not where its last entry is")


def _check_tally(connection: sqlite3.Connection) -> None:
    # The counts go through the index: an entry that fell out of it would never be sent, and nobody would notice.
    kept = dict(connection.execute("SELECT state, entries FROM tally").fetchall())
    for state in State:
        (found,) = connection.execute("SELECT count(*) FROM entry WHERE state = ?", (state.value,)).fetchone()
        if kept.get(state.value) != found:
            raise DamagedError(f"{found} entries are {state}, and {kept.get(state.value)} were counted")


def _digest(collector_id: str, stream_id: str) -> bytes:
    return sha256(f"{collector_id} {stream_id}".encode())


def _create(path: Path, settings: SpoolSettings, owner: Owner, now: datetime) -> None:
    fresh = place.beside(path, ".new")
    for one in (fresh, *place.leftovers(fresh)):
        one.unlink(missing_ok=True)
    os.close(os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_NOFOLLOW, 0o600))
    database = Database(fresh, SpoolSettings(busy_seconds=settings.busy_seconds))
    try:
        database.read(lambda c: c.execute(f"PRAGMA page_size = {PAGE_BYTES}"))
        database.write(lambda c: _begin(c, owner, place.damaged_files(path), now))
    finally:
        database.close()
    fresh.rename(path)
    sync_folder(path.parent)


def _begin(connection: sqlite3.Connection, owner: Owner, damaged: list[Path], now: datetime) -> None:
    schema.migrate(connection)
    connection.execute(
        "INSERT INTO spool (one, collector_id, stream_id, digest) VALUES (1, ?, ?, ?)",
        (owner.collector_id, owner.new_stream_id, _digest(owner.collector_id, owner.new_stream_id)),
    )
    if damaged:
        # Which key signs must not depend on whether anybody salvages; what cannot be read leaves the key file's word.
        with suppress(StateError):
            rotations.take_over(connection, salvaging.rotations_of(damaged[-1]))
    # All that ever was moved aside: alarms about older files may have stood in the file that is lost now.
    connection.executemany(
        "INSERT INTO alarm (name, detail, raised_at) VALUES (?, ?, ?)",
        [(SALVAGE_NEEDED, str(one), format_time(now)) for one in damaged],
    )


def _check_owner(database: Database, path: Path, owner: Owner) -> None:
    found = database.read(lambda c: c.execute("SELECT collector_id FROM spool").fetchone()[0])
    if found != owner.collector_id:
        raise ConfigError(
            f"the spool {path} belongs to the collector {found}, and this is {owner.collector_id}",
            "set spool.path to a folder of this collector's own; the other's evidence stays where it is",
        )


def _unusable(path: Path, error: OSError) -> ConfigError | TryLaterError:
    if place.disk_is_full(path.parent):
        return TryLaterError(Code.UNAVAILABLE, f"the spool {path} cannot be opened: {error.strerror}", "make room")
    return ConfigError(f"the spool {path} cannot be opened: {error.strerror}", "look at the folder's owner and mode")
