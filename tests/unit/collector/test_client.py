"""The one HTTP client: where it goes, what it never does, and how it reads an answer."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from collector.client import MAX_ANSWER_BYTES, Client, ClientSettings, UnreachableError, check_url
from shared.errors import (
    CarnetError,
    ConfigError,
    MalformedError,
    StateError,
    TryLaterError,
    UntrustedError,
)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
SECRET = "ca_hour_do_not_show"


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def client_of(handler: Handler, seconds: float = 2) -> AsyncIterator[Client]:
    async with serving(handler) as url, Client(ClientSettings(url, answer_timeout_seconds=seconds)) as client:
        yield client


def fixed(status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> Handler:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=status, body=body, headers=headers)

    return handler


@pytest.mark.parametrize(
    "url",
    [
        "http://receiver.example",
        "http://10.0.0.1:8750",
        "ftp://receiver.example",
        "receiver.example",
        "https://",
        "https://user@receiver.example",
        "https://user:secret@receiver.example",
        "https://receiver.example/?a=b",
        "https://receiver.example/#a",
        "https://receiver.example:port",
        "https://receiver.example:99999",
        "https://[::1",
        "https://receiver.example/\n",
        "https://receiv\u00e9r.example/\x00",
        "",
    ],
)
def test_an_address_that_cannot_be_is_refused_at_the_start(url: str) -> None:
    with pytest.raises(ConfigError, match=r"receiver\.url") as refused:
        check_url(url)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("https://receiver.example/", "https://receiver.example"),
        ("https://receiver.example:8443/carnet/", "https://receiver.example:8443/carnet"),
        ("http://127.0.0.1:8750", "http://127.0.0.1:8750"),
        ("http://[::1]:8750", "http://[::1]:8750"),
        ("http://localhost:8750/", "http://localhost:8750"),
    ],
)
def test_https_goes_anywhere_and_http_to_this_machine(url: str, base: str) -> None:
    assert check_url(url) == base


@pytest.mark.parametrize("proxy", ["proxy:3128", "socks5://proxy:1080", "http://", "http://a b"])
def test_a_proxy_that_cannot_be_is_refused_at_the_start(proxy: str) -> None:
    with pytest.raises(ConfigError, match=r"receiver\.proxy"):
        Client(ClientSettings("https://receiver.example", proxy=proxy))


def test_a_ca_file_that_cannot_be_read_is_refused_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    for path in (tmp_path / "ca.pem", tmp_path / "absent.pem"):
        with pytest.raises(ConfigError, match=r"receiver\.ca_file"):
            Client(ClientSettings("https://receiver.example", ca_file=path))


async def test_a_redirect_is_never_followed_and_the_token_never_sent_on() -> None:
    elsewhere: list[str | None] = []

    async def other(request: web.Request) -> web.Response:
        elsewhere.append(request.headers.get("Authorization"))
        return web.Response(body=b"{}")

    async with serving(other) as target:
        for status in (301, 302, 303, 307, 308):
            async with client_of(fixed(status, headers={"Location": f"{target}/x"})) as client:
                with pytest.raises(UnreachableError, match=str(status)):
                    await client.post("/a", b"{}", SECRET)
    assert elsewhere == []


async def test_the_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with client_of(fixed(200, b"{}")) as client:
        assert (await client.get("/a", None)).body == b"{}"


@pytest.mark.parametrize(
    ("status", "family"),
    [
        (400, MalformedError),
        (413, MalformedError),
        (422, MalformedError),
        (401, UntrustedError),
        (403, UntrustedError),
        (404, StateError),
        (409, StateError),
        (429, TryLaterError),
        (503, TryLaterError),
        (502, UnreachableError),
        (504, UnreachableError),
        (500, CarnetError),
        (418, CarnetError),
        (304, UnreachableError),
    ],
)
async def test_each_status_is_the_family_whose_remedy_fits(status: int, family: type[CarnetError]) -> None:
    async with client_of(fixed(status)) as client:
        with pytest.raises(family) as refused:
            await client.post("/a", b"{}", SECRET)
    assert type(refused.value) is family
    assert SECRET not in str(refused.value)


async def test_an_answer_that_never_ends_is_cut_off() -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(MAX_ANSWER_BYTES // (1 << 20) + 8):
            await response.write(b"x" * (1 << 20))
        return response

    async with client_of(endless, 30) as client:
        with pytest.raises(UnreachableError, match="too large"):
            await client.post("/a", b"{}", SECRET)


async def test_a_bomb_of_compressed_zeros_is_cut_off() -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(packer.compress(b"\0" * (1 << 20)) for _ in range(200)) + packer.flush()
    async with client_of(fixed(200, bomb, {"Content-Encoding": "gzip"}), 30) as client:
        with pytest.raises(UnreachableError):
            await client.post("/a", b"{}", SECRET)


async def test_silence_ends_with_the_time_out() -> None:
    never = asyncio.Event()

    async def silent(_: web.Request) -> web.Response:
        await never.wait()
        return web.Response()

    async with client_of(silent, 0.2) as client:
        with pytest.raises(UnreachableError, match="too long"):
            await client.post("/a", b"{}", SECRET)
        never.set()


async def test_a_kept_connection_that_died_meanwhile_is_replaced_once() -> None:
    calls: list[bytes] = []

    async def dying(request: web.Request) -> web.Response:
        calls.append(await request.read())
        if len(calls) == 2:
            assert request.transport is not None
            request.transport.abort()
        return web.Response(body=b"{}")

    async with client_of(dying) as client:
        await client.post("/a", b"one", None)
        assert (await client.post("/a", b"two", None)).body == b"{}"
    assert calls == [b"one", b"two", b"two"]


async def test_a_new_connection_that_dies_is_not_tried_again() -> None:
    calls: list[str] = []

    async def dying(request: web.Request) -> web.Response:
        calls.append(request.path)
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async with client_of(dying) as client:
        with pytest.raises(UnreachableError):
            await client.post("/a", b"{}", None)
    assert calls == ["/a"]


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "12"}, 12),
        ({"Retry-After": "0"}, 0),
        ({"Retry-After": "9" * 400}, 3_600),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "\u0661\u0662".encode().decode("latin-1")}, None),
        ({"Retry-After": "Mon, 01 Jan 2001 00:01:00 GMT", "Date": "Mon, 01 Jan 2001 00:00:00 GMT"}, 60),
        ({"Retry-After": "Mon, 01 Jan 2001 00:00:00 GMT", "Date": "Mon, 01 Jan 2001 00:01:00 GMT"}, 0),
        ({"Retry-After": "Mon, 01 Jan 2101 00:00:00 GMT", "Date": "Mon, 01 Jan 2001 00:00:00 GMT"}, 3_600),
        ({"RateLimit": '"default";r=0;t=30'}, 30),
        ({"RateLimit": '"a";r=0;t=30, "b";r=0;t=50, "c";r=4;t=99'}, 50),
        ({"RateLimit": '"default";r=3;t=30'}, None),
        ({"RateLimit": '"default";r=0;t=999999999'}, 3_600),
        ({"RateLimit": "nonsense"}, None),
        ({"Retry-After": "5", "RateLimit": '"default";r=0;t=30'}, 5),
        ({}, None),
    ],
)
async def test_how_long_to_wait_is_read_bounded_or_not_at_all(headers: dict[str, str], seconds: float | None) -> None:
    async with client_of(fixed(429, headers=headers)) as client:
        with pytest.raises(TryLaterError) as later:
            await client.post("/a", b"{}", None)
    assert later.value.delay_seconds == seconds


async def test_a_good_answer_says_how_long_to_wait_before_the_next() -> None:
    async with client_of(fixed(207, b"{}", {"RateLimit": '"default";r=0;t=7'})) as client:
        answer = await client.post("/a", b"{}", None)
    assert (answer.status, answer.pause_seconds) == (207, 7)


async def test_what_a_stranger_says_cannot_steer_a_terminal() -> None:
    problem = b'{"type":"about:blank","title":"x","status":403,"detail":"\\u001b[2Jhello","code":"forbidden",'
    problem += b'"requestId":"r","error":"e"}'
    async with client_of(fixed(403, problem)) as client:
        with pytest.raises(UntrustedError, match="hello") as refused:
            await client.post("/a", b"{}", None)
    assert str(refused.value).isprintable()
