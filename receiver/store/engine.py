"""Open the database and run transactions in it: one writer, a few readers, commit or rollback on any exit.

Invariants: a write transaction takes its lock when it begins (BEGIN IMMEDIATE), so it never fails half-way for a lock
that somebody else took; whatever leaves `write` or `read`, no transaction is left open; a driver's errors come out as
`TryLaterError`. A missing or unmigrated database is an error, never an empty start.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import QueuePool

from receiver.store import sqlite
from receiver.store.revisions import current, head
from shared.errors import Code, ConfigError, StateError, TryLaterError

Tx: TypeAlias = Connection
"""An open transaction; the noun modules of this package take it first."""

T = TypeVar("T")

READERS = 8
RETRY_SECONDS = 5.0


class Store:
    """An open database; safe to use from several threads."""

    def __init__(self, path: Path, writer: Engine, reader: Engine) -> None:
        """Use `Store.open`."""
        self._path = path
        self._writer = writer
        self._reader = reader
        self._lock = threading.Lock()

    @classmethod
    def open(cls, url: str) -> Store:
        """Open a database that `migrate` made, for instance `sqlite:////var/lib/carnet/receiver.db`.

        Raises `ConfigError` for a wrong URL, a loose file mode, a remote file system, a setting that does not hold, or
        a damaged file; `StateError` where the database is missing or not of this version.
        """
        path = sqlite_path(url)
        if not path.exists():
            raise StateError(Code.NOT_FOUND, f"there is no database at {path}", "run carnet-receiver migrate")
        sqlite.check_files(path)
        store = cls(path, engine_for(path, read_only=False), engine_for(path, read_only=True))
        try:
            with store._reader.connect() as connection:
                found = current(connection)
                sqlite.quick_check(connection.connection.driver_connection)
        except DBAPIError as error:
            store.close()
            raise _unreadable(path, error) from None
        except ConfigError:
            store.close()
            raise
        if found != head():
            store.close()
            raise StateError(
                Code.CONFLICT,
                f"the database at {path} has schema {found or 'none'}, this version needs {head()}",
                "run carnet-receiver migrate",
            )
        return store

    def write(self, act: Callable[[Tx], T]) -> T:
        """Run one act in a write transaction: committed when it returns, rolled back however else it ends.

        Raises what the act raises, and `TryLaterError` where the database is locked, full or broken, or where two
        writers made the same row.
        """
        with self._lock:
            return _transact(self._writer, act)

    def read(self, act: Callable[[Tx], T]) -> T:
        """Run one act on a snapshot of the database, which cannot write; raises like `write`."""
        return _transact(self._reader, act)

    def ready(self) -> None:
        """Look whether the database answers and is of this version; raises `TryLaterError` or `StateError`."""
        found = self.read(current)
        if found != head():
            raise StateError(Code.CONFLICT, f"the database has schema {found or 'none'}", "run carnet-receiver migrate")

    def close(self) -> None:
        """Close all connections that are not in use."""
        self._writer.dispose()
        self._reader.dispose()


def sqlite_path(url: str) -> Path:
    """Take the file out of a database URL; raises `ConfigError` for anything but SQLite in a file."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        parsed = URL.create("none")
    if parsed.get_backend_name() != "sqlite" or not parsed.database or parsed.database == ":memory:":
        raise ConfigError(
            "the database URL names no SQLite file",
            "write for instance sqlite:////var/lib/carnet/receiver.db",
        )
    return Path(parsed.database).absolute()


def engine_for(path: Path, *, read_only: bool) -> Engine:
    """Make the engine of the one writer, or of the readers, over a file that exists; raises `ConfigError`."""
    module = sqlite.driver()
    mode = sqlite.mode_for(module.sqlite_version_info)
    size = READERS if read_only else 1
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        module=module,
        creator=lambda: sqlite.connect(module, path),
        poolclass=QueuePool,
        pool_size=size,
        max_overflow=0,
        pool_timeout=sqlite.BUSY_TIMEOUT_SECONDS,
    )
    begin = "BEGIN" if read_only else "BEGIN IMMEDIATE"

    def on_connect(connection: sqlite.Driver, _record: object) -> None:
        sqlite.prepare(connection, mode, read_only=read_only)

    def on_begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    event.listen(engine, "connect", on_connect)
    event.listen(engine, "begin", on_begin)
    return engine


def _transact(engine: Engine, act: Callable[[Tx], T]) -> T:
    try:
        with engine.connect() as connection:
            try:
                with connection.begin():
                    return act(connection)
            except IntegrityError:
                raise
            except DBAPIError:
                # After an error of disk or lock nothing is assumed about the connection: it is closed and made anew.
                connection.invalidate()
                raise
    except IntegrityError:
        raise TryLaterError(
            Code.UNAVAILABLE,
            "somebody else wrote the same at the same moment",
            "send it again",
            delay_seconds=0,
        ) from None
    except (DBAPIError, PoolTimeoutError) as error:
        reason = error.orig if isinstance(error, DBAPIError) else "all connections are in use"
        raise TryLaterError(
            Code.UNAVAILABLE,
            f"the database cannot do this now: {str(reason)[:200]}",
            "try again; if it stays, look at the disk of the receiver",
            delay_seconds=RETRY_SECONDS,
        ) from None


def _unreadable(path: Path, error: DBAPIError) -> ConfigError:
    return ConfigError(
        f"{path} cannot be opened as a database: {str(error.orig)[:200]}",
        "keep the file, restore the last backup, and let the collectors send again what came after it",
    )
