"""Who may do what: decided before a handler runs and before a byte of the body is read.

Invariants: a route that is not in the table serves nothing; whoever shows a token has it checked and counted, also
where nothing is found; a write looks at its token once more in its own transaction, since a body may take its time; a
refusal changes nothing, and is counted for the trail of the token's workspace; an address that keeps failing is told to
wait.
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
from receiver.web.state import CALLER, CONFIRMATION, OF_REQUEST, SERVICES, STANDING, USE_IS_DUE
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
    if token is not None and route is not None and (route.method == "GET" or route.confirms):
        known = services.recognised.find(token, services.desk.now())
        if known is not None:
            try:
                return await _confirmed(request, handler, route, known)
            except access.ChangedError:
                del request[OF_REQUEST], request[CONFIRMATION]
    known = await _recognise(request, route, token)
    await _note_use(request, route, token, known)
    await _count_request(request, known.caller)
    if route is not None and route.method != "GET" and route.proof is not Proof.INVITATION:
        # Whoever shows an invitation is looked at where it is taken up, in that very transaction.
        confirmation = access.Confirmation(known)
        desk = services.desk.behind(confirmation.before)
        request[OF_REQUEST], request[CONFIRMATION] = replace(services, desk=desk), confirmation
    try:
        response = await _let_in(request, handler, route, known.caller)
    except access.ChangedError:
        # Its body is read, so it cannot start over; what stands against the token now is what it is told.
        await _recognise(request, route, token)
        raise TryLaterError(
            Code.UNAVAILABLE, "this token was changed while the request came", "send it again", delay_seconds=0
        ) from None
    except UntrustedError as error:
        _note(request, route, known.caller.workspace_id, known.caller.token_id, error)
        raise
    if request.get(USE_IS_DUE, False):
        _keep(request, token, known)
    return response


async def _recognise(request: web.Request, route: Route | None, token: str | None) -> access.Known:
    """Look a token up; raises `UntrustedError` (`unauthorized`) and counts it where it is not good."""
    services = request.app[SERVICES]
    try:
        if token is None:
            raise unauthorized()
        known = await services.desk.glance(access.recognise, token, services.desk.now())
    except UntrustedError as error:
        if isinstance(error, access.SpentError):
            _note(request, route, error.workspace_id, error.token_id, error)
        await _count_failure(request)
        raise
    if not known.use_is_due:
        _keep(request, token, known)
    return known


async def _note_use(request: web.Request, route: Route | None, token: str | None, known: access.Known) -> None:
    """Note that a token is used, where that is due; a handler that confirms the token notes it with what it writes."""
    if not known.use_is_due:
        return
    if route is not None and route.confirms:
        request[USE_IS_DUE] = True
        return
    desk = request.app[SERVICES].desk
    await desk.change(access.note_use, known.caller, desk.now())
    _keep(request, token, known)


def _keep(request: web.Request, token: str | None, known: access.Known) -> None:
    """Remember a token whose use is noted; never an invitation, which is good but once."""
    if token is not None and known.caller.kind is not Kind.INVITATION:
        request.app[SERVICES].recognised.keep(token, known)


async def _let_in(request: web.Request, handler: Handler, route: Route | None, found: Caller) -> web.StreamResponse:
    if route is not None:
        _check(route, found)
    request[CALLER] = found
    return await handler(request)


async def _confirmed(request: web.Request, handler: Handler, route: Route, known: access.Known) -> web.StreamResponse:
    """Answer with a token that was recognised before, and is looked at again in the request's own transaction.

    Nothing leaves before that, neither an answer nor an error; raises `ChangedError` where it is not the same any more.
    """
    services, found = request.app[SERVICES], known.caller
    confirmation = access.Confirmation(known)
    desk = services.desk.behind(confirmation.before)
    request[OF_REQUEST], request[CONFIRMATION] = replace(services, desk=desk), confirmation
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
