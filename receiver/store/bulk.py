"""Insert many rows at once, as tuples: what the way of a full batch spends its time on.

SQLAlchemy's own executemany makes a dictionary of each row twice; here the driver gets the tuples as they are.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, Table


def insert_rows(tx: Connection, table: Table, rows: Sequence[tuple[object, ...]]) -> None:
    """Insert rows whose values stand in the order of the table's columns; values are as the driver takes them."""
    if not rows:
        return
    quote = tx.dialect.identifier_preparer.quote
    names = ", ".join(quote(column.name) for column in table.columns)
    mark = "?" if tx.dialect.paramstyle == "qmark" else "%s"
    marks = ", ".join([mark] * len(table.columns))
    tx.exec_driver_sql(f"INSERT INTO {quote(table.name)} ({names}) VALUES ({marks})", list(rows))  # noqa: S608 - names of our own tables
