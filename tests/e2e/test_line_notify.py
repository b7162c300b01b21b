"""The service manager hears when the collector is ready, as long as work is done, and when it stops (F28)."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from collector.notify import ALIVE, READY, ServiceManager
from tests.helpers.rig import eventually, rig


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> socket.socket:
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listening.bind(str(tmp_path / "n"))
    listening.settimeout(0)
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "n"))
    monkeypatch.setenv("WATCHDOG_USEC", "300000")
    return listening


def _heard(listening: socket.socket) -> list[bytes]:
    heard = []
    while True:
        try:
            heard.append(listening.recv(100))
        except BlockingIOError:
            return heard


def test_it_says_ready_then_alive_again_and_again_then_stopping(manager: socket.socket, tmp_path: Path) -> None:
    heard: list[bytes] = []
    with manager, rig(tmp_path / "rig") as one:
        one.start_collector()

        def lively() -> bool:
            heard.extend(_heard(manager))
            return heard.count(ALIVE) >= 3

        eventually("it says that work is done", lively)
        assert heard.count(READY) == 1
        assert one.collector is not None
        one.collector.terminate()
        assert one.collector.wait(30) == 0
        heard.extend(_heard(manager))
    assert heard[-1] == b"STOPPING=1"


def test_nobody_who_listens_is_no_failure(tmp_path: Path) -> None:
    ServiceManager(None, None).tell(READY)
    ServiceManager(str(tmp_path / "gone"), None).tell(READY)


@pytest.mark.parametrize(("said", "seconds"), [("30000000", 30.0), ("", None), ("soon", None)])
def test_the_managers_wish_is_read_from_its_variables(said: str, seconds: float | None) -> None:
    found = ServiceManager.of({"NOTIFY_SOCKET": "@carnet", "WATCHDOG_USEC": said})
    assert (found.address, found.watchdog_seconds) == ("@carnet", seconds)
