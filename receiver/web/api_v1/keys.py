"""What people and programs ask and say about a workspace's tokens; never a token, never what is kept of it."""

from __future__ import annotations

from aiohttp import web

from receiver import access
from receiver.core.tokens import Kind, Scope
from receiver.web import answers
from receiver.web.answers import AnswerModel, Listed
from receiver.web.bodies import RequestModel, read_body, read_model
from receiver.web.queries import Page, read_query
from receiver.web.routes import reads, writes
from receiver.web.state import caller, services
from shared.fields import Id, Name, Timestamp
from shared.predicates import Limits
from shared.wire import API

_TOKENS = f"{API}/tokens"


class Token(AnswerModel):
    """A token, what it may do, and how long it is good."""

    id: Id
    """Names the token and tells nothing about it."""
    label: str
    kind: str
    """API_KEY, GATE or INVITATION."""
    scopes: tuple[Scope, ...]
    limits: Limits
    """What it may speak for, where it posts."""
    limit_per_minute: int
    created_at: Timestamp
    expires_at: Timestamp
    last_used_at: Timestamp | None
    """To ten minutes."""
    revoked_at: Timestamp | None
    reason: str | None
    """Why it was revoked."""


class RevocationRequest(RequestModel):
    """Why a token is to be good no more."""

    reason: Name


class Revoked(AnswerModel):
    """A token that is good no more."""

    id: Id
    revoked_at: Timestamp
    """When it was revoked first."""
    reason: str | None


async def tokens(request: web.Request) -> web.Response:
    """List the workspace's tokens, without the hourly ones of collectors.

    Neither a token nor its hash is shown; a token is shown once, to whoever issued it.
    """
    page = read_query(Page, request)
    found, cursor = await services(request).desk.ask(
        access.listed, caller(request).workspace_id, page.limit, page.cursor
    )
    return answers.model(Listed[Token](items=tuple(_token(one) for one in found), next_cursor=cursor))


async def revoke(request: web.Request) -> web.Response:
    """Revoke a token: from the next request on it is refused.

    One that is revoked already is answered with its first time and reason, and stays so.
    """
    asked = read_model(RevocationRequest, await read_body(request))
    who, desk = caller(request), services(request).desk
    row = await desk.change(
        access.revoke,
        who.workspace_id,
        request.match_info["token_id"],
        asked.reason,
        who.token_id,
        desk.now(),
        request.remote,
    )
    return answers.model(Revoked(id=row.token_id, revoked_at=row.revoked_at or desk.now(), reason=row.revoked_reason))


def _token(row: access.TokenRow) -> Token:
    return Token(
        id=row.token_id,
        label=row.label,
        kind=Kind(row.kind).name,
        scopes=tuple(sorted(row.scopes)),
        limits=row.limits,
        limit_per_minute=row.limit_per_minute,
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        revoked_at=row.revoked_at,
        reason=row.revoked_reason,
    )


ROUTES = (
    reads(_TOKENS, tokens, Scope.ADMIN, asks=Page, gives=Listed[Token]),
    writes(f"{_TOKENS}/{{token_id}}/revoke", revoke, Scope.ADMIN, takes=RevocationRequest, gives={200: Revoked}),
)
