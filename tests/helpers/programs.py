"""The two programs as real processes: started, asked over their public commands and routes, stopped."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

START_SECONDS = 60.0
STOP_SECONDS = 20.0


def command(name: str) -> str:
    """The installed console script of that name, beside this Python."""
    return str(Path(sys.executable).with_name(name))


@dataclass(frozen=True)
class Receiver:
    """A running receiver: its process, and what `quickstart --json` printed."""

    process: subprocess.Popen[str]
    printed: dict[str, Any]

    @property
    def url(self) -> str:
        """Where it serves."""
        return str(self.printed["url"])


@contextlib.contextmanager
def running(words: list[str], log: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a program with its standard error in a file; end it with SIGTERM, and with SIGKILL if that takes too long."""
    with log.open("ab") as errors:
        process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=errors, text=True, start_new_session=True)
        try:
            yield process
        finally:
            stop(process)
            if process.stdout is not None:
                process.stdout.close()


def stop(process: subprocess.Popen[str]) -> int:
    """End a program as a service manager would, and give its exit status."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        return process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


@contextlib.contextmanager
def receiver(data: Path, log: Path, *, port: int = 0) -> Iterator[Receiver]:
    """Run `carnet-receiver quickstart`, and wait until it said where it serves."""
    with running(receiver_words(data, port), log) as process:
        yield Receiver(process, json.loads(_first_line(process, log)))


def receiver_words(data: Path, port: int) -> list[str]:
    """The command line of a receiver on a directory; port 0 takes a free one."""
    return [command("carnet-receiver"), "quickstart", "--data", str(data), "--port", str(port), "--json"]


def _first_line(process: subprocess.Popen[str], log: Path) -> str:
    assert process.stdout is not None
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        ready, _, _ = select.select([process.stdout], [], [], 0.2)
        if ready:
            line = process.stdout.readline()
            if line:
                return line
        if process.poll() is not None:
            break
    msg = f"the receiver did not start: {log.read_text()[-2000:]}"
    raise RuntimeError(msg)


def call(name: str, *words: str, stdin: str | None = None, ok: tuple[int, ...] = (0,)) -> str:
    """Run one of the commands to its end, and give what it printed; raises `RuntimeError` with its own words."""
    done = subprocess.run(
        [command(name), *words], input=stdin, capture_output=True, text=True, timeout=120, check=False, env=os.environ
    )
    if done.returncode not in ok:
        msg = f"{name} {words[0]} exited {done.returncode}: {done.stderr.strip()}"
        raise RuntimeError(msg)
    return done.stdout


def enrol(at: Receiver, state_dir: Path, name: str) -> dict[str, Any]:
    """Enrol a collector with the receiver's own invitation and root key."""
    words = enrol_words(at, state_dir, name)
    return dict(json.loads(call("carnet-collector", *words, stdin=str(at.printed["enrolToken"]) + "\n")))


def enrol_words(at: Receiver, state_dir: Path, name: str) -> list[str]:
    """The command that enrols with a token on its standard input."""
    return [
        "enrol", "--url", at.url, "--token-file", "-", "--receiver-key", str(at.printed["rootKey"]),
        "--state-dir", str(state_dir), "--name", name, "--output", "json",
    ]  # fmt: skip
