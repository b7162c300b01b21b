"""A thin protocol around aiohttp's own that closes connections whose request header does not come in time.

aiohttp waits for a header as long as the client likes. Bytes pass through unread: that a header is whole is told by the
outermost middleware (`began`), and so is the end of the answer (`ended`); in between, the middleware keeps the time.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from http import HTTPStatus
from typing import cast

from aiohttp import web

from receiver.web.connections import Place
from receiver.web.metrics import Metrics
from receiver.web.settings import WebSettings
from shared.encoding import compact
from shared.errors import Code
from shared.problems import PROBLEM_TYPE, Problem


class Handler(web.RequestHandler):
    """aiohttp's protocol, except that what it cannot parse is answered in the shape of every other error."""

    __slots__ = ("_make_id",)

    def __init__(self, server: web.Server, settings: WebSettings, make_id: Callable[[], str]) -> None:
        """Take aiohttp's server, which holds the application, and what makes request ids."""
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            keepalive_timeout=settings.keep_alive_seconds,
            lingering_time=settings.header_seconds,
            # Bodies are unpacked in `receiver.web.unpacking`, after their sender was let in.
            auto_decompress=False,
            access_log=None,  # type: ignore[arg-type] # documented: no access log
        )
        self._make_id = make_id

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what the middleware never saw; what was sent is neither quoted nor logged."""
        del message, exc
        if request.writer.output_size > 0:
            raise ConnectionError
        code, detail = Code.BAD_SYNTAX, "this is not an HTTP/1.1 request that can be read"
        problem = Problem(
            title=HTTPStatus(status).phrase,
            status=int(status),
            detail=detail,
            code=code,
            request_id=self._make_id(),
            error=detail,
        )
        response = web.Response(
            body=compact(problem.to_wire()),
            status=status,
            content_type=PROBLEM_TYPE,
            # aiohttp would name itself and its version here.
            headers={"Server": "carnet", "X-Request-Id": problem.request_id},
        )
        response.force_close()
        return response


class Guard(asyncio.Protocol):
    """Watches one connection between its requests."""

    def __init__(
        self, inner: asyncio.Protocol, guards: Guards, place: Place, settings: WebSettings, metrics: Metrics
    ) -> None:
        """Take the protocol that parses, and the place that the connection holds."""
        self._inner = inner
        self._guards = guards
        self._place = place
        self._header_seconds = settings.header_seconds
        self._metrics = metrics
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A first header is due at once."""
        self._transport = cast("asyncio.Transport", transport)
        self._guards.add(self._inner, self)
        self._await_header()
        self._inner.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Between requests, the first byte opens the next header; aiohttp bounds how long none comes."""
        if not self._busy and self._timer is None:
            self._await_header()
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        """Nothing more will come."""
        return self._inner.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the place back."""
        self._stop_timer()
        self._guards.drop(self._inner)
        self._place.release()
        self._inner.connection_lost(exc)

    def pause_writing(self) -> None:
        """The peer reads slowly."""
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """The peer has caught up."""
        self._inner.resume_writing()

    def began(self) -> None:
        """A header is whole."""
        self._busy = True
        self._stop_timer()

    def ended(self) -> None:
        """The answer is out."""
        self._busy = False
        if self._guards.stopping:
            self.part()

    def part(self) -> None:
        """Close once what is buffered is sent, unless a request is in flight: then its end closes."""
        if not self._busy and self._transport is not None:
            self._transport.close()

    def abort(self, reason: str) -> None:
        """Close at once, without sending what is still buffered."""
        if self._transport is not None and not self._transport.is_closing():
            self._metrics.turned_away(reason)
            self._transport.abort()

    def _await_header(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._header_seconds, self.abort, "slow_header")

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Guards:
    """Finds the guard of a request by the protocol that parsed it, and ends all connections at a stop.

    aiohttp's own shutdown throws away what still comes of a body, so requests in flight are waited for here, before it.
    """

    def __init__(self) -> None:
        """Start with none."""
        self.stopping = False
        self._by_protocol: dict[object, Guard] = {}
        self._empty = asyncio.Event()

    def add(self, protocol: object, guard: Guard) -> None:
        """Know a connection from now."""
        self._by_protocol[protocol] = guard

    def drop(self, protocol: object) -> None:
        """Forget a connection."""
        self._by_protocol.pop(protocol, None)
        if not self._by_protocol:
            self._empty.set()

    async def drain(self, seconds: float) -> None:
        """Close idle connections now, busy ones after their answer; returns when all are, or after so many seconds."""
        self.stopping = True
        self._empty.clear()
        if not self._by_protocol:
            return
        for guard in list(self._by_protocol.values()):
            guard.part()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._empty.wait()

    def of(self, request: web.BaseRequest) -> Guard | None:
        """Find the guard of a request's connection; None once the connection is lost."""
        return self._by_protocol.get(request.protocol)
