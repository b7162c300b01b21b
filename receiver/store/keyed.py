"""Rows that are asked for by their number: the primary key finds them, and the workspace is only compared."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Table


def of_workspace(table: Table, workspace_id: str) -> ColumnElement[bool]:
    """Keep the rows of a workspace among those that a number finds.

    SQLite has no figures of how many rows a workspace has, and would rather read all of them by an index that begins
    with it; no index is over what is compared here.
    """
    return (table.c.workspace_id + "") == workspace_id
