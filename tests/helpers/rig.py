"""Both programs as real processes on one inbox: started, killed, stopped at will, and asked over their public ways."""

from __future__ import annotations

import asyncio
import atexit
import functools
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from collector.commands.program import program
from collector.instance import SPOOL_NAME
from collector.spool import Listed, SpoolReader, State
from collector.status import SOCKET_NAME, ask_status
from receiver import access, clock, lookup, streams
from receiver.commands.all import GROUP
from receiver.commands.embedded import Embedded
from receiver.core.tokens import Kind, Scope
from receiver.store.engine import Store
from shared import dsse, statement
from shared.errors import CarnetError
from shared.keyfile import load_key
from shared.keys import PublicKey
from shared.predicates import Collected
from tests.helpers import programs

PATIENCE_SECONDS = 60.0
_POLL_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 0.5
_PAUSES_TO_A_LOOK = 4
"""Looking costs the processor that those who are waited for need."""
_UNLIMITED = 1_000_000


def eventually(what: str, holds: Callable[[], Any], seconds: float = PATIENCE_SECONDS) -> Any:  # noqa: ANN401
    """Ask until the answer is true, and give it; fails with the sentence `what` at the deadline."""
    began = looked = time.monotonic()
    while not (found := holds()):
        now = time.monotonic()
        assert now < began + seconds, f"not within {seconds} s: {what}"
        time.sleep(min(max(_POLL_SECONDS, _PAUSES_TO_A_LOOK * (now - looked)), _LONGEST_PAUSE_SECONDS))
        looked = time.monotonic()
    return found


@functools.cache
def _template() -> tuple[str, str]:
    """A receiver's and an enrolled collector's folder, made once a process; the tests work on copies."""
    place = Path(tempfile.mkdtemp(prefix="carnet-rig-"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    made = _collector("keygen", "--state-dir", str(place / "s"))
    with programs.receiver(place / "receiver", place / "receiver.log") as receiver:
        _collector(*programs.enrol_words(receiver, place / "s", "rig"), stdin=receiver.printed["enrolToken"] + "\n")
    return str(place), made[made.index("-----BEGIN") :]


def _collector(*words: str, stdin: str | None = None) -> str:
    done = CliRunner().invoke(program, words, input=stdin)
    assert done.exit_code == 0, (words, done.output, done.exception)
    return done.stdout


@dataclass
class Rig:
    """A receiver, a collector, and the folder between them; nothing runs until it is started."""

    folder: Path
    settings: dict[str, dict[str, Any]] = field(default_factory=dict)
    root: dict[str, Any] = field(default_factory=dict)
    more: str = ""
    port: int = 0
    url: str | None = None
    collector: subprocess.Popen[str] | None = None
    receiver: subprocess.Popen[str] | None = None
    _token: str | None = None
    _awaited: int = 0
    _stack: ExitStack = field(default_factory=ExitStack)

    def __post_init__(self) -> None:
        place = Path(_template()[0])
        shutil.copytree(place / "receiver", self.folder / "r")
        shutil.copytree(place / "s", self.state)
        # What was copied names where it was made.
        config = self.folder / "r" / "receiver.toml"
        config.write_text(config.read_text().replace(str(place / "receiver"), str(self.folder / "r")))
        self.inbox.mkdir()

    # --- places ---

    @property
    def inbox(self) -> Path:
        return self.folder / "inbox"

    @property
    def state(self) -> Path:
        return self.folder / "s"

    @property
    def config(self) -> Path:
        return self.folder / "c.toml"

    @property
    def collector_log(self) -> Path:
        return self.folder / "c.log"

    @property
    def receiver_log(self) -> Path:
        return self.folder / "r.log"

    @property
    def key(self) -> PublicKey:
        """The collector's public key."""
        return load_key(self.state / "key.pem").public

    @property
    def exported_key(self) -> str:
        """What `keygen` printed of the collector's key: the public half in PEM."""
        return _template()[1]

    # --- the programs ---

    def start_receiver(self, *, wait: bool = True) -> None:
        """Start the receiver, by default until it serves; on the port of its first start."""
        data, log = self.folder / "r", self.receiver_log
        if not wait:
            words = programs.receiver_words(data, self.free_port())
            self.receiver = self._stack.enter_context(programs.running(words, log))
            self.url = f"http://127.0.0.1:{self.port}"
            return
        found = self._stack.enter_context(programs.receiver(data, log, port=self.port))
        self.receiver, self.url = found.process, found.url
        self.port = int(found.url.rsplit(":", 1)[1])

    def serves(self) -> bool:
        """Say whether the receiver answers."""
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=2) as answer:  # noqa: S310 - our own receiver
                return bool(answer.status == HTTPStatus.OK)
        except OSError:
            return False

    def write_config(self, url: str | None = None) -> None:
        """Write the collector's configuration, with waits that suit a test."""
        sections: dict[str, dict[str, Any]] = {
            "receiver": {"url": url or self.url or f"http://127.0.0.1:{self.free_port()}"},
            "watch": {"scan_seconds": 1, "settle_seconds": 0.4, "broken_after_seconds": 1.5},
            "ship": {"heartbeat_seconds": 0.5, "retry_first_seconds": 0.05, "retry_cap_seconds": 0.5},
            "spool": {"ballast_bytes": 65536},
        }
        for name, values in self.settings.items():
            sections.setdefault(name, {}).update(values)
        text = [f"state_dir = {json.dumps(str(self.state))}"]
        for name, values in sections.items():
            text += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items())]
        root = {"name": "inbox", "path": str(self.inbox)} | self.root
        text += ["[[roots]]", *(f"{key} = {json.dumps(value)}" for key, value in root.items()), self.more]
        self.config.write_text("\n".join(text) + "\n")

    def free_port(self) -> int:
        """Keep a port for a receiver that starts later."""
        if not self.port:
            with socket.socket() as one:
                one.bind(("127.0.0.1", 0))
                self.port = one.getsockname()[1]
        return self.port

    def start_collector(self, *, wait: bool = True) -> None:
        """Start the daemon, by default until it answers on its socket."""
        if not self.config.exists():
            self.write_config()
        self._awaited = self.starts + 1
        words = [programs.command("carnet-collector"), "run", "--config", str(self.config)]
        self.collector = self._stack.enter_context(programs.running(words, self.collector_log))
        if wait:
            self.wait_for_collector()

    def wait_for_collector(self) -> None:
        """Wait until the daemon that was started last said that it started."""
        eventually("the collector started", lambda: self.starts >= self._awaited or self._collector_died())

    @property
    def starts(self) -> int:
        """How often the daemon said that it started."""
        return len(self.events("started"))

    def _collector_died(self) -> bool:
        assert self.collector is not None
        assert self.collector.poll() is None, self.collector_log.read_text()[-2000:]
        return False

    def stop_collector(self) -> int:
        """End the daemon as a service manager does; gives its exit status."""
        assert self.collector is not None
        return programs.stop(self.collector)

    def stop_receiver(self) -> int:
        assert self.receiver is not None
        return programs.stop(self.receiver)

    def kill(self, process: subprocess.Popen[str] | None) -> None:
        """kill -9."""
        assert process is not None
        process.kill()
        process.wait()

    def close(self) -> None:
        self._stack.close()

    @contextmanager
    def altered(self, path: Path) -> Iterator[sqlite3.Connection]:
        """Change rows of a database as somebody with the file in hand could: no triggers that refuse it."""
        connection = sqlite3.connect(path)
        try:
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
                if path.name != SPOOL_NAME:
                    connection.execute(f"DROP TRIGGER {name}")
            yield connection
            connection.commit()
        finally:
            connection.close()

    # --- files ---

    def drop(self, name: str, content: bytes | str) -> Path:
        """Put a file into the inbox as a careful writer does: under a dot-name first, then renamed."""
        path = self.inbox / name
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.part")
        beside.write_bytes(content.encode() if isinstance(content, str) else content)
        beside.rename(path)
        return path

    # --- asking the collector ---

    def ask(self, *words: str, exits: int = 0) -> Any:  # noqa: ANN401 - whatever the command prints
        """Run one of the collector's commands, in this process, with --output json, and read what it prints."""
        done = CliRunner().invoke(program, [*words, "--config", str(self.config), "--output", "json"])
        status = done.exception.exit_status if isinstance(done.exception, CarnetError) else done.exit_code
        assert status == exits, (words, done.output, done.exception)
        return json.loads(done.stdout) if done.stdout else None

    def status(self) -> dict[str, Any]:
        """What the running daemon answers on its socket."""
        return dict(asyncio.run(ask_status(self.state / SOCKET_NAME)))

    def spooled(self, state: State | None = None) -> list[Listed]:
        """The entries of the spool, read beside the daemon or after it."""
        with self.reader() as reader:
            return reader.list(state, limit=1_000_000)

    def listed(self) -> set[bytes]:
        """The ids of all envelopes that left, as the collector's ledger has them."""
        with self.reader() as reader:
            return {one.what.id for one in reader.departures()}

    def aside(self) -> dict[str, str]:
        """Path and reason of each file that was set aside."""
        with self.reader() as reader:
            return {one.path: one.aside.reason for one in reader.asides()}

    def pending(self) -> int:
        with self.reader() as reader:
            return reader.stats(clock.utcnow()).pending

    def reader(self) -> SpoolReader:
        return SpoolReader.open_for_reading(self.state / SPOOL_NAME)

    def events(self, name: str | None = None) -> list[dict[str, Any]]:
        """What the collector logged; a line that a kill cut short is left out."""
        found = []
        for line in self.collector_log.read_text().splitlines() if self.collector_log.exists() else []:
            if name is not None and f'"{name}"' not in line:
                continue
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if isinstance(event, dict) and name in {None, event.get("event")}:
                found.append(event)
        return found

    # --- asking the receiver ---

    @contextmanager
    def store(self) -> Iterator[Store]:
        """The receiver's database, opened beside it or after it."""
        store = Store.open(Embedded(self.folder / "r").database_url)
        try:
            yield store
        finally:
            store.close()

    @functools.cached_property
    def workspace(self) -> str:
        return Embedded(self.folder / "r").names().workspace

    def token(self) -> str:
        """A token that may read as much as it likes."""
        if self._token is None:
            with self.store() as store:
                issued = access.issue(
                    store, self.workspace, Kind.API_KEY, [Scope.READ], "rig", clock.utcnow(), os.urandom, 1, _UNLIMITED
                )
            self._token = issued.token
        return self._token

    def get(self, path: str) -> bytes:
        """Ask the receiver over HTTP."""
        request = urllib.request.Request(  # noqa: S310 - our own receiver
            f"{self.url}{path}", headers={"Authorization": f"Bearer {self.token()}"}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            return bytes(answer.read())

    def attestations(self) -> list[dict[str, Any]]:
        """All attestations as the API lists them, oldest first."""
        found: list[dict[str, Any]] = []
        cursor = ""
        while True:
            page = json.loads(self.get(f"/api/v1/attestations?limit=200{cursor}"))
            found += page["items"]
            if not page["nextCursor"]:
                return found[::-1]
            cursor = f"&cursor={page['nextCursor']}"

    def envelope(self, attestation_id: str) -> bytes:
        return self.get(f"/api/v1/attestations/{attestation_id}/envelope")

    def collected(self) -> list[Collected]:
        """What every attestation says, oldest first, each checked under the collector's key."""
        key, found = self.key, []
        for row in self.attestations():
            verified = dsse.verify(dsse.parse(self.envelope(row["id"])), key)
            assert verified.id_text == row["id"]
            found.append(statement.read(verified).as_(Collected))
        return found

    def envelopes(self) -> list[bytes]:
        """The exact bytes of every attestation, oldest first, straight from the store."""
        with self.store() as store:
            found: list[bytes] = []
            cursor = None
            while True:
                page = lookup.attestations(store, self.workspace, lookup.Filters(), lookup.MAX_LIMIT, cursor)
                found += [lookup.envelope(store, self.workspace, one.row.id) for one in page.items]
                cursor = page.next_cursor
                if cursor is None:
                    return found[::-1]

    def ids(self) -> set[bytes]:
        """The ids of all attestations that the receiver holds."""
        return {dsse.parse(raw).id for raw in self.envelopes()}

    def count(self) -> int:
        """How many attestations the receiver has."""
        with self.store() as store:
            return sum(
                view.head + 1
                for one in lookup.collectors(store, self.workspace, 10).items
                for view in streams.of_collector(store, self.workspace, one.collector.collector_id, clock.utcnow())
            )

    def order(self, *words: str, exits: tuple[int, ...] = (0,)) -> Any:  # noqa: ANN401 - whatever the command prints
        """Run one of the receiver's commands, in this process, with --output json, and read what it prints."""
        done = CliRunner().invoke(GROUP, [*words, "--data", str(self.folder / "r"), "--output", "json"])
        status = done.exception.exit_status if isinstance(done.exception, CarnetError) else done.exit_code
        assert status in exits, (words, done.output, done.exception)
        return json.loads(done.stdout) if done.stdout else None

    def fsck(self, ok: tuple[int, ...] = (0,)) -> list[dict[str, Any]]:
        """What the receiver's fsck finds."""
        return list(self.order("fsck", exits=ok)["findings"])


@contextmanager
def rig(folder: Path, **settings: Any) -> Iterator[Rig]:  # noqa: ANN401 - sections of the configuration
    """Lay out a rig; whatever it started is ended with the block."""
    root, more = settings.pop("root", {}), settings.pop("more", "")
    made = Rig(folder, settings=settings, root=root, more=more)
    try:
        yield made
    finally:
        made.close()
