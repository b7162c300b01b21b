"""One connection to one SQLite file, in a mode that loses nothing, and what each of SQLite's errors means here.

Invariants: the settings that durability rests on are read back, not hoped for; every transaction ends in commit or
rollback whatever happens in it; after an I/O error the connection is never used again (a failed fsync that is tried
again may say yes without having written), and a reopened one commits a write of its own first, so that what the
failed commit left behind is on the disk or gone before anybody looks at it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from enum import Enum, auto
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeVar

from collector.spool import place
from collector.spool.errors import DamagedError, SpoolBroken, SpoolFull
from collector.spool.settings import Journal, SpoolSettings, wal_is_sound
from collector.spool.values import Storage
from shared.errors import CarnetError, Code, ConfigError, TryLaterError

if TYPE_CHECKING:
    import sqlite3 as dbapi
else:
    try:
        from pysqlite3 import dbapi2 as dbapi  # brings a SQLite with the WAL-reset fix
    except ImportError:
        import sqlite3 as dbapi

__all__ = ["LIBRARY", "Access", "Database", "check", "connect", "dbapi", "primary", "storage"]

T = TypeVar("T")

LIBRARY = tuple(int(part) for part in dbapi.sqlite_version.split("."))
"""The version of the SQLite that this process uses."""

_PRAGMAS = (
    "foreign_keys = ON",
    "trusted_schema = OFF",
    "cell_size_check = ON",
    "temp_store = MEMORY",
    "cache_size = -16384",  # KiB: observation ids are random, and 100,000 of them need more pages than the usual 2 MiB
)
_FAILURES_BEFORE_BROKEN = 3
_SYNCHRONOUS = {0: "OFF", 1: "NORMAL", 2: "FULL", 3: "EXTRA"}
_WANTED = {"rollback": ("delete", 3), "wal": ("wal", 2)}
# Primary result codes (sqlite.org/rescode.html); the standard module names them only since Python 3.11.
_BUSY, _LOCKED, _READONLY, _IOERR, _CORRUPT, _FULL, _CANTOPEN, _NOTADB = 5, 6, 8, 10, 11, 13, 14, 26
_FAILING = frozenset({_READONLY, _IOERR, _CANTOPEN})


def primary(error: dbapi.Error) -> int:
    """Give SQLite's primary result code of an error, 0 where it has none."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def _is_undecodable(error: dbapi.Error) -> bool:
    # What the module raises for a text that is no UTF-8 is no error of SQLite's, and carries no code.
    return isinstance(error, dbapi.OperationalError) and not hasattr(error, "sqlite_errorcode")


class Access(Enum):
    """Who opens the file: the daemon, which sets the journal mode; a command, which takes it as it is; or a look."""

    OWN = auto()
    CHANGE = auto()
    LOOK = auto()


def connect(path: Path, settings: SpoolSettings, access: Access) -> dbapi.Connection:
    """Open an existing file and set it up; raises what the database module raises, or `ConfigError` (R9)."""
    connection = dbapi.connect(
        f"{path.resolve().as_uri()}?mode=rw",
        uri=True,
        timeout=settings.busy_seconds,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        if access is Access.LOOK:
            connection.execute("PRAGMA query_only = ON")
        _make_durable(connection, settings.journal if access is Access.OWN else _journal_of(connection))
    except BaseException:
        connection.close()
        raise
    return connection


def _make_durable(connection: dbapi.Connection, kind: Journal) -> None:
    journal, synchronous = _WANTED[kind]
    connection.execute(f"PRAGMA journal_mode = {journal}")
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    found = storage(connection)
    if (found.journal, found.synchronous) != (journal, _SYNCHRONOUS[synchronous]):
        raise ConfigError(
            f"the spool runs with journal {found.journal} and synchronous {found.synchronous},"
            f" where {journal} and {_SYNCHRONOUS[synchronous]} are needed to lose nothing",
            "close every other program that has the spool open, and start again",
        )


def _journal_of(connection: dbapi.Connection) -> Journal:
    if storage(connection).journal != "wal":
        return "rollback"
    # Also a connection that only looks takes part in checkpoints, which is where the WAL-reset bug is.
    if not wal_is_sound(LIBRARY):
        raise ConfigError(
            f"the spool is in WAL mode, and SQLite {dbapi.sqlite_version} is not safe to open it with",
            "install pysqlite3 0.6.1 or newer, as the daemon has it",
        )
    return "wal"


def storage(connection: dbapi.Connection) -> Storage:
    """Read back what the connection runs with."""
    journal = connection.execute("PRAGMA journal_mode").fetchone()[0]
    synchronous = connection.execute("PRAGMA synchronous").fetchone()[0]
    return Storage(dbapi.sqlite_version, str(journal), _SYNCHRONOUS.get(synchronous, str(synchronous)))


def check(connection: dbapi.Connection) -> None:
    """Look whether the file is sound; raises `DamagedError` with SQLite's own words."""
    try:
        found = [str(row[0]) for row in connection.execute("PRAGMA quick_check(3)")]
    except dbapi.Error as error:
        if primary(error) in (_CORRUPT, _NOTADB):
            raise DamagedError(str(error)) from error
        raise
    if found != ["ok"]:
        raise DamagedError("; ".join(found))


class Database:
    """The connection, its lock, and what to do when it fails. Safe to share between threads."""

    def __init__(
        self,
        path: Path,
        settings: SpoolSettings,
        *,
        ballast: place.Ballast | None = None,
        access: Access = Access.OWN,
    ) -> None:
        """Open the file, which must exist; raises `DamagedError`, `ConfigError` or `TryLaterError`."""
        self._path = path
        self._settings = settings
        self._ballast = ballast
        self._access = access
        self._lock = threading.RLock()
        self._failures = 0
        self._closed = False
        self._connection: dbapi.Connection | None = None
        try:
            self._connection = connect(path, settings, access)
        except dbapi.Error as error:
            if primary(error) in (_CORRUPT, _NOTADB):
                raise DamagedError(str(error)) from error
            self._fail(error)

    def write(
        self,
        act: Callable[[dbapi.Connection], T],
        *,
        urgent: bool = False,
        undone: Callable[[], None] | None = None,
    ) -> T:
        """Do something in one transaction; an urgent one may use up the ballast where the disk is full.

        Whatever `act` raises undoes the transaction; then `undone` is called, before another thread gets its turn. It
        may look: after an error of the disk the commit may be there all the same. Raises `SpoolFull`, `TryLaterError`
        or `SpoolBroken` where the disk or another program is in the way; then nothing was stored.
        """
        with self._lock:
            try:
                result = self._write(act, urgent=urgent)
            except BaseException:
                if undone is not None:
                    undone()
                raise
            self._failures = 0
            return result

    def _write(self, act: Callable[[dbapi.Connection], T], *, urgent: bool) -> T:
        try:
            return self._transact("BEGIN IMMEDIATE", act)
        except SpoolFull:
            if not urgent or self._ballast is None or not self._ballast.release():
                raise
            return self._transact("BEGIN IMMEDIATE", act)

    def read(self, act: Callable[[dbapi.Connection], T]) -> T:
        """Look at one consistent state; raises like `write`."""
        with self._lock:
            return self._transact("BEGIN", act)

    def check(self) -> None:
        """Look whether the file is sound; raises `DamagedError`, or what `write` raises."""
        with self._lock:
            try:
                check(self._ready())
            except dbapi.Error as error:
                self._fail(error)

    def close(self) -> None:
        """Close the file; a second time does nothing."""
        with self._lock:
            self._closed = True
            self._abandon()

    def _transact(self, begin: str, act: Callable[[dbapi.Connection], T]) -> T:
        try:
            connection = self._ready()
            connection.execute(begin)
            result = act(connection)
            connection.execute("COMMIT")
        except dbapi.Error as error:
            self._fail(error)
        except DamagedError as error:
            raise self._damaged(error) from error
        except BaseException:
            self._undo()
            raise
        return result

    def _ready(self) -> dbapi.Connection:
        if self._closed:
            msg = "the spool is closed"
            raise ValueError(msg)
        if self._connection is None:
            connection = connect(self._path, self._settings, self._access)
            try:
                check(connection)
                if self._access is not Access.LOOK:
                    connection.execute("UPDATE spool SET reopened = reopened + 1")
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _fail(self, error: dbapi.Error) -> NoReturn:
        meant = self._after(error)
        if meant is error:
            raise error
        raise meant from error

    def _after(self, error: dbapi.Error) -> Exception:
        """End the transaction, and give the error that says what to do about this one."""
        code = primary(error)
        if code in (_CORRUPT, _NOTADB) or _is_undecodable(error):
            return self._damaged(error)
        if code == _FULL or (code in _FAILING and place.disk_is_full(self._path.parent)):
            self._undo() if code == _FULL else self._abandon()
            return SpoolFull(f"the disk of the spool is full: {error}", "make room on it; the files wait")
        if code in (_BUSY, _LOCKED):
            self._undo()
            return TryLaterError(
                Code.UNAVAILABLE,
                f"another program keeps the spool locked: {error}",
                "close it",
            )
        if code not in _FAILING:
            self._undo()
            return error  # ours to mend, not the disk's
        self._abandon()
        self._failures += 1
        if self._failures >= _FAILURES_BEFORE_BROKEN:
            return SpoolBroken(f"the disk of the spool failed {self._failures} times in a row: {error}")
        return TryLaterError(Code.UNAVAILABLE, f"the spool could not be read or written: {error}")

    def _damaged(self, error: Exception) -> CarnetError:
        self._abandon()
        if self._access is not Access.LOOK:
            with suppress(OSError):
                place.suspect(self._path).touch(mode=0o600)
        return SpoolBroken(f"the spool is damaged: {error}")

    def _undo(self) -> None:
        connection = self._connection
        if connection is None or not connection.in_transaction:
            return
        try:
            connection.execute("ROLLBACK")
        except dbapi.Error:
            self._abandon()

    def _abandon(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(dbapi.Error):
                connection.close()
