"""Who is signed in, and whether they may do what they ask: the people's side of `receiver.web.auth`.

Invariants: a cookie opens rows that name a role, and no others; a write says besides what only the session's own pages
know, and comes from no other origin; the session is looked at once more in every transaction of a write; what an
auditor reads is written down before it is answered.
"""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler

from receiver import sessions
from receiver.core.accounts import Role, includes
from receiver.core.sessions import COOKIE, CSRF_HEADER, check_csrf
from receiver.web.counting import count_failure, count_request, note_refusal
from receiver.web.routes import Proof, Route
from receiver.web.state import CALLER, OF_REQUEST, SERVICES, SIGNED_IN
from shared.errors import Code, TryLaterError, UntrustedError

_MAX_PATH_CHARS = 300
_FROM_HERE = frozenset({"same-origin", "none"})
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def may_enter(request: web.Request, route: Route, *, has_token: bool) -> bool:
    """Say whether a request is to be let in by its cookie: where no token came, or none would help."""
    if route.proof is Proof.SESSION:
        return COOKIE in request.cookies or not has_token
    return route.role is not None and COOKIE in request.cookies and not has_token


async def let_in(request: web.Request, handler: Handler, route: Route) -> web.StreamResponse:
    """Let somebody who is signed in through to a handler, or raise why not."""
    services = request.app[SERVICES]
    known = await _recognise(request)
    found = known.caller
    await count_request(request, found.token_id, found.limit_per_minute)
    try:
        _check(request, route, known)
        read = f"{route.method} {request.rel_url.raw_path}"[:_MAX_PATH_CHARS] if known.is_auditor else None
        if known.use_is_due or read is not None:
            await services.desk.change(sessions.note, known, services.desk.now(), read, request.remote)
        request[CALLER], request[SIGNED_IN] = found, known
        if route.method != "GET":
            desk = services.desk.behind(sessions.Confirmation(known).before)
            request[OF_REQUEST] = replace(services, desk=desk)
        return await handler(request)
    except sessions.EndedError:
        # Its body is read, so it cannot start over; what stands against the session now is what it is told.
        await _recognise(request)
        raise TryLaterError(
            Code.UNAVAILABLE, "this account was changed while the request came", "send it again", delay_seconds=0
        ) from None
    except UntrustedError as error:
        note_refusal(request, route, found.workspace_id, known.session.email, error)
        raise


async def _recognise(request: web.Request) -> sessions.Known:
    services = request.app[SERVICES]
    try:
        cookie, lasts = request.cookies.get(COOKIE, ""), services.settings.sessions_last
        return await services.desk.glance(sessions.recognise, cookie, services.desk.now(), lasts)
    except UntrustedError:
        await count_failure(request)
        raise


def _check(request: web.Request, route: Route, known: sessions.Known) -> None:
    role, needed = Role(known.caller.person.role) if known.caller.person else Role.VIEWER, route.role
    if needed is None or not includes(role, needed):
        raise UntrustedError(
            Code.FORBIDDEN, f"{known.session.email} is {role.value}", f"the role {needed} or above is needed for this"
        )
    if route.method == "GET":
        return
    check_origin(request)
    check_csrf(known.session, request.headers.get(CSRF_HEADER))


def check_origin(request: web.Request) -> None:
    """Refuse what another site's page sends; raises `UntrustedError` (`forbidden`).

    Browsers say where a write comes from; programs that are none say nothing.
    """
    origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site")
    if (origin is not None and not _is_here(request, origin)) or (site is not None and site not in _FROM_HERE):
        raise UntrustedError(
            Code.FORBIDDEN, "this comes from a page of another site", "use the receiver's own pages, or no browser"
        )


def _is_here(request: web.Request, origin: str) -> bool:
    # The scheme is not compared: behind a proxy that ends TLS it is another one here.
    try:
        return bool(request.host) and urlsplit(origin).netloc.lower() == request.host.lower()
    except ValueError:
        return False


def set_cookie(request: web.Request, response: web.StreamResponse, value: str, max_age: int) -> None:
    """Give a browser its cookie; an empty one takes it away.

    It travels over TLS alone, but where a receiver on loopback is asked by plain HTTP under a name of loopback.
    """
    try:
        name = urlsplit(f"//{request.host}").hostname
    except ValueError:
        name = None
    settings = request.app[SERVICES].settings
    plain = not request.secure and not settings.behind_tls_proxy and name in _LOOPBACK
    response.set_cookie(COOKIE, value, max_age=max_age, path="/", secure=not plain, httponly=True, samesite="Lax")
