"""Run the migrations that a database lacks, with Alembic, inside of a transaction that is open."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from receiver.store.revisions import HEAD
from shared.errors import Code, StateError

_MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(connection: Connection, before: str | None) -> None:
    """Bring a database from a revision (None: it is empty) to this version's schema.

    Raises `StateError` where a newer version wrote the database: there is no way down.
    """
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    known = {one.revision for one in ScriptDirectory.from_config(config).walk_revisions()}
    if before is not None and before not in known:
        raise StateError(
            Code.CONFLICT,
            f"the database has schema {before}, which this version does not know: a newer Carnet wrote it",
            "install that version or a newer one; a database is never taken back to an older schema",
        )
    config.attributes["connection"] = connection
    command.upgrade(config, HEAD)
