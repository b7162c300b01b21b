"""PostgreSQL: how it is reached, what a server must be like, and that its writers go one after another.

Invariants: a write transaction takes the one write lock of its database before anything else and keeps it to its end,
so that the writers of all processes follow each other as on SQLite: a number that was read as the last one stays the
last one. READ COMMITTED belongs to that: each statement sees what was committed before it began, hence everything that
those before it in the queue for the lock have written; a snapshot taken before the wait would be stale. A read is one
snapshot (REPEATABLE READ, READ ONLY). Every connection is asked whether commits survive a power cut. No error shows a
password. See docs/adr/0005-postgresql.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool

from receiver.store.database import Use
from shared.errors import CarnetError, Code, ConfigError, StateError, TryLaterError

if TYPE_CHECKING:
    import psycopg

READERS = 8
OLDEST = 14
"""The oldest major version that its makers still mend."""
WRITE_LOCK = int.from_bytes(b"carnet")
"""The advisory lock of a write transaction; `pg_locks` shows it as 25441 and 1919837556."""
LOCK_SECONDS = 30
STATEMENT_SECONDS = 60
CONNECT_SECONDS = 10
RETRY_SECONDS = 5.0
_DRIVERS = ("postgresql", "postgresql+psycopg")
_OPTIONS = frozenset(
    {
        "application_name", "channel_binding", "connect_timeout", "gssencmode", "host", "krbsrvname",
        "load_balance_hosts", "port", "require_auth", "sslcert", "sslcrl", "sslkey", "sslmode", "sslrootcert",
        "target_session_attrs",
    }
)  # fmt: skip
_DEFAULTS = {
    "application_name": "carnet-receiver",
    "connect_timeout": str(CONNECT_SECONDS),
    # A peer that vanished without a word is noticed in a minute, not in two hours.
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",
}
_LOSSY = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
# What libpq and the server say while a server starts, stops, is full, or cannot be reached: text, for there is no code
# before a session stands. A word that is missing here makes an error of configuration, which stops the start as well.
_PASSING = (
    "connection refused", "timed out", "timeout expired", "no route to host", "network is unreachable", "starting up",
    "shutting down", "recovery mode", "too many", "remaining connection slots", "server closed the connection",
    "connection reset", "temporary failure in name resolution",
)  # fmt: skip


class Postgres:
    """A database of a PostgreSQL server (`receiver.store.database.Database`)."""

    def __init__(self, url: URL, password: str | None) -> None:
        """Take a URL without a password, and the password; raises `ConfigError`."""
        _check_url(url)
        self._url = url.set(drivername="postgresql+psycopg", password=password)

    @property
    def name(self) -> str:
        """The database and its host."""
        return f"{self._url.database} on {self._url.host or self._url.query.get('host') or 'this host'}"

    @property
    def is_at_hand(self) -> bool:
        """No: a server may be a network away."""
        return False

    def create(self) -> None:
        """Do nothing but look for the driver: an operator makes the database, and says who owns it."""
        _check_driver()

    def check(self) -> None:
        """Raise `ConfigError` where the driver is not installed."""
        _check_driver()

    def engine(self, use: Use) -> Engine:
        """Make the engine of the one writer of this process, or of its readers, or of a migration."""
        engine = create_engine(
            self._url,
            connect_args={name: value for name, value in _DEFAULTS.items() if name not in self._url.query},
            poolclass=QueuePool,
            pool_size=READERS if use is Use.READ else 1,
            max_overflow=0,
            pool_timeout=LOCK_SECONDS,
            # The one that was used last has its plans at hand.
            pool_use_lifo=True,
            isolation_level="REPEATABLE READ" if use is Use.READ else "READ COMMITTED",
        )

        def on_connect(connection: psycopg.Connection, _record: object) -> None:
            _prepare(connection, use)

        def on_begin(connection: Connection) -> None:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITE_LOCK})")

        event.listen(engine, "connect", on_connect)
        if use is not Use.READ:
            event.listen(engine, "begin", on_begin)
        return engine

    def look_over(self, connection: Connection) -> None:
        """Do nothing: a server looks after its own pages (`pg_amcheck` and its checksums)."""

    def unopened(self, error: DBAPIError) -> CarnetError:
        """Say why the server gave no connection: to be waited for, missing, or wrong."""
        reason = " ".join(str(error.orig).split())[:300]
        if any(words in reason.lower() for words in _PASSING):
            return TryLaterError(
                Code.UNAVAILABLE,
                f"PostgreSQL does not answer: {reason}",
                "start it, or mend host and port in database_url",
                delay_seconds=RETRY_SECONDS,
            )
        if "database" in reason and "does not exist" in reason:
            return StateError(
                Code.NOT_FOUND,
                f"there is no such database: {reason}",
                "make it with CREATE DATABASE, then run carnet-receiver migrate",
            )
        return ConfigError(
            f"PostgreSQL gives no connection: {reason}", "mend database_url, or what database_password_file holds"
        )


def _check_url(url: URL) -> None:
    if url.drivername not in _DRIVERS:
        raise ConfigError("PostgreSQL is reached with psycopg alone", "write postgresql:// or postgresql+psycopg://")
    if url.password is not None or {"password", "sslpassword"} & url.query.keys():
        raise ConfigError(
            "the database URL holds a password",
            "put it into a file of mode 0600 and name that in database_password_file",
        )
    unknown = sorted(url.query.keys() - _OPTIONS)
    if unknown:
        raise ConfigError(
            f"the database URL has options that are not for it: {', '.join(unknown)}",
            f"it may have {', '.join(sorted(_OPTIONS))}",
        )
    if not url.database:
        raise ConfigError(
            "the database URL names no database", "write for instance postgresql://carnet@db.example/carnet"
        )


def _check_driver() -> None:
    try:
        import psycopg  # noqa: F401, PLC0415 - an extra, that may not be here
    except ImportError:
        raise ConfigError(
            "psycopg, the driver for PostgreSQL, is not installed", "pip install 'carnet[postgres]'"
        ) from None


def _prepare(connection: psycopg.Connection, use: Use) -> None:
    """Set up a new connection and look at its server; raises `ConfigError` where that would not do."""
    if use is Use.READ:
        connection.read_only = True
    wanted = {
        "lock_timeout": LOCK_SECONDS,
        "statement_timeout": 0 if use is Use.MIGRATE else STATEMENT_SECONDS,
        # A process that stops in the midst of a write must not keep the others from writing.
        "idle_in_transaction_session_timeout": 0 if use is Use.MIGRATE else STATEMENT_SECONDS,
    }
    for name, seconds in wanted.items():
        connection.execute("SELECT set_config(%s, %s, false)", (name, f"{seconds}s"))
    asked = ("server_version_num", "server_encoding", *_LOSSY)
    found: dict[str, str] = dict(
        connection.execute("SELECT name, setting FROM pg_settings WHERE name = ANY(%s)", (list(asked),))
    )
    connection.commit()
    if int(found["server_version_num"]) < OLDEST * 10_000:
        raise ConfigError(f"PostgreSQL is older than {OLDEST}", f"take version {OLDEST} or a newer one")
    if found["server_encoding"] != "UTF8":
        raise ConfigError(
            f"the database has the encoding {found['server_encoding']}, not UTF8",
            "make it with CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0",
        )
    for name, lossy in _LOSSY.items():
        if found[name] == lossy:
            raise ConfigError(f"PostgreSQL has {name} = {lossy}: commits could be lost", f"set {name} = on")
