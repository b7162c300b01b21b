"""The one HTTP client of the collector: TLS, own CA, proxy, no redirects, bounded answers, time-outs.

Invariants: plain http only to loopback; redirects are never followed, so a token goes to one host alone; nothing is
taken from the environment; an answer is read to a cap. What aiohttp raises is translated here and nowhere else.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import ssl
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import aiohttp

from shared.errors import Code, ConfigError, TryLaterError
from shared.problems import MAX_RETRY_AFTER_SECONDS, error_for
from shared.wire import JSON_TYPE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path
    from types import SimpleNamespace, TracebackType
    from typing import Self

    from shared.errors import CarnetError

MAX_ANSWER_BYTES = 16 << 20
_GATEWAY = (502, 504)
_RATE = re.compile(r";\s*([rt])\s*=\s*(\d{1,9})(?=\s*(?:;|$))", re.ASCII)
_HEADERS = ("Date", "Retry-After", "RateLimit")
_READ_BYTES = 1 << 16


class UnreachableError(TryLaterError):
    """Nobody answered, or something that is not the receiver did: its heartbeat is the probe."""

    def __init__(self, detail: str) -> None:
        """Take what happened."""
        super().__init__(Code.UNAVAILABLE, detail, "nothing is lost; it is tried again until it answers")


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful answer: status, body, and how long to wait before the next request (seconds)."""

    status: int
    body: bytes
    pause_seconds: float


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """How the receiver is reached; time-outs in seconds."""

    url: str
    ca_file: Path | None = None
    proxy: str | None = None
    connect_timeout_seconds: float = 10
    answer_timeout_seconds: float = 60


def check_url(url: str) -> str:
    """Give the base URL without a trailing slash; raises `ConfigError` for anything but https or loopback http."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise ConfigError(f"receiver.url: {url[:200]!r}: {error}", "give https://host[:port]") from None
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ConfigError("receiver.url: no user, query or fragment may stand in it", "give https://host[:port]")
    if parts.scheme not in ("http", "https") or not parts.hostname or not url.isascii() or not url.isprintable():
        raise ConfigError(f"receiver.url: {url[:200]!r} is no http or https address", "give https://host[:port]")
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise ConfigError(
            f"receiver.url: {url[:200]!r}: plain http goes to this machine alone",
            "use https, with receiver.ca_file for an own CA",
        )
    return url.rstrip("/")


def _check_proxy(proxy: str | None) -> str | None:
    if proxy is not None and not re.fullmatch(r"https?://[^\s/]+/?", proxy, re.ASCII):
        raise ConfigError("receiver.proxy is no address of an HTTP proxy", "give http://host:port")
    return proxy


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _tls(ca_file: Path | None) -> ssl.SSLContext:
    try:
        # An own CA replaces the system's: whoever pins one does not want the others.
        context = ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"receiver.ca_file: {ca_file} cannot be used: {error}", "give certificates in PEM") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


class Client:
    """Talks to one receiver; an asynchronous context manager."""

    def __init__(self, settings: ClientSettings) -> None:
        """Check the settings; raises `ConfigError`. No connection is made yet."""
        self._base = check_url(settings.url)
        self._proxy = _check_proxy(settings.proxy)
        self._tls = _tls(settings.ca_file) if self._base.startswith("https:") else None
        self._timeout = aiohttp.ClientTimeout(
            total=settings.connect_timeout_seconds + settings.answer_timeout_seconds,
            sock_connect=settings.connect_timeout_seconds,
            sock_read=settings.answer_timeout_seconds,
        )
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Open the session."""
        connector = aiohttp.TCPConnector(limit=2, ssl=self._tls if self._tls is not None else True)
        tracing = aiohttp.TraceConfig()
        tracing.on_connection_reuseconn.append(_note_reuse)
        self._session = aiohttp.ClientSession(
            connector=connector,
            timeout=self._timeout,
            trust_env=False,
            auto_decompress=True,
            cookie_jar=aiohttp.DummyCookieJar(),
            trace_configs=[tracing],
            headers={"User-Agent": "carnet-collector", "Accept": JSON_TYPE},
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the session and its connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def get(self, path: str, token: str | None) -> Answer:
        """Ask for something; raises as `post` does."""
        return await self._ask("GET", path, None, token)

    async def post(
        self,
        path: str,
        body: bytes,
        token: str | None,
        again: Callable[[], Awaitable[None]] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send JSON; `again` is awaited before the body is handed over a second time.

        Raises `UnreachableError` where nobody answered, else the family that `shared.wire` gives to the status; a
        redirect or another unexpected status counts as somebody else answering.
        """
        return await self._ask("POST", path, body, token, again, headers)

    async def put(self, path: str, body: bytes, token: str | None) -> Answer:
        """Send JSON that takes the place of what is there; raises as `post` does."""
        return await self._ask("PUT", path, body, token)

    async def _ask(
        self,
        method: str,
        path: str,
        body: bytes | None,
        token: str | None,
        again: Callable[[], Awaitable[None]] | None = None,
        more: Mapping[str, str] | None = None,
    ) -> Answer:
        headers = dict(more or {}) | ({} if body is None else {"Content-Type": JSON_TYPE})
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        used = _Connection()
        try:
            try:
                found = await self._once(method, path, body, headers, used)
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
                # A kept connection that the receiver had closed meanwhile, when it was restarted say, tells nothing
                # about whether it answers. What is sent twice is known there by its id.
                if not used.again:
                    raise
                if again is not None:
                    await again()
                found = await self._once(method, path, body, headers, _Connection())
        except (aiohttp.ClientError, TimeoutError, asyncio.IncompleteReadError, OSError, ValueError) as error:
            raise UnreachableError(f"{self._base} does not answer: {_words(error)}") from None
        if 200 <= found.status < 300:  # noqa: PLR2004 - the class of success
            return Answer(found.status, found.body, _pause(found.headers.get("RateLimit")) or 0.0)
        raise _failure(found)

    async def _once(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str], used: _Connection
    ) -> _Raw:
        if self._session is None:
            msg = "the client is not open"
            raise RuntimeError(msg)
        async with self._session.request(
            method,
            self._base + path,
            data=body,
            headers=headers,
            proxy=self._proxy,
            allow_redirects=False,
            trace_request_ctx=used,
        ) as response:
            raw = bytearray()
            async for chunk in response.content.iter_chunked(_READ_BYTES):
                raw += chunk
                if len(raw) > MAX_ANSWER_BYTES:
                    msg = "the answer is too large"
                    raise aiohttp.ClientPayloadError(msg)
            kept = {name: ", ".join(response.headers.getall(name)) for name in _HEADERS if name in response.headers}
            return _Raw(response.status, bytes(raw), kept)


@dataclass(slots=True)
class _Connection:
    """Whether a request went over a connection that an earlier one had opened."""

    again: bool = False


@dataclass(frozen=True, slots=True)
class _Raw:
    """An answer as it came, with the headers that count here."""

    status: int
    body: bytes
    headers: dict[str, str]


async def _note_reuse(
    _: aiohttp.ClientSession, context: SimpleNamespace, __: aiohttp.TraceConnectionReuseconnParams
) -> None:
    context.trace_request_ctx.again = True


def _words(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "it took too long"
    text = "".join(char if char.isprintable() else " " for char in str(error)[:300])
    return text.strip() or type(error).__name__


def _failure(found: _Raw) -> CarnetError:
    if found.status in _GATEWAY or found.status < 400:  # noqa: PLR2004 - everything below is no answer of ours
        return UnreachableError(f"something else answered {found.status} in the receiver's place")
    asked = _retry_after(found.headers.get("Retry-After"), found.headers.get("Date"))
    return error_for(found.status, found.body, asked if asked is not None else _pause(found.headers.get("RateLimit")))


def _retry_after(value: str | None, date: str | None) -> float | None:
    """Read `Retry-After` (RFC 9110, 10.2.3): seconds, or a date, which is held against the sender's own clock."""
    if value is None:
        return None
    if value.isascii() and value.isdigit():
        return float(value[:10])
    try:
        return (parsedate_to_datetime(value) - parsedate_to_datetime(date or "")).total_seconds()
    except (ValueError, TypeError):
        return None


def _pause(rate: str | None) -> float | None:
    """Read the IETF header `RateLimit`: how long to wait (seconds) before one more request is granted, if at all."""
    longest = None
    for policy in (rate or "").split(","):
        parts = {name: int(value) for name, value in _RATE.findall(policy)}
        if parts.get("r") == 0 and "t" in parts:
            longest = max(longest or 0.0, float(min(parts["t"], MAX_RETRY_AFTER_SECONDS)))
    return longest
