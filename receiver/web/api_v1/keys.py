"""What people and programs ask and say about a workspace's tokens; never a token, never what is kept of it."""

from __future__ import annotations

from aiohttp import web

from receiver import access
from receiver.core.tokens import Kind, Scope
from receiver.web import answers
from receiver.web.answers import AnswerModel, Listed
from receiver.web.queries import Page, read_query
from receiver.web.routes import reads
from receiver.web.state import caller, services
from shared.fields import Id, Timestamp
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


async def tokens(request: web.Request) -> web.Response:
    """List the workspace's tokens, without the hourly ones of collectors.

    Neither a token nor its hash is shown; a token is shown once, to whoever issued it.
    """
    page = read_query(Page, request)
    found, cursor = await services(request).desk.ask(
        access.listed, caller(request).workspace_id, page.limit, page.cursor
    )
    return answers.model(Listed[Token](items=tuple(_token(one) for one in found), next_cursor=cursor))


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


ROUTES = (reads(_TOKENS, tokens, Scope.ADMIN, asks=Page, gives=Listed[Token]),)
