"""Make a database, or bring an older one to this version's schema; the only way a database ever comes to be."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.exc import DBAPIError

from receiver.store import revisions
from receiver.store.database import Use
from receiver.store.engine import database_of


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
            before, after = revisions.upgrade(connection)
    except DBAPIError as error:
        raise revisions.translate(error) from None
    finally:
        engine.dispose()
    return Migrated(before, after)
