"""Empty and filled databases for the receiver, of either kind: what tests that run on both ask for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest

from receiver.store.migrate import migrate
from shared.keyfile import write_secret
from tests.helpers.postgres import PostgresServer

KINDS = ("sqlite", "postgresql")
Make = Callable[[str], object]
refused_before = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
"""Marks a test of requests that are refused for what they say, before any database is asked: one kind is enough."""


class Databases(Protocol):
    """Databases of one kind; each belongs to a folder of its own."""

    kind: str

    def empty(self, folder: Path) -> str:
        """Name a database that migrations can be run on; gives its URL."""
        ...

    def copy(self, folder: Path, name: str, make: Make) -> str:
        """Make a copy of one that `make` fills the first time that this name is asked for; gives its URL."""
        ...

    def migrated(self, folder: Path) -> str:
        """Make one that has the newest schema and no row; gives its URL."""
        ...


class SqliteDatabases:
    """Files, each in its folder."""

    kind = "sqlite"

    def __init__(self, scratch: Path) -> None:
        """Take a folder for what is copied."""
        self._scratch = scratch
        self._made: dict[str, bytes] = {}

    def empty(self, folder: Path) -> str:
        return sqlite_url(folder / "receiver.db")

    def copy(self, folder: Path, name: str, make: Make) -> str:
        if name not in self._made:
            path = self._scratch / name / "receiver.db"
            make(sqlite_url(path))
            self._made[name] = path.read_bytes()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_secret(folder / "receiver.db", self._made[name])
        return self.empty(folder)

    def migrated(self, folder: Path) -> str:
        return self.copy(folder, "migrated", migrate)


class PostgresDatabases:
    """Databases of one server, which go when they are closed; the folder does not matter."""

    kind = "postgresql"

    def __init__(self, server: PostgresServer) -> None:
        """Take a server that others use too."""
        self.server = server
        self._urls: list[str] = []

    def empty(self, folder: Path) -> str:  # noqa: ARG002 - as the other kind
        return self._keep(self.server.empty())

    def copy(self, folder: Path, name: str, make: Make) -> str:  # noqa: ARG002 - as the other kind
        return self._keep(self.server.copy(name, make))

    def migrated(self, folder: Path) -> str:
        return self.copy(folder, "migrated", migrate)

    def close(self) -> None:
        for url in self._urls:
            self.server.drop(url)

    def _keep(self, url: str) -> str:
        self._urls.append(url)
        return url


def sqlite_url(path: Path) -> str:
    return f"sqlite:///{path}"
