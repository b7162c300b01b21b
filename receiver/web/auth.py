"""Who may do what: decided before a handler runs and before a byte of the body is read.

Invariants: a route that is not in the table serves nothing; whoever shows a token has it checked and counted, also
where nothing is found; a refusal changes nothing, and is counted for the trail of the token's workspace; an address
that keeps failing is told to wait.
"""

from __future__ import annotations

from dataclasses import replace

from aiohttp import web
from aiohttp.typedefs import Handler

from receiver import access
from receiver.caller import Caller
from receiver.core.tokens import Kind, unauthorized
from receiver.web.ratelimits import Standing
from receiver.web.routes import Proof, Route, route_of
from receiver.web.state import CALLER, OF_REQUEST, SERVICES, STANDING
from shared.errors import CarnetError, Code, TryLaterError, UntrustedError

_SCHEME = "bearer "
_MAX_HEADER_CHARS = 200
NOWHERE = "no such route"


@web.middleware
async def authorize(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let a request through to its handler, or raise why not."""
    route = route_of(request)
    if route is not None and route.proof in (Proof.NOTHING, Proof.SIGNED_BODY):
        return await _counting_failures(request, handler, route)
    token = bearer(request)
    if token is None and route is None:
        return await handler(request)
    services = request.app[SERVICES]
    if token is not None and route is not None and route.method == "GET":
        known = services.recognised.find(token, services.desk.now())
        if known is not None:
            try:
                return await _confirmed(request, handler, route, known)
            except access.ChangedError:
                del request[OF_REQUEST]
    try:
        if token is None:
            raise unauthorized()
        known = await services.desk.glance(access.recognise, token, services.desk.now())
    except UntrustedError as error:
        if isinstance(error, access.SpentError):
            _note(request, route, error.workspace_id, error.token_id, error)
        await _count_failure(request)
        raise
    if known.caller.kind is not Kind.INVITATION:
        services.recognised.keep(token, known)
    await _count_request(request, known.caller)
    try:
        return await _let_in(request, handler, route, known.caller)
    except UntrustedError as error:
        _note(request, route, known.caller.workspace_id, known.caller.token_id, error)
        raise


async def _let_in(request: web.Request, handler: Handler, route: Route | None, found: Caller) -> web.StreamResponse:
    if route is not None:
        _check(route, found)
    request[CALLER] = found
    return await handler(request)


async def _confirmed(request: web.Request, handler: Handler, route: Route, known: access.Known) -> web.StreamResponse:
    """Answer a read with a token that was recognised before, and is looked at again in the read's own transaction.

    Nothing leaves before that, neither an answer nor an error; raises `ChangedError` where it is not the same any more.
    """
    services, found = request.app[SERVICES], known.caller
    confirmation = access.Confirmation(known)
    desk = services.desk.behind(confirmation.before)
    request[OF_REQUEST] = replace(services, desk=desk)
    await _count_request(request, found)
    try:
        response = await _let_in(request, handler, route, found)
    except access.ChangedError:
        raise
    except CarnetError as error:
        if not confirmation.given:
            await desk.glance(confirmation.ask)
        if isinstance(error, UntrustedError):
            _note(request, route, found.workspace_id, found.token_id, error)
        raise
    if not confirmation.given:
        await desk.glance(confirmation.ask)
    return response


def bearer(request: web.Request) -> str | None:
    """Give the bearer token of a request as it stands in its header; None where there is none."""
    value = request.headers.get("Authorization", "")
    if value[: len(_SCHEME)].lower() != _SCHEME or len(value) > _MAX_HEADER_CHARS:
        return None
    return value[len(_SCHEME) :].strip()


def _check(route: Route, found: Caller) -> None:
    if route.proof is Proof.KNOWN:
        return
    if route.proof is Proof.INVITATION:
        allowed, needed = found.kind is Kind.INVITATION, "an invitation (ce_once_...)"
    else:
        allowed = found.kind is not Kind.INVITATION and not route.scopes.isdisjoint(found.scopes)
        needed = "one of the scopes " + ", ".join(sorted(route.scopes))
    if not allowed:
        raise UntrustedError(Code.FORBIDDEN, "this token may not do this", f"use a token with {needed}")


def _note(request: web.Request, route: Route | None, workspace_id: str, token_id: str, error: UntrustedError) -> None:
    services = request.app[SERVICES]
    name = NOWHERE if route is None else f"{route.method} {route.path}"
    services.refusals.add(workspace_id, request.remote, name, token_id, error.code.value, services.desk.now())


async def _count_request(request: web.Request, found: Caller) -> None:
    standing = await request.app[SERVICES].limits.take(found.token_id, found.limit_per_minute)
    request[STANDING] = standing
    if not standing.admitted:
        raise _slow_down(standing, f"this key may ask {standing.limit} times a minute")


async def _counting_failures(request: web.Request, handler: Handler, route: Route) -> web.StreamResponse:
    try:
        return await handler(request)
    except UntrustedError:
        if route.proof is Proof.SIGNED_BODY:
            await _count_failure(request)
        raise


async def _count_failure(request: web.Request) -> None:
    standing = await request.app[SERVICES].limits.fail(request.remote or "")
    if not standing.admitted:
        raise _slow_down(standing, "too many requests without a good token came from this address") from None


def _slow_down(standing: Standing, detail: str) -> TryLaterError:
    return TryLaterError(Code.RATE_LIMITED, detail, "wait as Retry-After says", delay_seconds=standing.wait_seconds)
