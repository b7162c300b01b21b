"""SQLite in a mode that loses nothing: which library, which settings, and that they really hold.

Measured: rollback journal with synchronous FULL, the default, loses the last commit in a power cut; and every SQLite
before 3.51.3 but two backports can lose commits in WAL mode when a writer races a checkpoint. So: WAL + FULL on a
fixed library only, rollback + EXTRA on every other, and each setting is read back from every connection.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from receiver.store import unchanged
from receiver.store.database import Use
from shared.errors import Code, ConfigError, StateError

Driver: TypeAlias = Any
"""A DB-API connection of the driver."""

BUSY_TIMEOUT_SECONDS = 30
READERS = 8
OLDEST = (3, 37, 0)
"""The first version with STRICT tables."""
_FIXED_FROM = (3, 51, 3)
_BACKPORTS = ((3, 50, 7), (3, 44, 6))
_REMOTE = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs", "ceph", "lustre", "fuse.sshfs", "fuse.glusterfs"}
)
_SYNCHRONOUS = {"FULL": 2, "EXTRA": 3}
_MOUNTS = Path("/proc/self/mountinfo")


@dataclass(frozen=True, slots=True)
class Mode:
    """A journal mode and the `synchronous` that makes it lose nothing."""

    journal: str
    synchronous: str


WAL_FULL = Mode("wal", "FULL")
ROLLBACK_EXTRA = Mode("delete", "EXTRA")


def driver() -> ModuleType:
    """Give the bundled SQLite of `pysqlite3`, else the one that this Python was built with."""
    try:
        from pysqlite3 import dbapi2  # noqa: PLC0415 - only one of the two is there
    except ImportError:
        import sqlite3  # noqa: PLC0415 - only one of the two is there

        return sqlite3
    module: ModuleType = dbapi2
    return module


def connect(module: ModuleType, path: Path) -> Driver:
    """Open a file that must exist; the driver begins no transaction by itself (it would begin late, and deferred)."""
    return module.connect(
        f"file:{quote(str(path))}?mode=rw",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        timeout=BUSY_TIMEOUT_SECONDS,
    )


def mode_for(version: tuple[int, ...]) -> Mode:
    """Choose the mode for a library version; raises `ConfigError` for one that is too old for our tables."""
    if version < OLDEST:
        raise ConfigError(
            f"SQLite {_dotted(version)} is too old: {_dotted(OLDEST)} or newer is needed",
            "install the package pysqlite3, which brings its own",
        )
    fixed = version >= _FIXED_FROM or any(
        version[:2] == backport[:2] and version >= backport for backport in _BACKPORTS
    )
    return WAL_FULL if fixed else ROLLBACK_EXTRA


def prepare(connection: Driver, mode: Mode, *, read_only: bool, wait_seconds: int = BUSY_TIMEOUT_SECONDS) -> None:
    """Set up a new connection, which waits so long for a lock, and read every setting back.

    Raises `ConfigError` where one does not hold.
    """
    cursor = connection.cursor()
    try:
        cursor.execute(f"PRAGMA busy_timeout = {wait_seconds * 1000}")
        cursor.execute(f"PRAGMA journal_mode = {mode.journal}")
        for name, value in {**_SPEED, **_settings(mode, read_only=read_only)}.items():
            cursor.execute(f"PRAGMA {name} = {value}")
        check(connection, mode, read_only=read_only)
    finally:
        cursor.close()


def check(connection: Driver, mode: Mode, *, read_only: bool) -> None:
    """Read the settings of a connection back; raises `ConfigError` naming the one that is not as it must be."""
    expected: dict[str, object] = {"journal_mode": mode.journal, **_settings(mode, read_only=read_only)}
    for name, value in expected.items():
        row = connection.execute(f"PRAGMA {name}").fetchone()
        found = None if row is None else row[0]
        if found != value:
            raise ConfigError(
                f"SQLite answers {name} = {found!r} where {value!r} was set: commits could be lost",
                "put the database on a local file system that supports locking and shared memory",
            )


def quick_check(connection: Driver) -> None:
    """Let SQLite look over its pages; raises `ConfigError` where the file is damaged."""
    (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise ConfigError(
            f"the database file is damaged: {str(found)[:200]}",
            "keep the file, restore the last backup, and let the collectors send again what came after it",
        )


def check_files(path: Path) -> None:
    """Refuse a database that others can read, or that lies on another machine's disk; raises `ConfigError`."""
    for one, allowed in ((path.parent, 0o700), (path, 0o600)):
        try:
            mode = stat.S_IMODE(one.stat().st_mode)
        except OSError as error:
            raise ConfigError(f"{one} cannot be looked at: {error.strerror}", "check the path") from None
        if mode & ~allowed & 0o777:
            raise ConfigError(f"{one} can be read by others (mode {mode:04o})", f"chmod {allowed:o} {one}")
    kind = file_system_of(path, _MOUNTS.read_text() if _MOUNTS.exists() else "")
    if kind in _REMOTE:
        raise ConfigError(
            f"{path} lies on a {kind} file system, where SQLite's locks do not hold",
            "put the database on a local disk",
        )


def create_file(path: Path) -> None:
    """Make the empty database file, mode 0600, in a directory that is made with mode 0700 where it is missing.

    Both are synced, so the file is there after a power cut. Raises `ConfigError`.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
        for directory in (path.parent, path.parent.parent):
            descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
    except OSError as error:
        raise ConfigError(f"{path} cannot be made: {error.strerror}", "make its directory writable") from None


def file_system_of(path: Path, mountinfo: str) -> str | None:
    """Name the type of the file system that holds a path, from the text of /proc/self/mountinfo (proc(5))."""
    inside, best, kind = f"{path.resolve()}/", -1, None
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        fields = before.split()
        if len(fields) < len(("id", "parent", "device", "root", "mount point")) or not after:
            continue
        point = fields[4].replace("\\040", " ").rstrip("/") + "/"
        if inside.startswith(point) and len(point) >= best:
            best, kind = len(point), after.split()[0]
    return kind


_SPEED = {"cache_size": -32_768, "wal_autocheckpoint": 4000}
"""Pages kept in memory (KiB), and pages written before a checkpoint: what no promise rests on, so not read back."""


def _settings(mode: Mode, *, read_only: bool) -> dict[str, int]:
    return {
        "synchronous": _SYNCHRONOUS[mode.synchronous],
        "foreign_keys": 1,
        "trusted_schema": 0,
        "query_only": int(read_only),
    }


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(str(part) for part in version)


class SqliteFile:
    """A database in a file of this host (`receiver.store.database.Database`)."""

    def __init__(self, path: Path) -> None:
        """Take the file, which need not exist."""
        self._path = path

    @property
    def name(self) -> str:
        """The file."""
        return str(self._path)

    @property
    def is_at_hand(self) -> bool:
        """Yes: in a file of this host."""
        return True

    def create(self) -> None:
        """Make the empty file where it is missing; raises `ConfigError`, also where others can read it."""
        if not self._path.exists():
            create_file(self._path)
        check_files(self._path)

    def check(self) -> None:
        """Raise `StateError` for a missing file, `ConfigError` for a loose mode or a remote file system."""
        if not self._path.exists():
            raise StateError(Code.NOT_FOUND, f"there is no database at {self._path}", "run carnet-receiver migrate")
        check_files(self._path)

    def engine(self, use: Use) -> Engine:
        """Make the engine of the one writer, or of the readers, over a file that exists; raises `ConfigError`."""
        module = driver()
        mode = mode_for(module.sqlite_version_info)
        read_only = use in (Use.READ, Use.GLANCE)
        wait_seconds = 0 if use is Use.GLANCE else BUSY_TIMEOUT_SECONDS
        engine = create_engine(
            URL.create("sqlite", database=str(self._path)),
            module=module,
            creator=lambda: connect(module, self._path),
            poolclass=QueuePool,
            pool_size=READERS if use is Use.READ else 1,
            max_overflow=0,
            pool_timeout=wait_seconds,
            # The one that was used last has its pages and statements at hand.
            pool_use_lifo=True,
        )
        begin = "BEGIN" if read_only else "BEGIN IMMEDIATE"

        def on_connect(connection: Driver, record: ConnectionPoolEntry) -> None:
            prepare(connection, mode, read_only=read_only, wait_seconds=wait_seconds)
            if read_only:
                unchanged.remember(record.info)

        def on_begin(connection: Connection) -> None:
            connection.exec_driver_sql(begin)
            if read_only:
                unchanged.begun(connection)

        event.listen(engine, "connect", on_connect)
        event.listen(engine, "begin", on_begin)
        return engine

    def look_over(self, connection: Connection) -> None:
        """Let SQLite look over its pages; raises `ConfigError` where the file is damaged."""
        quick_check(connection.connection.driver_connection)

    def unopened(self, error: DBAPIError) -> ConfigError:
        """Say why the file is no database."""
        return ConfigError(
            f"{self._path} cannot be opened as a database: {str(error.orig)[:200]}",
            "keep the file, restore the last backup, and let the collectors send again what came after it",
        )
