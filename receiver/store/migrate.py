"""Make a database, or bring an older one to this version's schema; the only way a database ever comes to be."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.exc import DBAPIError

from receiver.store.database import Use
from receiver.store.engine import database_of
from receiver.store.revisions import HEAD, current
from shared.errors import ConfigError


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
            before = current(connection)
            if before != HEAD:
                # Not at the top: Alembic takes a third of a start to import, and most starts need nothing of it.
                from receiver.store.upgrading import upgrade  # noqa: PLC0415

                upgrade(connection, before)
    except DBAPIError as error:
        raise ConfigError(f"the database cannot be migrated: {str(error.orig)[:200]}", "nothing was changed") from None
    finally:
        engine.dispose()
    return Migrated(before, HEAD)
