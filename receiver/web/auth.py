"""Who may do what: decided before a handler runs and before a byte of the body is read.

People with a session are let in by `receiver.web.people`; a token goes before a cookie wherever both may come.
Invariants: a route that is not in the table serves nothing; whoever shows a token has it checked and counted, also
where nothing is found; a write looks at its token once more in its own transaction, since a body may take its time; a
refusal changes nothing, and is counted for the trail of the token's workspace; an address that keeps failing is told to
wait.
"""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler

from receiver import access
from receiver.caller import Caller
from receiver.core.tokens import Kind, unauthorized
from receiver.web import people
from receiver.web.counting import count_failure, count_request, note_refusal
from receiver.web.routes import Proof, Route, route_of
from receiver.web.state import CALLER, CONFIRMATION, OF_REQUEST, SERVICES, USE_IS_DUE, services
from shared.errors import CarnetError, Code, TryLaterError, UntrustedError

_SCHEME = "bearer "
_MAX_HEADER_CHARS = 200


@web.middleware
async def authorize(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let a request through to its handler, or raise why not."""
    route = route_of(request)
    if route is not None and route.proof in (Proof.NOTHING, Proof.SIGNED_BODY, Proof.PASSWORD):
        return await _counting_failures(request, handler, route)
    token = bearer(request)
    if route is not None and people.may_enter(request, route, has_token=token is not None):
        return await people.let_in(request, handler, route)
    if token is None and route is None:
        return await handler(request)
    at_hand = request.app[SERVICES]
    if token is not None and route is not None and (route.method == "GET" or route.confirms):
        known = at_hand.recognised.find(token, at_hand.desk.now())
        if known is not None and (route.confirms or not known.use_is_due):
            try:
                return await _confirmed(request, handler, route, token, known)
            except access.ChangedError:
                _forget(request)
    known = await _recognise(request, route, token)
    await _note_use(request, route, token, known)
    await count_request(request, known.caller.token_id, known.caller.limit_per_minute)
    if route is not None and route.method != "GET" and route.proof is not Proof.INVITATION:
        # Whoever shows an invitation is looked at where it is taken up, in that very transaction.
        request[CONFIRMATION] = access.Confirmation(known)
    try:
        response = await _let_in(request, handler, route, known.caller)
    except access.ChangedError:
        # Its body is read, so it cannot start over; what stands against the token now is what it is told.
        await _recognise(request, route, token)
        raise TryLaterError(
            Code.UNAVAILABLE, "this token was changed while the request came", "send it again", delay_seconds=0
        ) from None
    except UntrustedError as error:
        note_refusal(request, route, known.caller.workspace_id, known.caller.token_id, error)
        raise
    if request.get(USE_IS_DUE, False):
        _keep(request, token, known)
    return response


async def _recognise(request: web.Request, route: Route | None, token: str | None) -> access.Known:
    """Look a token up; raises `UntrustedError` (`unauthorized`) and counts it where it is not good."""
    desk = request.app[SERVICES].desk
    try:
        if token is None:
            raise unauthorized()
        known = await desk.glance(access.recognise, token, desk.now())
    except UntrustedError as error:
        if isinstance(error, access.SpentError):
            note_refusal(request, route, error.workspace_id, error.token_id, error)
        await count_failure(request)
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


async def _confirmed(
    request: web.Request, handler: Handler, route: Route, token: str, known: access.Known
) -> web.StreamResponse:
    """Answer with a token that was recognised before, and is looked at again in the request's own transaction.

    Nothing leaves before that, neither an answer nor an error; raises `ChangedError` where it is not the same any more.
    """
    found, confirmation = known.caller, access.Confirmation(known)
    request[CONFIRMATION] = confirmation
    if known.use_is_due:
        request[USE_IS_DUE] = True
    await count_request(request, found.token_id, found.limit_per_minute)
    try:
        response = await _let_in(request, handler, route, found)
    except access.ChangedError:
        raise
    except CarnetError as error:
        if not confirmation.given:
            await services(request).desk.glance(confirmation.ask)
        if isinstance(error, UntrustedError):
            note_refusal(request, route, found.workspace_id, found.token_id, error)
        raise
    if not confirmation.given:
        await services(request).desk.glance(confirmation.ask)
    if known.use_is_due:
        _keep(request, token, known)
    return response


def _forget(request: web.Request) -> None:
    """Begin anew with a request whose token turned out to have changed."""
    for key in (OF_REQUEST, CONFIRMATION, USE_IS_DUE):
        request.pop(key, None)


def bearer(request: web.Request) -> str | None:
    """Give the bearer token of a request as it stands in its header; None where there is none."""
    value = request.headers.get("Authorization", "")
    if value[: len(_SCHEME)].lower() != _SCHEME or len(value) > _MAX_HEADER_CHARS:
        return None
    return value[len(_SCHEME) :].strip()


def _check(route: Route, found: Caller) -> None:
    if route.proof is Proof.KNOWN:
        return
    if route.proof is Proof.SESSION:
        allowed, needed = False, "the cookie of a session instead: people do this"
    elif route.proof is Proof.INVITATION:
        allowed, needed = found.kind is Kind.INVITATION, "an invitation (ce_once_...)"
    else:
        allowed = found.kind is not Kind.INVITATION and not route.scopes.isdisjoint(found.scopes)
        needed = "a token with one of the scopes " + ", ".join(sorted(route.scopes))
    if not allowed:
        raise UntrustedError(Code.FORBIDDEN, "this token may not do this", f"use {needed}")


async def _counting_failures(request: web.Request, handler: Handler, route: Route) -> web.StreamResponse:
    try:
        return await handler(request)
    except UntrustedError:
        if route.proof is not Proof.NOTHING:
            await count_failure(request)
        raise
