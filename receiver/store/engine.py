"""Open the database and run transactions in it: one writer, a few readers, commit or rollback on any exit.

Invariants: a write transaction takes its lock when it begins (BEGIN IMMEDIATE, or PostgreSQL's advisory lock), so it
never fails half-way for a lock that somebody else took, and what it read stays true until it ends; whatever leaves
`write` or `read`, no transaction is left open; a driver's errors come out as ours. A missing or unmigrated database is
an error, never an empty start.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from copy import copy
from pathlib import Path
from typing import TypeAlias, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from receiver.store.database import Database, Use
from receiver.store.postgres import Postgres
from receiver.store.revisions import HEAD, current, stored
from receiver.store.sqlite import SqliteFile
from shared.errors import CarnetError, Code, ConfigError, MalformedError, StateError, TryLaterError

Tx: TypeAlias = Connection
"""An open transaction; the noun modules of this package take it first."""

T = TypeVar("T")

RETRY_SECONDS = 5.0

IN_PORTIONS = {"yield_per": 1000}
"""Execution options of what may give a million rows: a server keeps them in a cursor, they come by the thousand."""


class Store:
    """An open database; safe to use from several threads."""

    def __init__(self, writer: Engine, reader: Engine, glancer: Engine | None = None) -> None:
        """Use `Store.open`."""
        self._writer: Engine | None = writer
        self._reader = reader
        self._glancer = glancer
        self._lock = threading.Lock()
        self._check: Callable[[Tx], None] | None = None

    @classmethod
    def open(cls, url: str, password: str | None = None) -> Store:
        """Open a database that `migrate` made, for instance `sqlite:////var/lib/carnet/receiver.db`.

        A password goes with PostgreSQL, beside the URL and never in it. Raises `ConfigError` for a wrong URL, file or
        password, a setting that does not hold, or a damaged file; `StateError` where the database is missing or not of
        this version; `TryLaterError` where the server does not answer.
        """
        database = database_of(url, password)
        database.check()
        glancer = database.engine(Use.GLANCE) if database.is_at_hand else None
        store = cls(database.engine(Use.WRITE), database.engine(Use.READ), glancer)
        try:
            with store._reader.connect() as connection:
                found = current(connection)
                database.look_over(connection)
            if found != HEAD:
                raise StateError(
                    Code.CONFLICT,
                    f"the database at {database.name} has schema {found or 'none'}, this version needs {HEAD}",
                    "run carnet-receiver migrate",
                )
        except DBAPIError as error:
            store.close()
            raise database.unopened(error) from None
        except CarnetError:
            store.close()
            raise
        return store

    def checking(self, check: Callable[[Tx], None]) -> Store:
        """Give the same open database, each of whose transactions begins with a check; what that raises ends it."""
        store = copy(self)
        store._check = check  # noqa: SLF001 - of this class
        return store

    def glancing(self) -> Store | None:
        """Give the same open database for reads that fail with `TryLaterError` rather than wait; None if it has none.

        They are for one thread. Such a store does not write.
        """
        if self._glancer is None:
            return None
        store = copy(self)
        store._writer, store._reader = None, self._glancer  # noqa: SLF001
        return store

    def write(self, act: Callable[[Tx], T]) -> T:
        """Run one act in a write transaction: committed when it returns, rolled back however else it ends.

        Raises what the act raises, and `TryLaterError` where the database is locked, full or broken, where two
        writers made the same row, or where a newer version migrated the database while it was open.
        """
        if self._writer is None:
            raise TryLaterError(Code.UNAVAILABLE, "this store is for reads that do not wait")
        with self._lock:
            return _transact(self._writer, lambda tx: _of_this_version(tx, act), self._check)

    def read(self, act: Callable[[Tx], T]) -> T:
        """Run one act on a snapshot of the database, which cannot write; raises like `write`."""
        return _transact(self._reader, act, self._check)

    def ready(self) -> None:
        """Look whether the database answers and is of this version; raises `TryLaterError` or `StateError`."""
        found = self.read(current)
        if found != HEAD:
            raise StateError(Code.CONFLICT, f"the database has schema {found or 'none'}", "run carnet-receiver migrate")

    def close(self) -> None:
        """Close all connections that are not in use."""
        for engine in (self._writer, self._reader, self._glancer):
            if engine is not None:
                engine.dispose()


def database_of(url: str, password: str | None = None) -> Database:
    """Tell from a URL which database is meant; raises `ConfigError`, which shows no URL: one may hold a secret."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        parsed = URL.create("none")
    if parsed.get_backend_name() == "postgresql":
        return Postgres(parsed, password)
    if parsed.get_backend_name() != "sqlite" or not parsed.database or parsed.database == ":memory:":
        raise ConfigError(
            "the database URL names neither an SQLite file nor a PostgreSQL database",
            "write for instance sqlite:////var/lib/carnet/receiver.db or postgresql://carnet@db.example/carnet",
        )
    if password is not None:
        raise ConfigError("an SQLite file has no password", "take database_password_file out")
    return SqliteFile(Path(parsed.database).absolute())


def _of_this_version(tx: Tx, act: Callable[[Tx], T]) -> T:
    """Run an act where the schema still is ours: what a newer one keeps besides, this program would not write."""
    found = stored(tx)
    if found != HEAD:
        raise TryLaterError(
            Code.UNAVAILABLE,
            f"the database has schema {found or 'none'}, this program needs {HEAD}",
            "restart it with the version that migrated the database",
            delay_seconds=RETRY_SECONDS,
        )
    return act(tx)


def _transact(engine: Engine, act: Callable[[Tx], T], check: Callable[[Tx], None] | None) -> T:
    try:
        with engine.connect() as connection:
            try:
                with connection.begin():
                    if check is not None:
                        check(connection)
                    return act(connection)
            except (DataError, IntegrityError):
                raise
            except DBAPIError:
                # After an error of disk, lock or network nothing is assumed about a connection: it is made anew.
                connection.invalidate()
                raise
    except IntegrityError:
        raise TryLaterError(
            Code.UNAVAILABLE,
            "somebody else wrote the same at the same moment",
            "send it again",
            delay_seconds=0,
        ) from None
    except DataError:
        # PostgreSQL's alone: what the readers at the door let through, and no column can hold.
        raise MalformedError(
            Code.INVALID_FIELD,
            "a text holds a NUL character, or a number is too large: the database cannot store it",
            "leave such characters out",
        ) from None
    except (DBAPIError, PoolTimeoutError) as error:
        reason = error.orig if isinstance(error, DBAPIError) else "all connections are in use"
        raise TryLaterError(
            Code.UNAVAILABLE,
            f"the database cannot do this now: {str(reason)[:200]}",
            "try again; if it stays, look at the database and its disk",
            delay_seconds=RETRY_SECONDS,
        ) from None
