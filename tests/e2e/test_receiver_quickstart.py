"""`carnet-receiver quickstart` as a process: what it makes, what it says, how it stops, and how it starts again."""

import asyncio
import json
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from receiver.cli import main
from shared.encoding import sha256
from shared.keyfile import load_key

STARTED_SECONDS = 30
STOPPED_SECONDS = 15
SECRETS = ("apiKey", "gateToken", "evidenceToken", "enrolToken", "adminPassword")


class Started:
    """A receiver as a process of its own; `told` is the line of JSON that it printed."""

    def __init__(self, data: Path, *options: str) -> None:
        command = [sys.executable, "-m", "receiver.cli", "quickstart", "--data", str(data), "--port", "0", *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.stdout = self.process.stdout

    def line(self) -> str:
        return self.stdout.readline()

    def told(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.line())
        return found

    def stop(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str, str]:
        """Ask it to stop; gives the exit status and what it still wrote."""
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=STOPPED_SECONDS)
        return self.process.returncode, out, err


@contextmanager
def started(data: Path, *options: str) -> Iterator[Started]:
    running = Started(data, *options)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.process.kill()
        running.process.communicate()


@dataclass(frozen=True)
class Ended:
    """A directory whose first start came to its end: what it told, and what it still wrote when it was stopped."""

    data: Path
    told: dict[str, Any]
    status: int
    wrote: str

    def copy(self, data: Path) -> Path:
        """Copy the directory, as if it had been made there."""
        shutil.copytree(self.data, data)
        config = data / "receiver.toml"
        config.write_text(config.read_text().replace(str(self.data), str(data)))
        return data


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    data = tmp_path_factory.mktemp("first") / "data"
    with started(data, "--json") as running:
        told = running.told()
        status, out, err = running.stop()
    return Ended(data, told, status, out + err)


async def status_of(url: str, token: str | None = None) -> int:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession() as http, http.get(url, headers=headers) as answer:
        return answer.status


async def test_one_command_sets_up_a_receiver_and_prints_one_line_of_json(tmp_path: Path) -> None:
    data = tmp_path / "new" / "data"
    with started(data, "--json") as running:
        told = running.told()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", told["url"])
        assert told["workspace"].startswith("ws_")
        assert told["receiver"].startswith("rcv_")
        assert told["apiKey"].startswith("mw_live_")
        assert told["gateToken"].startswith("rp_live_")
        assert told["evidenceToken"].startswith("rp_live_")
        assert told["enrolToken"].startswith("ce_once_")
        assert told["adminEmail"] == "admin@localhost"
        assert len(told["adminPassword"]) >= 20
        assert told["rootKey"] == load_key(data / "root.key").public.key_id
        assert await status_of(f"{told['url']}/readyz") == 200
        assert await status_of(f"{told['url']}/api/v1/attestations", told["apiKey"]) == 200
        assert await status_of(f"{told['url']}/api/v1/keyring", told["gateToken"]) == 200
        assert await status_of(f"{told['url']}/api/v1/keyring", told["evidenceToken"]) == 200
        assert await status_of(f"{told['url']}/api/v1/attestations", told["gateToken"]) == 403


async def test_a_second_start_serves_the_same_data_and_shows_no_secret(ended: Ended, tmp_path: Path) -> None:
    assert ended.status == 0
    first = ended.told
    with started(ended.copy(tmp_path / "data"), "--json") as running:
        second = running.told()
        assert second.keys() == first.keys() - set(SECRETS)
        assert {name: second[name] for name in ("workspace", "receiver", "rootKey", "adminEmail")} == {
            name: first[name] for name in ("workspace", "receiver", "rootKey", "adminEmail")
        }
        assert await status_of(f"{second['url']}/api/v1/attestations", first["apiKey"]) == 200


def test_the_text_tells_a_newcomer_what_to_do_next(tmp_path: Path) -> None:
    with started(tmp_path / "data") as running:
        shown: list[str] = []
        while not (line := running.line()).startswith("Stop with Ctrl-C"):
            assert line, "it ended before it said how to stop"
            shown.append(line)
        text = "".join(shown)
    enrolling = next(line for line in shown if "carnet-collector enrol" in line)
    assert re.search(
        r"--url http://127\.0\.0\.1:\d+ --token-file enrol\.token --receiver-key sha256:[0-9a-f]{64}", enrolling
    )
    assert "ce_once_" in text
    assert "ce_once_" not in enrolling, "a token on a command line shows in the process list"
    assert "Shown once" in text


def test_files_are_for_their_owner_and_hold_no_token_and_no_password(ended: Ended) -> None:
    files = sorted(ended.data.iterdir())
    assert {"receiver.db", "master.key", "root.key", "receiver.toml"} <= {one.name for one in files}
    assert {oct(one.stat().st_mode & 0o777) for one in files} == {"0o600"}
    assert oct(ended.data.stat().st_mode & 0o777) == "0o700"
    for one in files:
        content = one.read_bytes()
        for name in SECRETS:
            assert ended.told[name].encode() not in content, f"{name} in {one.name}"
    assert any(b"$argon2id$" in one.read_bytes() for one in files)
    for name in SECRETS:
        assert ended.told[name] not in ended.wrote


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_stop_finishes_the_request_in_flight(ended: Ended, tmp_path: Path, number: signal.Signals) -> None:
    async with AsyncExitStack() as calling:
        running = calling.enter_context(started(ended.copy(tmp_path / "data"), "--json"))
        port = int(running.told()["url"].rsplit(":", 1)[1])
        body = b'{"name": "ci-07", "request": {}}'
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        calling.push_async_callback(hang_up, writer)
        writer.write(
            b"POST /api/v1/collectors/enrol HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Authorization: Bearer %b\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n"
            % (ended.told["enrolToken"].encode(), len(body))
        )
        # Once it asks for the body, the request is in flight.
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100")
        running.process.send_signal(number)
        await refused(port)
        writer.write(body)
        answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 4")
        assert b"application/problem+json" in answer
        assert await asyncio.to_thread(running.process.wait, STOPPED_SECONDS) == 0


async def refused(port: int) -> None:
    """Wait until nobody listens any more."""
    async with asyncio.timeout(STOPPED_SECONDS):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionError:
                return
            await hang_up(writer)
            await asyncio.sleep(0.02)


async def hang_up(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


async def test_a_first_start_that_was_interrupted_is_taken_up_again(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with started(data, "--json") as running:
        first = running.told()
        running.stop(signal.SIGKILL)
    (data / "receiver.toml").unlink()
    with started(data, "--json") as running:
        second = running.told()
        assert (second["workspace"], second["rootKey"]) == (first["workspace"], first["rootKey"])
        assert second["apiKey"] != first["apiKey"]
        assert await status_of(f"{second['url']}/api/v1/attestations", second["apiKey"]) == 200


async def test_a_kill_loses_nothing_that_was_answered(ended: Ended, tmp_path: Path) -> None:
    data = ended.copy(tmp_path / "data")
    with started(data, "--json") as running:
        running.told()
        assert main(["collectors", "invite", "ci-09", "--data", str(data)]) == 0
        running.stop(signal.SIGKILL)
    assert main(["fsck", "--data", str(data)]) == 0


def test_a_port_that_is_taken_is_said_in_words_with_exit_78(ended: Ended, tmp_path: Path) -> None:
    data = ended.copy(tmp_path / "data")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        again = subprocess.run(
            [sys.executable, "-m", "receiver.cli", "quickstart", "--data", str(data), "--port", port],
            capture_output=True,
            text=True,
            timeout=STARTED_SECONDS,
            check=False,
        )
    assert again.returncode == 78
    assert f"port {port}" in again.stderr
    assert "hint: choose another host or port" in again.stderr


def test_a_key_file_that_others_can_read_stops_the_start(ended: Ended, tmp_path: Path) -> None:
    data = ended.copy(tmp_path / "data")
    (data / "master.key").chmod(0o644)
    again = subprocess.run(
        [sys.executable, "-m", "receiver.cli", "quickstart", "--data", str(data), "--port", "0"],
        capture_output=True,
        text=True,
        timeout=STARTED_SECONDS,
        check=False,
    )
    assert again.returncode == 78
    assert "chmod 600" in again.stderr
    assert sha256(again.stdout.encode()) == sha256(b"")
