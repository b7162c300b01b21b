"""Make a database, or bring an older one to this version's schema; the only way a database ever comes to be."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.exc import DBAPIError

from receiver.store import revisions, sqlite
from receiver.store.engine import engine_for, sqlite_path


@dataclass(frozen=True, slots=True)
class Migrated:
    """The schema before (None: there was no database) and after."""

    before: str | None
    after: str


def migrate(url: str) -> Migrated:
    """Create or upgrade the database in one transaction, so that a power cut leaves the old schema or the new one.

    Raises `ConfigError` for a wrong URL, file or setting, `StateError` for a database of a newer version.
    """
    path = sqlite_path(url)
    if not path.exists():
        sqlite.create_file(path)
    sqlite.check_files(path)
    engine = engine_for(path, read_only=False)
    try:
        with engine.begin() as connection:
            before, after = revisions.upgrade(connection)
    except DBAPIError as error:
        raise revisions.translate(error) from None
    finally:
        engine.dispose()
    return Migrated(before, after)
