"""Make a database, or bring an older one to this version's schema; the only way a database ever comes to be."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from receiver.store.database import Use
from receiver.store.engine import database_of
from receiver.store.revisions import HEAD, current
from shared.errors import Code, ConfigError, StateError

_MIGRATIONS = Path(__file__).parent / "migrations"


@dataclass(frozen=True, slots=True)
class Migrated:
    """The schema before (None: there was no database) and after."""

    before: str | None
    after: str


def migrate(url: str, password: str | None = None) -> Migrated:
    """Create or upgrade the database in one transaction, so that a power cut leaves the old schema or the new one.

    An SQLite file is made where it is missing; a PostgreSQL database is made by its operator, empty. Raises
    `ConfigError` for a wrong URL, password, file or setting, `StateError` for a missing database or one of a newer
    version, `TryLaterError` where the server does not answer.
    """
    database = database_of(url, password)
    database.create()
    engine = database.engine(Use.MIGRATE)
    try:
        try:
            connection = engine.connect()
        except DBAPIError as error:
            raise database.unopened(error) from None
        with connection, connection.begin():
            before = _upgrade(connection)
    except DBAPIError as error:
        raise ConfigError(f"the database cannot be migrated: {str(error.orig)[:200]}", "nothing was changed") from None
    finally:
        engine.dispose()
    return Migrated(before, HEAD)


def _upgrade(connection: Connection) -> str | None:
    """Bring an open transaction's database to this version's schema; gives the revision before."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    before = current(connection)
    known = {one.revision for one in ScriptDirectory.from_config(config).walk_revisions()}
    if before is not None and before not in known:
        raise StateError(
            Code.CONFLICT,
            f"the database has schema {before}, which this version does not know: a newer Carnet wrote it",
            "install that version or a newer one; a database is never taken back to an older schema",
        )
    config.attributes["connection"] = connection
    command.upgrade(config, HEAD)
    return before
