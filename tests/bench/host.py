"""A host with a collector of its own: folders, configuration, enrolment, the running daemon, and what it uses."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from collector.config import load_config
from collector.instance import Instance, open_instance
from collector.scan import scan
from collector.spool import FileSeen
from collector.status import SOCKET_NAME, ask_status
from shared.encoding import sha256
from shared.errors import StateError
from tests.bench import reports
from tests.helpers import programs

_PATIENCE_SECONDS = 120.0
_POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Host:
    """Where everything of one collector is."""

    folder: Path

    @property
    def inbox(self) -> Path:
        """The watched folder."""
        return self.folder / "inbox"

    @property
    def state_dir(self) -> Path:
        """The key, the enrolment and the spool."""
        return self.folder / "state"

    @property
    def config(self) -> Path:
        """The configuration file."""
        return self.folder / "collector.toml"

    @contextlib.contextmanager
    def opened(self) -> Iterator[Instance]:
        """Open key, enrolment and spool as the daemon does, while it does not run."""
        with open_instance(load_config(self.config, {}), "") as instance:
            yield instance


@dataclass(frozen=True)
class Daemon:
    """A running collector."""

    host: Host
    process: subprocess.Popen[str]

    def status(self) -> dict[str, Any]:
        """Ask it how it is; raises `StateError` while it does not answer."""
        return dict(asyncio.run(ask_status(self.host.state_dir / SOCKET_NAME)))

    def wait(self, reached: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Ask until its status is as wanted; raises `RuntimeError` where that takes too long."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            with contextlib.suppress(StateError):
                status = self.status()
                if reached(status):
                    return status
            time.sleep(_POLL_SECONDS)
        msg = f"the collector did not get there: {(self.host.folder / 'log').read_text()[-2000:]}"
        raise RuntimeError(msg)

    def cpu_seconds(self) -> float:
        """Processor time that it used so far, its own and the kernel's (proc(5), fields utime and stime)."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident_bytes(self) -> tuple[int, int]:
        """Memory that it has now, and the most that it ever had (proc(5), VmRSS and VmHWM)."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        kib = {name: value.split()[0] for name, _, value in (line.partition(":") for line in lines) if value.split()}
        return int(kib["VmRSS"]) << 10, int(kib["VmHWM"]) << 10


def enrolled(folder: Path, receiver: programs.Receiver, **watch: float) -> Host:
    """Make a host with the default settings, besides those of `watch`, and enrol it with the receiver's invitation."""
    host = Host(folder)
    host.inbox.mkdir(parents=True)
    lines = [
        f"state_dir = {json.dumps(str(host.state_dir))}",
        f"receiver.url = {json.dumps(receiver.url)}",
        *(f"watch.{key} = {value}" for key, value in watch.items()),
        "[[roots]]",
        'name = "ci"',
        f"path = {json.dumps(str(host.inbox))}",
    ]
    host.config.write_text("\n".join(lines) + "\n")
    programs.enrol(receiver, host.state_dir, "bench")
    return host


@contextlib.contextmanager
def running(host: Host) -> Iterator[Daemon]:
    """Run the daemon."""
    words = [programs.command("carnet-collector"), "run", "--config", str(host.config)]
    with programs.running(words, host.folder / "log") as process:
        yield Daemon(host, process)


def known_tree(host: Host, instance: Instance, count: int) -> list[FileSeen]:
    """Write so many reports into the watched folder, and give them as a spool remembers them."""
    reports.write_tree(host.inbox, count)
    spec = instance.plans["ci"].spec
    return [
        FileSeen("ci", path, look.size, look.mtime_ns, look.ctime_ns, look.device, look.inode, sha256(path.encode()))
        for path, look in scan(spec)
    ]


def await_first_scan(daemon: Daemon) -> None:
    """Wait until the daemon has looked through the whole folder: until it took the one report that was new there."""
    daemon.wait(lambda status: status["intake"]["captured"] >= 1)


def add_fresh(host: Host) -> None:
    """Put a report into the folder that no spool knows."""
    (host.inbox / "fresh.xml").write_bytes(reports.junit(10**6))
