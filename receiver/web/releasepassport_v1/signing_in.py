"""Sign in with an account's password, and out again."""

from __future__ import annotations

from enum import StrEnum
from http import HTTPStatus
from typing import Annotated

from aiohttp import web
from pydantic import Field

from receiver import sessions
from receiver.core.accounts import MAX_PASSWORD_CHARS, Role
from receiver.core.sessions import COOKIE, LOGIN_PATH
from receiver.web import answers
from receiver.web.answers import AnswerModel
from receiver.web.bodies import RequestModel, read_body, read_model
from receiver.web.counting import note_refusal, slow_down
from receiver.web.people import check_origin, set_cookie
from receiver.web.ratelimits import Standing
from receiver.web.routes import Body, Proof, Route, acts, route_of
from receiver.web.state import SIGNED_IN, services
from shared.fields import Id, Name, Timestamp
from shared.wire import GATE_API

_NOBODY = "nobody"
"""How the trail names whoever tried an address that has no account; what was tried is not kept."""


class Method(StrEnum):
    """How people sign in."""

    PASSWORD = "password"  # noqa: S105 - the name of a method


class SignInMethods(AnswerModel):
    """How people sign in here."""

    methods: tuple[Method, ...]
    workspace_needed: bool
    """Whether the receiver has several workspaces, so that one is to be named."""


class SignInRequest(RequestModel):
    """Whose account it is, and its password."""

    email: Annotated[str, Field(min_length=1, max_length=200)]
    password: Annotated[str, Field(min_length=1, max_length=MAX_PASSWORD_CHARS, repr=False)]
    workspace: Id | None = None
    """The workspace's id (ws_...), where the receiver has several."""


class SessionAnswer(AnswerModel):
    """Who is signed in now; the cookie is in the header alone."""

    id: Id
    """Names the session and tells nothing about its cookie."""
    workspace: Id
    email: Name
    role: Role
    csrf_token: str
    """What every write of the session says in X-CSRF-Token."""
    expires_at: Timestamp
    """When it ends at the latest; a quarter of an hour without a request ends it sooner, where nothing else is set."""


class SignedOut(AnswerModel):
    """Which session has ended."""

    id: Id


async def methods(request: web.Request) -> web.Response:
    """Say how people sign in here."""
    needed = await services(request).desk.glance(sessions.several_workspaces)
    return answers.model(SignInMethods(methods=(Method.PASSWORD,), workspace_needed=needed))


async def sign_in(request: web.Request) -> web.Response:
    """Sign in: the answer sets the cookie of a new session, and ends the one whose cookie came along.

    A wrong password and an address without an account are answered alike.
    """
    check_origin(request)
    asked = read_model(SignInRequest, await read_body(request))
    at_hand = services(request)
    desk = at_hand.desk
    _admit(await at_hand.limits.sign_in_from(request.remote or ""))
    named = await desk.glance(sessions.name, asked.workspace, asked.email)
    _admit(await at_hand.limits.sign_in_as(named.workspace_id, named.email))
    lasts = at_hand.settings.sessions_last
    try:
        proved = await desk.ask(sessions.prove, named, asked.password, desk.now())
        begun = await desk.change(
            sessions.begin, proved, desk.now(), desk.random, lasts, request.remote, request.cookies.get(COOKIE)
        )
    except sessions.NotSignedInError as error:
        if error.workspace_id is not None:
            note_refusal(request, route_of(request), error.workspace_id, error.email or _NOBODY, error)
        raise
    session = begun.session
    answer = answers.model(
        SessionAnswer(
            id=session.id,
            workspace=session.workspace_id,
            email=session.email,
            role=begun.role,
            csrf_token=session.csrf,
            expires_at=session.expires_at,
        ),
        HTTPStatus.CREATED,
    )
    set_cookie(request, answer, begun.cookie, int(lasts.in_all.total_seconds()))
    return answer


def _admit(standing: Standing) -> None:
    if not standing.admitted:
        raise slow_down(standing, "too many attempts to sign in")


async def sign_out(request: web.Request) -> web.Response:
    """Sign out: the session ends at once, and the answer takes its cookie away."""
    desk, session = services(request).desk, request[SIGNED_IN].session
    await desk.change(sessions.end, session, desk.now(), request.remote)
    answer = answers.model(SignedOut(id=session.id))
    set_cookie(request, answer, "", 0)
    return answer


ROUTES = (
    Route("GET", LOGIN_PATH, Proof.NOTHING, methods, gives={HTTPStatus.OK: SignInMethods}),
    Route(
        "POST",
        LOGIN_PATH,
        Proof.PASSWORD,
        sign_in,
        body=Body.USUAL,
        takes=SignInRequest,
        gives={HTTPStatus.CREATED: SessionAnswer},
    ),
    acts(f"{GATE_API}/auth/logout", sign_out, Role.VIEWER, gives={HTTPStatus.OK: SignedOut}),
)
