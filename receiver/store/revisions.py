"""Which schema a database has, which one this version needs, and how to get from the one to the other."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from shared.errors import Code, ConfigError, StateError

_MIGRATIONS = Path(__file__).parent / "migrations"


def head() -> str:
    """Name the revision that this version needs."""
    found = ScriptDirectory.from_config(_config()).get_current_head()
    if found is None:
        msg = "the package was built without its migrations"
        raise RuntimeError(msg)
    return found


def current(connection: Connection) -> str | None:
    """Name the revision that a database has; None for an empty one."""
    return MigrationContext.configure(connection).get_current_revision()


def upgrade(connection: Connection) -> tuple[str | None, str]:
    """Bring an open transaction's database to the head; gives the revision before and after.

    Raises `StateError` where a newer version wrote the database: there is no way down.
    """
    config = _config()
    script = ScriptDirectory.from_config(config)
    before = current(connection)
    if before is not None and before not in {one.revision for one in script.walk_revisions()}:
        raise StateError(
            Code.CONFLICT,
            f"the database has schema {before}, which this version does not know: a newer Carnet wrote it",
            "install that version or a newer one; a database is never taken back to an older schema",
        )
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    return before, head()


def translate(error: DBAPIError) -> ConfigError:
    """Say in words why a migration could not run."""
    return ConfigError(f"the database cannot be migrated: {str(error.orig)[:200]}", "nothing was changed")


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    return config
