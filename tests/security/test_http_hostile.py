"""S11, F53: nothing that is hidden behind a request with crooked framing is ever executed; F54: bombs cost no memory.

Each request below carries a second one behind it: a write with a good token, which stores a row when it is sent by
itself. A receiver that finds another end of the first request than whoever stands before it would execute it. The
memory is looked at from outside, of a receiver that is a process of its own. The slow clients of S11 stand in
`test_http_slow_clients.py`.
"""

import asyncio
import contextlib
import gzip
import json
import time
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import aiohttp
import pytest
from backports import zstd

from receiver.core.tokens import Scope
from receiver.web.settings import WebSettings
from shared.wire import MAX_BATCH_BYTES, MAX_BODY_BYTES
from tests.helpers import programs
from tests.helpers.receiving import JSON, Receiver, serving

PATIENCE = 10.0
BRISK = WebSettings(
    header_seconds=1.0, body_idle_seconds=1.0, request_seconds=2.0, keep_alive_seconds=1.0, max_failures_per_minute=1000
)
POSTS = "/api/v1/attestations"
BATCHES = "/api/v1/collector/attestations"
MIB = 1 << 20
HOST = b"Host: x\r\n"
JSON_LINE = b"Content-Type: application/json\r\n"
EMPTY = b"Content-Length: 0\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
NO_CHUNKS = b"0\r\n\r\n"


@pytest.fixture
async def receiver(tmp_path: Path) -> AsyncIterator[Receiver]:
    async with serving(tmp_path / "data", settings=BRISK) as running:
        yield running


class Attacker:
    """Somebody with a good token, whose writes hide behind other requests."""

    def __init__(self, receiver: Receiver) -> None:
        self.receiver = receiver
        self.token = receiver.token(Scope.ADMIN, Scope.READ)
        self.bearer = b"Authorization: Bearer " + self.token.encode() + b"\r\n"

    @property
    def hidden(self) -> bytes:
        """A write that is good by itself."""
        body = json.dumps({"repositoryFullName": "acme/smuggled", "type": "TEST_RESULTS", "name": "x", "passed": True})
        return self.post(b"Content-Length: %d\r\n" % len(body), body.encode())

    def post(self, framing: bytes, rest: bytes = b"", version: bytes = b"1.1") -> bytes:
        """A post whose body is framed as these lines say."""
        return b"POST %b HTTP/%b\r\n%b\r\n%b" % (
            POSTS.encode(), version, HOST + JSON_LINE + self.bearer + framing, rest,
        )  # fmt: skip

    async def stored(self) -> int:
        return len((await self.receiver.get(f"{POSTS}?limit=200", self.token)).json["items"])

    async def answers(self, sent: bytes) -> list[int]:
        """Send bytes; gives the status of each answer that comes until the receiver closes."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.receiver.port)
        pieces: list[bytes] = []
        async with asyncio.timeout(PATIENCE):
            with contextlib.suppress(ConnectionError):
                writer.write(sent)
                while piece := await reader.read(1 << 16):
                    pieces.append(piece)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        return statuses(b"".join(pieces))

    async def refused(self, cases: dict[str, bytes], allowed: set[int] | None = None) -> None:
        """Send each with a write behind it: there is one error at most, the connection ends, nothing is stored."""
        names = list(cases)
        found = await asyncio.gather(*(self.answers(cases[name] + self.hidden) for name in names))
        for name, answers in zip(names, found, strict=True):
            assert answers in ([], *([one] for one in allowed or {400})), name
        assert await self.stored() == 0
        assert (await self.receiver.get("/healthz")).status == 200


def statuses(stream: bytes) -> list[int]:
    """Read the statuses of the answers that follow each other, by the length that each says it has."""
    found = []
    while stream:
        head, _, rest = stream.partition(b"\r\n\r\n")
        words, *lines = head.split(b"\r\n")
        found.append(int(words.split(b" ")[1]))
        lengths = [int(one.split(b":")[1]) for one in lines if one.lower().startswith(b"content-length:")]
        stream = rest[sum(lengths) :]
    return found


@pytest.fixture
def attacker(receiver: Receiver) -> Attacker:
    return Attacker(receiver)


# --- framing ---


async def test_the_write_that_hides_below_is_executed_where_it_stands_in_the_open(attacker: Attacker) -> None:
    assert await attacker.answers(attacker.hidden) == [201]
    assert await attacker.stored() == 1


async def test_two_requests_with_clean_framing_on_one_connection_are_two(attacker: Attacker) -> None:
    assert await attacker.answers(b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n" + attacker.hidden) == [200, 201]
    chunks = attacker.post(b"transfer-encoding: CHUNKED\r\n", b"2;name=value\r\n{}\r\n0\r\n\r\n")
    assert await attacker.answers(chunks + attacker.hidden) == [422, 201]
    assert await attacker.stored() == 2


async def test_a_length_that_can_be_read_in_two_ways_is_refused(attacker: Attacker) -> None:
    other = b"Content-Length: %d\r\n" % len(attacker.hidden)
    lines = {
        "two": EMPTY + other,
        "the same twice": EMPTY + EMPTY,
        "a list": b"Content-Length: 0, 0\r\n",
        "signed": b"Content-Length: +0\r\n",
        "negative": b"Content-Length: -1\r\n",
        "hexadecimal": b"Content-Length: 0x0\r\n",
        "underscore": b"Content-Length: 0_0\r\n",
        "digits of another script": "Content-Length: \u0660\r\n".encode(),
        "empty": b"Content-Length: \r\n",
        "overflow": b"Content-Length: 18446744073709551616\r\n",
        "folded": b"Content-Length:\r\n\t0\r\n",
        "space before the colon": b"Content-Length : 0\r\n",
    }
    await attacker.refused({name: attacker.post(line) for name, line in lines.items()})


async def test_a_length_beside_chunks_is_refused(attacker: Attacker) -> None:
    both = {
        "length first": b"Content-Length: 5\r\n" + CHUNKED,
        "chunks first": CHUNKED + b"Content-Length: 5\r\n",
        "length of nothing": EMPTY + CHUNKED,
        "chunks in capitals": EMPTY + b"TRANSFER-ENCODING: CHUNKED\r\n",
        "in HTTP/1.0": CHUNKED,
    }
    await attacker.refused(
        {
            name: attacker.post(framing, NO_CHUNKS, b"1.0" if name == "in HTTP/1.0" else b"1.1")
            for name, framing in both.items()
        }
    )


async def test_a_transfer_encoding_that_is_oddly_spelled_is_refused(attacker: Attacker) -> None:
    values = {
        "unknown": b"Transfer-Encoding: xchunked",
        "identity": b"Transfer-Encoding: identity",
        "chunks not last": b"Transfer-Encoding: chunked, identity",
        "two lines": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "chunks twice": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "space before the colon": b"Transfer-Encoding : chunked",
        "space before the name": b" Transfer-Encoding: chunked",
        "vertical tab": b"Transfer-Encoding:\x0bchunked",
        "folded": b"Transfer-Encoding:\r\n chunked",
        "quoted": b'Transfer-Encoding: "chunked"',
        "with a parameter": b"Transfer-Encoding: chunked;x=1",
        "NUL": b"Transfer-Encoding: chu\0nked",
        "behind a bare LF": b"X: 1\nTransfer-Encoding: chunked",
        "behind a bare CR": b"X: 1\rTransfer-Encoding: chunked",
    }
    cases = {name: attacker.post(line + b"\r\n", NO_CHUNKS) for name, line in values.items()}
    cases |= {f"{name}, and a length": attacker.post(EMPTY + line + b"\r\n") for name, line in values.items()}
    # Another name with an underscore is another header: the body that it would frame is no request.
    cases["underscore"] = attacker.post(b"Transfer_Encoding: chunked\r\n", NO_CHUNKS)
    await attacker.refused(cases)


async def test_chunks_that_can_be_read_in_two_ways_are_refused(attacker: Attacker) -> None:
    bodies = {
        "bare LF": b"0\n\n",
        "bare LF behind a size": b"1\nx\r\n0\r\n\r\n",
        "bare LF behind an extension": b"0;a\n\r\n\r\n",
        "two CR": b"0\r\r\n\r\n",
        "prefix": b"0x0\r\n\r\n",
        "sign": b"+0\r\n\r\n",
        "negative": b"-1\r\n\r\n",
        "underscore": b"0_0\r\n\r\n",
        "space before": b" 0\r\n\r\n",
        "space behind": b"0 \r\n\r\n",
        "no size": b"\r\n0\r\n\r\n",
        "no end of the data": b"1\r\nx0\r\n\r\n",
        "more data than its size": b"1\r\nxx\r\n0\r\n\r\n",
        "overflow": b"10000000000000000\r\n\r\n",
        "the largest size": b"FFFFFFFFFFFFFFFF\r\n",
        "a length as a trailer": b"0\r\nContent-Length: 5\r\n\r\n",
    }
    # Of the largest size, what follows is the chunk: its end is waited for, as that of any body.
    await attacker.refused({name: attacker.post(CHUNKED, body) for name, body in bodies.items()}, {400, 408})


async def test_a_header_that_can_be_read_in_two_ways_is_refused(attacker: Attacker) -> None:
    lines = {
        "bare LF in a value": b"X: 1\nContent-Length: 0\r\n",
        "bare CR in a value": b"X: 1\rY: 2\r\n" + EMPTY,
        "folded": b"X: 1\r\n 2\r\n" + EMPTY,
        "NUL in a value": b"X: a\0b\r\n" + EMPTY,
        "NUL in a name": b"X\0: b\r\n" + EMPTY,
        "space in a name": b"X Y: b\r\n" + EMPTY,
        "no colon": b"X\r\n" + EMPTY,
        "64 KiB": b"X: " + b"a" * 65536 + b"\r\n" + EMPTY,
        "20,000 lines": b"X: y\r\n" * 20_000 + EMPTY,
        "two hosts": b"Host: y\r\n" + EMPTY,
    }
    cases = {name: attacker.post(line) for name, line in lines.items()}
    cases["bare LF everywhere"] = attacker.post(EMPTY).replace(b"\r\n", b"\n")
    await attacker.refused(cases)


async def test_a_request_line_that_is_not_one_of_http_1_is_refused(attacker: Attacker) -> None:
    lines = {
        "without a version": b"GET /healthz\r\n",
        "another version": b"GET /healthz HTTP/9.9\r\n" + HOST + b"\r\n",
        "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "a space in the target": b"GET / x HTTP/1.1\r\n" + HOST + b"\r\n",
        "no ASCII": b"GET /\xff\xfe HTTP/1.1\r\n" + HOST + b"\r\n",
        "a broken address": b"GET http://[::1 HTTP/1.1\r\n" + HOST + b"\r\n",
        "a port that is none": b"GET http://x:99999999/ HTTP/1.1\r\n" + HOST + b"\r\n",
        "64 KiB": b"GET /" + b"a" * 65536 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    }
    await attacker.refused(lines)


async def test_the_body_of_a_request_that_is_refused_unread_is_no_request(attacker: Attacker) -> None:
    length = b"Content-Length: %d\r\n" % len(attacker.hidden)
    unread = {
        "no token": b"POST /api/v1/attestations HTTP/1.1\r\n" + HOST + JSON_LINE + length + b"\r\n",
        "waits for a go": b"POST /api/v1/attestations HTTP/1.1\r\n" + HOST + length + b"Expect: 100-continue\r\n\r\n",
        "no such path": b"POST /nowhere HTTP/1.1\r\n" + HOST + length + b"\r\n",
        "no such method": b"BREW /healthz HTTP/1.1\r\n" + HOST + length + b"\r\n",
        "another type": b"POST /api/v1/attestations HTTP/1.1\r\n" + HOST + attacker.bearer + length + b"\r\n",
        "read as a body": attacker.post(length),
        "a body of a read": b"GET /healthz HTTP/1.1\r\n" + HOST + length + b"\r\n",
        "chunks of a read": b"GET /healthz HTTP/1.1\r\n" + HOST + CHUNKED + b"\r\n%x\r\n" % len(attacker.hidden),
        "another method in a header": b"GET /healthz HTTP/1.1\r\n"
        + HOST + b"X-HTTP-Method-Override: POST\r\n" + length + b"\r\n",
    }  # fmt: skip
    # Behind the chunk its end is missing: the request does not end, and neither does it become another one.
    await attacker.refused(unread, {200, 400, 401, 404, 405, 408, 415})


async def test_a_target_in_another_form_names_a_route_or_nothing(attacker: Attacker) -> None:
    keyring = "/api/v1/keyring"
    targets = {
        f"http://elsewhere.example{keyring}": 401,
        f"/docs/..{keyring}": 404,
        f"/docs/%2e%2e{keyring}": 404,
        "/api/v1//keyring": 404,
        f"//elsewhere.example{keyring}": 404,
        f"{keyring}/": 404,
        f"{keyring};x=1": 404,
        f"{keyring}%00": 404,
        "/api/v1/key%72ing": 401,
        "/API/V1/KEYRING": 404,
        "*": 400,
    }
    for target, status in targets.items():
        asked = f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        assert await attacker.answers(asked.encode()) == [status], target
    tunnel = await attacker.answers(b"CONNECT elsewhere.example:443 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert tunnel == [404]


@pytest.mark.parametrize("protocol", [b"websocket", b"h2c", b"TLS/1.0"])
async def test_a_connection_never_becomes_one_of_another_protocol(attacker: Attacker, protocol: bytes) -> None:
    upgrade = b"Upgrade: %b\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" % protocol
    asked = b"GET /healthz HTTP/1.1\r\n" + HOST + upgrade + b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    assert await attacker.answers(asked) == [200]


# --- bombs, floods: a process of its own ---


class Process:
    """A receiver with the settings of a first start, and what it has cost."""

    def __init__(self, running: programs.Receiver) -> None:
        self.url, self.pid = running.url, running.process.pid
        self.token = str(running.printed["apiKey"])

    @property
    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[1])

    def most(self) -> int:
        """The most memory it ever had (proc(5), VmHWM), in bytes."""
        text = Path(f"/proc/{self.pid}/status").read_text()
        return int(text.partition("VmHWM:")[2].split(maxsplit=1)[0]) << 10

    def forget(self) -> int:
        """Start to count the most anew (proc(5), clear_refs); gives what it has."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")
        return self.most()

    async def post(self, path: str, body: bytes, encoding: str | None) -> tuple[int, str]:
        headers = JSON | {"Authorization": f"Bearer {self.token}"}
        if encoding is not None:
            headers |= {"Content-Encoding": encoding}
        async with aiohttp.ClientSession() as http, http.post(self.url + path, data=body, headers=headers) as answer:
            return answer.status, json.loads(await answer.read())["code"]


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    folder = tmp_path_factory.mktemp("hostile")
    with programs.receiver(folder / "data", folder / "log") as running:
        yield Process(running)


def zipped(mebibytes: int) -> bytes:
    """Zeros that gzip packs a thousand times smaller."""
    packer, zeros = zlib.compressobj(9, zlib.DEFLATED, 31), bytes(MIB)
    return b"".join(packer.compress(zeros) for _ in range(mebibytes)) + packer.flush()


def wide(mebibytes: int) -> bytes:
    """Zeros in a frame whose window is 128 MiB: what a decoder is told to set aside."""
    options = {int(zstd.CompressionParameter.window_log): 27}
    packer, zeros = zstd.ZstdCompressor(options=options), bytes(MIB)
    return b"".join(packer.compress(zeros) for _ in range(mebibytes)) + packer.flush()


BOMBS: dict[str, tuple[Callable[[], bytes], str, int]] = {
    "gzip": (lambda: zipped(100), "gzip", 413),
    "gzip of many members": (lambda: zipped(1) * 100, "gzip", 413),
    "gzip in gzip": (lambda: gzip.compress(zipped(100)), "gzip", 400),
    "gzip twice": (lambda: gzip.compress(zipped(100)), "gzip, gzip", 415),
    "zstd": (lambda: zstd.compress(bytes(200 * MIB)), "zstd", 413),
    "zstd with a wide window": (lambda: wide(150), "zstd", 400),
}


@pytest.mark.parametrize("name", BOMBS)
async def test_a_bomb_is_refused_and_costs_no_more_memory_than_a_body_may(process: Process, name: str) -> None:
    make, encoding, status = BOMBS[name]
    bomb = make()
    for path, cap in ((POSTS, MAX_BODY_BYTES), (BATCHES, MAX_BATCH_BYTES)):
        idle = process.forget()
        assert (await process.post(path, bomb, encoding))[0] == status, path
        # Chunks, and then their sum for the parser: twice the cap, and some room for the allocator.
        assert process.most() - idle <= 2 * cap + 8 * MIB, path


async def test_many_bombs_at_once_stay_within_512_mib(process: Process) -> None:
    bomb = zipped(50)
    answers = await asyncio.gather(*(process.post(BATCHES, bomb, "gzip") for _ in range(16)))
    assert set(answers) == {(413, "body_too_large")}
    assert process.most() <= 512 * MIB


@pytest.mark.parametrize("framing", ["Content-Length: 104857600", "Transfer-Encoding: chunked"])
async def test_a_body_of_100_mib_is_refused_before_it_is_sent(process: Process, framing: str) -> None:
    idle = process.forget()
    reader, writer = await asyncio.open_connection("127.0.0.1", process.port)
    head = (
        f"POST {BATCHES} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {process.token}\r\n{framing}\r\n\r\n"
    )
    writer.write(head.encode())
    piece, sent = bytes(MIB), 0
    answer = asyncio.create_task(reader.readuntil(b"\r\n"))
    async with asyncio.timeout(PATIENCE):
        with contextlib.suppress(ConnectionError):
            while not answer.done() and sent < 100:
                writer.write(b"%x\r\n%b\r\n" % (len(piece), piece) if "chunked" in framing else piece)
                await writer.drain()
                # What the system takes at once lets nobody else run: the answer would not be read.
                await asyncio.sleep(0)
                sent += 1
        assert (await answer).startswith(b"HTTP/1.1 413")
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
    assert sent < 100
    assert process.most() - idle <= 2 * MAX_BATCH_BYTES + 8 * MIB


async def test_headers_of_64_kib_on_many_connections_cost_little_memory(process: Process) -> None:
    idle = process.forget()
    asked = b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 65536

    async def ask() -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", process.port)
        writer.write(asked)
        async with asyncio.timeout(PATIENCE):
            line = await reader.readline()
        writer.close()
        return line

    lines = await asyncio.gather(*(ask() for _ in range(100)))
    assert {line.split(b" ")[1] for line in lines} == {b"400"}
    assert process.most() - idle <= 64 * MIB


async def test_490_idle_connections_of_other_addresses_slow_nobody(process: Process) -> None:
    held = []
    try:
        for address in ("127.0.0.2", "127.0.0.3"):
            opening = (asyncio.open_connection("127.0.0.1", process.port, local_addr=(address, 0)) for _ in range(245))
            held += await asyncio.gather(*opening)
        took = []
        for path in ("/healthz", "/readyz", "/api/v1/attestations") * 10:
            began = time.monotonic()
            async with (
                aiohttp.ClientSession() as http,
                http.get(process.url + path, headers={"Authorization": f"Bearer {process.token}"}) as answer,
            ):
                assert answer.status == 200
            took.append(time.monotonic() - began)
        assert max(took) <= 1.0
        assert process.most() <= 512 * MIB
    finally:
        for _, writer in held:
            writer.close()
