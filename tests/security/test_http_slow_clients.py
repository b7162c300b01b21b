"""S11, F53, F54: a client that is slow, silent, greedy or no HTTP at all costs a receiver next to nothing."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from receiver.core.tokens import Scope
from receiver.web.application import check_library
from receiver.web.settings import WebSettings
from shared.errors import ConfigError
from tests.helpers.receiving import Receiver, serving

PATIENCE = 10.0
SMALL = WebSettings(
    header_seconds=0.3,
    body_idle_seconds=0.3,
    request_seconds=1.0,
    keep_alive_seconds=1.0,
    max_connections=6,
    max_connections_per_peer=4,
)


@pytest.fixture
async def receiver(tmp_path: Path) -> AsyncIterator[Receiver]:
    async with serving(tmp_path / "data", settings=SMALL) as running:
        yield running


class Lines:
    """Raw connections to a receiver; all of them are hung up at the end."""

    def __init__(self) -> None:
        self._writers: list[asyncio.StreamWriter] = []

    async def to(self, receiver: Receiver) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", receiver.port)
        self._writers.append(writer)
        return reader, writer

    async def hang_up(self) -> None:
        for writer in self._writers:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
        self._writers.clear()


@pytest.fixture
async def lines() -> AsyncIterator[Lines]:
    made = Lines()
    yield made
    await made.hang_up()


async def answer_of(reader: asyncio.StreamReader) -> bytes:
    """All that comes until the peer closes; one that closes on what is still being sent resets, behind its answer."""
    pieces: list[bytes] = []
    async with asyncio.timeout(PATIENCE):
        with contextlib.suppress(ConnectionResetError):
            while piece := await reader.read(1 << 16):
                pieces.append(piece)
    return b"".join(pieces)


async def metric(receiver: Receiver, name: str) -> float:
    text = (await receiver.get("/metrics")).body.decode()
    found = [line for line in text.splitlines() if line.startswith(name)]
    return float(found[0].rsplit(" ", 1)[1]) if found else 0.0


async def test_a_connection_that_sends_nothing_is_closed(receiver: Receiver, lines: Lines) -> None:
    reader, _ = await lines.to(receiver)
    assert await answer_of(reader) == b""
    assert await metric(receiver, 'carnet_connections_refused_total{reason="slow_header"}') == 1


async def test_a_header_that_does_not_end_is_closed_however_it_trickles(receiver: Receiver, lines: Lines) -> None:
    reader, writer = await lines.to(receiver)

    async def trickle() -> None:
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n")
        while not writer.is_closing():
            writer.write(b"X: 1\r\n")
            await writer.drain()
            await asyncio.sleep(0.02)

    trickling = asyncio.create_task(trickle())
    assert await answer_of(reader) == b""
    trickling.cancel()
    await asyncio.gather(trickling, return_exceptions=True)


async def test_the_next_header_on_a_kept_connection_has_no_more_time_than_the_first(
    receiver: Receiver, lines: Lines
) -> None:
    reader, writer = await lines.to(receiver)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    writer.write(b"GET /healthz HTTP/1.1\r\nHos")
    rest = await answer_of(reader)
    assert b"HTTP/1.1" not in rest
    assert await metric(receiver, 'carnet_connections_refused_total{reason="slow_header"}') == 1


async def test_an_idle_connection_is_closed_after_the_keep_alive(receiver: Receiver, lines: Lines) -> None:
    reader, writer = await lines.to(receiver)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (await answer_of(reader)).startswith(b"HTTP/1.1 200")


async def test_a_body_that_stands_still_is_answered_with_408_and_closed(receiver: Receiver, lines: Lines) -> None:
    token = receiver.token(Scope.COLLECTOR_WRITE)
    reader, writer = await lines.to(receiver)
    writer.write(
        b"POST /api/v1/collector/attestations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Authorization: Bearer " + token.encode() + b"\r\nContent-Length: 1000\r\n\r\n{"
    )
    answer = await answer_of(reader)
    assert answer.startswith(b"HTTP/1.1 408")
    assert json.loads(answer.split(b"\r\n\r\n", 1)[1])["code"] == "unavailable"


async def test_a_body_that_trickles_is_ended_by_the_limit_on_the_whole_request(
    receiver: Receiver, lines: Lines
) -> None:
    token = receiver.token(Scope.COLLECTOR_WRITE)
    reader, writer = await lines.to(receiver)
    writer.write(
        b"POST /api/v1/collector/attestations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Authorization: Bearer " + token.encode() + b"\r\nContent-Length: 100000\r\n\r\n"
    )

    async def trickle() -> None:
        while not writer.is_closing():
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.05)

    trickling = asyncio.create_task(trickle())
    answer = await answer_of(reader)
    trickling.cancel()
    await asyncio.gather(trickling, return_exceptions=True)
    assert answer.startswith(b"HTTP/1.1 408")


async def test_a_peer_over_its_connections_is_told_so_and_its_others_go_on(tmp_path: Path, lines: Lines) -> None:
    settings = WebSettings(max_connections=6, max_connections_per_peer=4)
    async with serving(tmp_path / "data", settings) as receiver:
        held = [await lines.to(receiver) for _ in range(4)]
        reader, _ = await lines.to(receiver)
        answer = await answer_of(reader)
        assert answer.startswith(b"HTTP/1.1 503")
        assert b"Retry-After: 1" in answer
        first_reader, first_writer = held[0]
        first_writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert (await answer_of(first_reader)).startswith(b"HTTP/1.1 200")
        await lines.hang_up()


async def test_places_are_given_back_when_connections_end(receiver: Receiver, lines: Lines) -> None:
    for _ in range(3):
        held = [await lines.to(receiver) for _ in range(4)]
        for reader, _ in held:
            assert await answer_of(reader) == b""
        await lines.hang_up()
    assert (await receiver.get("/healthz")).status == 200


@pytest.mark.parametrize(
    "request_bytes",
    [
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01", id="a TLS handshake"),
        pytest.param(b"SSH-2.0-x\r\n\r\n", id="another protocol"),
        pytest.param(
            b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", id="two lengths"
        ),
        pytest.param(
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            id="length and chunks",
        ),
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 65536 + b"\r\n\r\n", id="a header of 64 KiB"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\nBad Name: 1\r\n\r\n", id="a space in a name"),
    ],
)
async def test_what_is_no_http_is_refused_in_the_shape_of_every_error(
    receiver: Receiver, lines: Lines, request_bytes: bytes
) -> None:
    reader, writer = await lines.to(receiver)
    writer.write(request_bytes)
    answer = await answer_of(reader)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.split(b" ")[1] == b"400"
    assert json.loads(body)["code"] == "bad_syntax"
    assert b"aiohttp" not in head
    assert b"Python" not in head


async def test_a_slow_client_does_not_slow_the_others(tmp_path: Path, lines: Lines) -> None:
    async with serving(tmp_path / "data", settings=WebSettings(header_seconds=5.0)) as receiver:
        slow = [await lines.to(receiver) for _ in range(50)]
        for _, writer in slow:
            writer.write(b"GET /healthz HTTP/1.1\r\nHost:")
        async with asyncio.timeout(1.0):
            assert (await receiver.get("/healthz")).status == 200
        await lines.hang_up()


async def test_a_reader_that_stops_is_cut_off_and_not_waited_for(receiver: Receiver) -> None:
    with socket.socket() as stopped:
        stopped.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stopped.connect(("127.0.0.1", receiver.port))
        stopped.settimeout(0)
        asked = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 1000
        async with asyncio.timeout(PATIENCE):
            with contextlib.suppress(ConnectionError):
                await asyncio.get_running_loop().sock_sendall(stopped, asked)
            closed = 'carnet_connections_refused_total{reason="slow_reader"}'
            while await metric(receiver, closed) != 1:  # noqa: ASYNC110 - it is another program's counter
                await asyncio.sleep(0.05)


def test_an_aiohttp_with_known_parser_faults_is_refused_at_the_start() -> None:
    with pytest.raises(ConfigError, match=r"3\.14\.3 or newer"):
        check_library("3.14.2", "aiohttp._http_parser")


def test_an_aiohttp_without_its_c_parser_is_refused_at_the_start() -> None:
    with pytest.raises(ConfigError, match="C parser"):
        check_library("3.14.5", "aiohttp.http_parser")


def test_the_installed_aiohttp_is_good_enough() -> None:
    check_library()
    assert aiohttp.__version__
