"""Which schema a database has, and which one this version needs: asked whenever one is opened, so without Alembic."""

from __future__ import annotations

from sqlalchemy import Connection, column, inspect, select, table

HEAD = "0012"
"""The revision that this version needs: the last one of `receiver.store.migrations.versions`."""

_VERSIONS = table("alembic_version", column("version_num"))
_STORED = select(_VERSIONS.c.version_num)


def stored(connection: Connection) -> str | None:
    """Name the revision of a database that was migrated once, with one tiny read."""
    found: str | None = connection.execute(_STORED).scalar_one_or_none()
    return found


def current(connection: Connection) -> str | None:
    """Name the revision that a database has; None for an empty one."""
    if not inspect(connection).has_table(_VERSIONS.name):
        return None
    return stored(connection)
