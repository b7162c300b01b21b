"""The audit trail of a workspace, as people and programs read it."""

from __future__ import annotations

from typing import Annotated

from aiohttp import web
from pydantic import Field, JsonValue

from receiver import recall
from receiver.core.accounts import Role
from receiver.core.tokens import Scope
from receiver.web import answers
from receiver.web.answers import AnswerModel, Listed
from receiver.web.queries import Page, read_query
from receiver.web.routes import reads
from receiver.web.state import caller, services
from shared.encoding import digest_text
from shared.fields import Count, DigestText, Timestamp
from shared.wire import GATE_API


class TrailQuery(Page):
    """Which piece of the trail is asked for."""

    action: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    """What was done, for instance gate.decide."""
    actor: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """Who did it: an address, or the id of a token or a collector."""


class AuditEntry(AnswerModel):
    """Who did what, when, and from where; no secret is among it."""

    id: Count
    """Counts up by one in its workspace."""
    at: Timestamp
    actor: str
    action: str
    origin: str | None
    """The address that it came from."""
    detail: dict[str, JsonValue]
    hash: DigestText
    """Covers this row and the hash of the row before it: whoever changes a row changes all later ones."""


async def trail(request: web.Request) -> web.Response:
    """List what was done in the workspace, newest first; a limited token is refused."""
    by = caller(request)
    by.require_everything()
    asked = read_query(TrailQuery, request)
    found, cursor = await services(request).desk.ask(
        recall.trail, by.workspace_id, asked.limit, asked.cursor, asked.action, asked.actor
    )
    return answers.model(Listed[AuditEntry](items=tuple(_entry(one) for one in found), next_cursor=cursor))


def _entry(row: recall.AuditRow) -> AuditEntry:
    act = row.act
    return AuditEntry(
        id=row.number,
        at=act.at,
        actor=act.actor,
        action=act.action,
        origin=act.origin,
        detail=dict(act.detail),
        hash=digest_text(row.hash),
    )


ROUTES = (
    reads(
        f"{GATE_API}/audit",
        trail,
        Scope.READ,
        Scope.ADMIN,
        asks=TrailQuery,
        gives=Listed[AuditEntry],
        role=Role.VIEWER,
    ),
)
