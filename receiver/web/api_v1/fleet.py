"""What people and programs ask and say about collectors."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from aiohttp import web
from pydantic import Field

from receiver import enrol, lookup
from receiver.core.tokens import Scope
from receiver.web import answers
from receiver.web.answers import time_or_null
from receiver.web.bodies import RequestModel, read_body, read_model
from receiver.web.queries import Page, Query, read_query
from receiver.web.routes import reads, writes
from receiver.web.state import caller, services
from shared.encoding import JsonObject, b64encode, format_time
from shared.fields import Name
from shared.predicates import Limits
from shared.wire import API

_COLLECTOR = f"{API}/collectors/{{collector_id}}"


class LimitsRequest(RequestModel):
    """What an invited collector may speak for; globs, of which `*` is everything."""

    repositories: Annotated[tuple[Name, ...], Field(strict=False, min_length=1)] = ("*",)
    services: Annotated[tuple[Name, ...], Field(strict=False, min_length=1)] = ("*",)
    environments: Annotated[tuple[Name, ...], Field(strict=False, min_length=1)] = ("*",)


class InvitationsRequest(RequestModel):
    """Whom to invite, for how long, and whether a person confirms the key first."""

    names: Annotated[tuple[Name, ...], Field(strict=False, min_length=1, max_length=enrol.MAX_NAMES)]
    approve: bool = False
    valid_minutes: Annotated[int, Field(ge=enrol.MIN_VALID_MINUTES, le=enrol.MAX_VALID_MINUTES)] = 60
    limits: LimitsRequest = LimitsRequest()


async def invite(request: web.Request) -> web.Response:
    """Make an invitation for each name: 201 with their tokens, which are not shown again."""
    desk = services(request).desk
    asked = read_model(InvitationsRequest, await read_body(request))
    limits = Limits(
        repositories=asked.limits.repositories,
        services=asked.limits.services,
        environments=asked.limits.environments,
    )
    made = await desk.change(
        enrol.invite,
        caller(request),
        asked.names,
        limits,
        asked.approve,
        asked.valid_minutes,
        desk.now(),
        desk.random,
    )
    return answers.json(
        {"items": [{"name": one.name, "token": one.token, "expiresAt": format_time(one.expires_at)} for one in made]},
        HTTPStatus.CREATED,
    )


async def collectors(request: web.Request) -> web.Response:
    """List the workspace's collectors."""
    page = read_query(Page, request)
    found = await services(request).desk.ask(lookup.collectors, caller(request).workspace_id, page.limit, page.cursor)
    return answers.items((_collector(one) for one in found.items), found.next_cursor)


async def collector(request: web.Request) -> web.Response:
    """Show one collector and its keys."""
    read_query(Query, request)
    found = await services(request).desk.ask(
        lookup.collector, caller(request).workspace_id, request.match_info["collector_id"]
    )
    return answers.json(_collector(found))


async def streams(request: web.Request) -> web.Response:
    """Show how far each stream of a collector is here."""
    read_query(Query, request)
    found = await services(request).desk.ask(
        lookup.streams, caller(request).workspace_id, request.match_info["collector_id"]
    )
    return answers.items(_stream(one) for one in found)


def _collector(view: lookup.CollectorView) -> JsonObject:
    row = view.collector
    return {
        "id": row.collector_id,
        "name": row.name,
        "status": row.status.value,
        "limits": row.limits.to_wire(),
        "keys": [
            {
                "keyId": one.key.public.key_id,
                "publicKey": b64encode(one.key.public.spki),
                "state": one.key.state.value,
                "addedAt": format_time(one.added_at),
            }
            for one in view.keys
        ],
        "createdAt": format_time(row.created_at),
        "enrolledAt": time_or_null(row.enrolled_at),
        "heardAt": time_or_null(view.heard_at),
    }


def _stream(view: lookup.StreamView) -> JsonObject:
    state = view.state
    return {
        "id": view.stream_id,
        "contiguousTo": state.mark if state.mark >= 0 else None,
        "head": state.head if state.head >= 0 else None,
        "forkedFrom": state.forked_from,
        "closed": view.closed,
        "lastBeat": view.beat,
        "heardAt": time_or_null(view.heard_at),
        "waiting": view.waiting,
    }


ROUTES = (
    writes(f"{API}/collectors/invitations", invite, Scope.ADMIN),
    reads(f"{API}/collectors", collectors, Scope.READ, Scope.ADMIN),
    reads(_COLLECTOR, collector, Scope.READ, Scope.ADMIN),
    reads(f"{_COLLECTOR}/streams", streams, Scope.READ, Scope.ADMIN),
)
