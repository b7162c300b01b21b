"""Triggers that keep a table's rows as they were written, on SQLite and on PostgreSQL: for migrations alone.

What they refuse comes out of both drivers as an integrity error, `<table> only grows`. They stop mistakes, not an
owner of the database, who may drop them; against that one the chains and the log stand.
"""

from __future__ import annotations

from sqlalchemy import Connection

_FUNCTION = "refuse_change"


def forbid_changes(connection: Connection, table: str) -> None:
    """Refuse every UPDATE and DELETE (and TRUNCATE, where there is one) on one of our tables from now on."""
    if connection.dialect.name == "postgresql":
        # For each statement, not each row: TRUNCATE has no rows, and a bulk insert pays nothing.
        connection.exec_driver_sql(
            f"CREATE OR REPLACE FUNCTION {_FUNCTION}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            "RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation', "
            "MESSAGE = TG_TABLE_NAME || ' only grows'; END $$"
        )
        connection.exec_driver_sql(
            f"CREATE TRIGGER {table}_only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {_FUNCTION}()"
        )
        return
    for act in ("UPDATE", "DELETE"):
        connection.exec_driver_sql(
            f"CREATE TRIGGER {table}_no_{act.lower()} BEFORE {act} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{table} only grows'); END"
        )


def allow_changes(connection: Connection, table: str) -> None:
    """Take the triggers away, for a migration that must rewrite a table and puts them back in the same transaction."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"DROP TRIGGER {table}_only_grows ON {table}")
        return
    for act in ("update", "delete"):
        connection.exec_driver_sql(f"DROP TRIGGER {table}_no_{act}")
