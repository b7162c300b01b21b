"""What the store asks of a database, whichever of the two it is."""

from __future__ import annotations

from enum import Enum, auto
from typing import Protocol

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from shared.errors import CarnetError


class Use(Enum):
    """What connections are for.

    Short reads of a snapshot, a read of a few rows that fails rather than waits, writes one after another, or a change
    of the schema.
    """

    READ = auto()
    GLANCE = auto()
    WRITE = auto()
    MIGRATE = auto()


class Database(Protocol):
    """A database that a URL names, which may not be there yet."""

    @property
    def name(self) -> str:
        """How an error names it: no user, no secret."""
        ...

    @property
    def is_at_hand(self) -> bool:
        """Whether a few rows are read without asking another process: it has engines for `Use.GLANCE`."""
        ...

    def create(self) -> None:
        """Make what a migration needs, where that is ours to make; raises `ConfigError`."""
        ...

    def check(self) -> None:
        """Look whether it may be opened; raises `ConfigError`, or `StateError` where it is missing."""
        ...

    def engine(self, use: Use) -> Engine:
        """Make an engine whose transactions begin as this use needs them; raises `ConfigError`."""
        ...

    def look_over(self, connection: Connection) -> None:
        """Look for damage once, at the start; raises `ConfigError`."""
        ...

    def unopened(self, error: DBAPIError) -> CarnetError:
        """Say in words why no connection could be had."""
        ...
