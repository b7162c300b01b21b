"""The outermost middleware: every answer leaves through it, and every error becomes a problem body here.

Invariants: an answer has a request id and the security headers; what is not an error of ours is answered blandly, and
its place is logged; an exchange ends, also when the peer stops reading.
"""

from __future__ import annotations

import asyncio
import math
from contextlib import AbstractAsyncContextManager, nullcontext
from http import HTTPStatus

from aiohttp import web
from aiohttp.typedefs import Handler

from receiver.web.bodies import FieldsError
from receiver.web.desk import BusyError
from receiver.web.journal import frames
from receiver.web.routes import route_of
from receiver.web.state import REQUEST_ID, SERVICES, STANDING, Services
from shared.encoding import compact
from shared.errors import CarnetError, Code, MalformedError, TryLaterError
from shared.problems import PROBLEM_TYPE, problem_for

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_AT_ONCE_BYTES = 1 << 14
"""A body that fits beside its headers below what a transport buffers before it makes anybody wait (64 KiB)."""
_HSTS = "max-age=31536000"

_FROM_LIBRARY: dict[int, tuple[Code, str, str | None]] = {
    404: (Code.NOT_FOUND, "there is nothing at this path", "see docs/wire.md for the paths"),
    405: (Code.METHOD_NOT_ALLOWED, "this path does not take this method", "see the Allow header"),
    408: (Code.UNAVAILABLE, "the body did not come in time", "send it again, without pauses"),
    413: (Code.BODY_TOO_LARGE, "the body is too large", "send less in one request"),
    415: (Code.UNSUPPORTED_MEDIA_TYPE, "the body has a type that is not known here", "send application/json"),
}
"""Statuses that aiohttp raises by itself, in our words."""


@web.middleware
async def exchange(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Keep the time of one exchange, and see to it that it ends in one answer."""
    services = request.app[SERVICES]
    request[REQUEST_ID] = services.new_request_id()
    guard = services.guards.of(request)
    started = services.monotonic()
    if guard is not None:
        guard.began()
    try:
        response = await _answer(request, handler, services)
        _complete(request, response)
        try:
            async with _within(services.settings.body_idle_seconds, request, response):
                await response.prepare(request)
                await response.write_eof()
        except TimeoutError:
            if guard is not None:
                guard.abort("slow_reader")
        except ConnectionError:
            # The peer is gone; aiohttp meets the same and closes.
            pass
    finally:
        if guard is not None:
            guard.ended()
    route = route_of(request)
    services.metrics.request(
        request.method if route else "other",
        route.path if route else "none",
        response.status,
        services.monotonic() - started,
    )
    return response


def _within(seconds: float, request: web.Request, response: web.StreamResponse) -> AbstractAsyncContextManager[object]:
    """Bound how long a peer may take to read an answer; one that the transport takes at once needs no clock."""
    transport = request.transport
    if transport is not None and not transport.get_write_buffer_size():
        body = response.body if isinstance(response, web.Response) else None
        if isinstance(body, bytes) and len(body) <= _AT_ONCE_BYTES:
            return nullcontext()
    return asyncio.timeout(seconds)


async def no_server_header(request: web.Request, response: web.StreamResponse) -> None:
    """Take away the header in which aiohttp names itself; it is set after every middleware."""
    del request
    response.headers.pop("Server", None)


async def _answer(request: web.Request, handler: Handler, services: Services) -> web.StreamResponse:
    try:
        return await handler(request)
    except CarnetError as error:
        return _refuse(request, error, services)
    except web.HTTPException as error:
        code, detail, hint = _FROM_LIBRARY.get(error.status, (Code.INVALID_FIELD, "the request cannot be served", None))
        response = _refuse(request, CarnetError(code, detail, hint), services, error.status)
        if "Allow" in error.headers:
            response.headers["Allow"] = error.headers["Allow"]
        return response
    except ConnectionError:
        raise
    except Exception as error:  # noqa: BLE001 - the web's one place where a bug becomes an answer
        services.journal.error("request_failed", **_where(request), trace=frames(error))
        bland = CarnetError(
            Code.INTERNAL, "something went wrong here", "tell the operator of the receiver the request id"
        )
        return _refuse(request, bland, services)


def _refuse(request: web.Request, error: CarnetError, services: Services, status: int | None = None) -> web.Response:
    problem = problem_for(error, request[REQUEST_ID], error.errors if isinstance(error, FieldsError) else ())
    fields = problem.to_wire()
    if status is not None:
        fields |= {"status": status, "title": HTTPStatus(status).phrase}
    answered = status or problem.status
    response = web.Response(body=compact(fields), status=answered, content_type=PROBLEM_TYPE)
    if answered == web.HTTPUnauthorized.status_code:
        response.headers["WWW-Authenticate"] = "Bearer"
    if answered == web.HTTPRequestTimeout.status_code:
        response.force_close()
    if isinstance(error, TryLaterError):
        response.headers["Retry-After"] = str(max(1, math.ceil(error.delay_seconds or 1)))
        if error.code is Code.UNAVAILABLE and not isinstance(error, BusyError):
            services.metrics.database_error()
    services.metrics.refused(error.code.value)
    if error.code not in (Code.RATE_LIMITED, Code.INTERNAL):
        # What a sender got wrong is quoted to the sender, not to the log.
        detail = None if isinstance(error, MalformedError) else error.detail
        services.journal.warning(
            "request_refused", **_where(request), status=answered, code=error.code.value, detail=detail
        )
    return response


def _where(request: web.Request) -> dict[str, str | None]:
    """Name a request without quoting it: the path of the route, never the one that was asked for."""
    route = route_of(request)
    return {
        "requestId": request[REQUEST_ID],
        "method": request.method if route else None,
        "route": route.path if route else None,
        "peer": request.remote,
    }


def _complete(request: web.Request, response: web.StreamResponse) -> None:
    if request.content.exception() is not None:
        # Where the next request begins is not known any more.
        response.force_close()
    if request.app[SERVICES].guards.stopping:
        response.force_close()
    response.headers["X-Request-Id"] = request[REQUEST_ID]
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    if request.secure:
        response.headers["Strict-Transport-Security"] = _HSTS
    route = route_of(request)
    if route is not None and route.verdict is not None:
        response.headers.setdefault(route.verdict, "false")
    standing = request.get(STANDING)
    if standing is not None:
        response.headers.update(standing.headers())
