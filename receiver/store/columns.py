"""The column types of the tables, and how a moment is kept: whole microseconds since 1970 in UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import BigInteger, Column, Dialect, ForeignKeyConstraint, Integer, LargeBinary, Text

Number = BigInteger().with_variant(Integer(), "sqlite")
# Ordered and compared by bytes: an index over a locale's order breaks when the server's C library changes that order.
Words = Text().with_variant(Text(collation="C"), "postgresql")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Blob(LargeBinary):
    """Bytes as they are: both drivers take and give them without a wrapper, which would cost on every row."""

    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> None:  # noqa: ARG002, D102
        return None

    def result_processor(self, dialect: Dialect, coltype: object) -> None:  # noqa: ARG002, D102
        return None


def micros(moment: datetime) -> int:
    """Write a moment as a row keeps it."""
    return (moment - _EPOCH) // _MICROSECOND


def moment(stored: int) -> datetime:
    """Read a moment from a row."""
    return _EPOCH + stored * _MICROSECOND


def moment_or_none(stored: int | None) -> datetime | None:
    """Read a moment that may be missing."""
    return None if stored is None else moment(stored)


def text(name: str, *, null: bool = False) -> Column[str]:
    """Make a column of text."""
    return Column(name, Words, nullable=null)


def number(name: str, *, null: bool = False) -> Column[int]:
    """Make a column of whole numbers, which the database never makes up."""
    return Column(name, Number, nullable=null, autoincrement=False)


def blob(name: str, *, null: bool = False) -> Column[bytes]:
    """Make a column of bytes."""
    return Column(name, Blob, nullable=null)


def of_workspace() -> ForeignKeyConstraint:
    """Say that a row belongs to a workspace that there is."""
    return ForeignKeyConstraint(["workspace_id"], ["workspaces.workspace_id"])
