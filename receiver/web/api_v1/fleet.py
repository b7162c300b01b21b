"""What people and programs ask and say about collectors."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from aiohttp import web
from pydantic import ConfigDict, Field

from receiver import enrol, licensing, lookup
from receiver import streams as stream_cases
from receiver.core.admit import KeyState
from receiver.core.completeness import Lack, Standing
from receiver.core.tokens import Scope
from receiver.web import answers
from receiver.web.answers import AnswerModel, Listed
from receiver.web.bodies import RequestModel, read_body, read_model
from receiver.web.queries import Page, read_query
from receiver.web.routes import reads, writes
from receiver.web.state import caller, services
from shared.encoding import b64encode
from shared.fields import Count, DigestText, Id, Name, Spki, Timestamp
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

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"names": ["ci-07"], "approve": True, "validMinutes": 60, "limits": {"repositories": ["acme/*"]}}
            ]
        }
    )

    names: Annotated[
        tuple[Name, ...],
        Field(strict=False, min_length=1, max_length=enrol.MAX_NAMES, json_schema_extra={"uniqueItems": True}),
    ]
    """One invitation for each collector."""
    approve: bool = False
    """Take its key in at once; without it a person confirms the fingerprint first."""
    valid_minutes: Annotated[int, Field(ge=enrol.MIN_VALID_MINUTES, le=enrol.MAX_VALID_MINUTES)] = 60
    limits: LimitsRequest = LimitsRequest()


class Invitation(AnswerModel):
    """An invitation; its token is shown this once."""

    name: Name
    token: str
    expires_at: Timestamp


class Invitations(AnswerModel):
    """The invitations that were made, in the order of their names in the request."""

    items: tuple[Invitation, ...]


class CollectorKey(AnswerModel):
    """A key of a collector."""

    key_id: DigestText
    """SHA-256 of the public key's SubjectPublicKeyInfo: its fingerprint."""
    public_key: Spki
    state: KeyState
    added_at: Timestamp
    introduced_by: DigestText | None
    """The key whose rotation brought it; null for the one that was enrolled."""
    retired_stream: str | None
    retired_from: Count | None
    """A retired key is good below this number of that stream, and for nothing else."""


class Collector(AnswerModel):
    """A collector, what it may speak for, and its keys."""

    id: Id
    name: Name
    status: lookup.CollectorStatus
    limits: Limits
    keys: tuple[CollectorKey, ...]
    created_at: Timestamp
    enrolled_at: Timestamp | None
    heard_at: Timestamp | None
    """When its last heartbeat came."""


class Hole(AnswerModel):
    """Numbers of a stream that are not here, the first and the last inside, and what is known of why."""

    first: Count
    last: Count
    kind: Lack


class Stream(AnswerModel):
    """How one stream of a collector stands: how far it is here, and what is missing of it."""

    id: str
    standing: Standing
    """`silent`: no heartbeat in time; `abandoned`: a newer stream and no farewell; `retired`: it said farewell."""
    complete: bool
    """Nothing is missing but what people closed, and nothing stands against the stream itself."""
    contiguous_to: Count | None
    """Everything up to this number is here."""
    head: Count | None
    """The highest number that was seen."""
    known_to: Count | None
    """The highest number that is known of: seen, or named by a heartbeat."""
    holes: tuple[Hole, ...]
    """Every number up to there that is not here, in rising order."""
    forked_from: Count | None
    """The first number that stands there twice with different content."""
    two_holders: bool
    """Somebody signs with a key of it where that is not good: two hold the key, until it is revoked."""
    closed: bool
    """The collector said that nothing follows."""
    last_beat: Count | None
    heard_at: Timestamp | None
    waiting: Count | None
    """How many entries waited at the collector when it was last heard."""


async def invite(request: web.Request) -> web.Response:
    """Make an invitation for each name: 201 with their tokens, which are not shown again."""
    desk = services(request).desk
    asked = read_model(InvitationsRequest, await read_body(request))
    limits = Limits(
        repositories=asked.limits.repositories,
        services=asked.limits.services,
        environments=asked.limits.environments,
    )
    await desk.ask(licensing.allow_new, services(request).licence, "collectors", desk.now())
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
    invitations = [Invitation(name=one.name, token=one.token, expires_at=one.expires_at) for one in made]
    return answers.model(Invitations(items=tuple(invitations)), HTTPStatus.CREATED)


async def collectors(request: web.Request) -> web.Response:
    """List the workspace's collectors."""
    page = read_query(Page, request)
    found = await services(request).desk.ask(lookup.collectors, caller(request).workspace_id, page.limit, page.cursor)
    return answers.model(
        Listed[Collector](items=tuple(_collector(one) for one in found.items), next_cursor=found.next_cursor)
    )


async def collector(request: web.Request) -> web.Response:
    """Show one collector and its keys."""
    found = await services(request).desk.ask(
        lookup.collector, caller(request).workspace_id, request.match_info["collector_id"]
    )
    return answers.model(_collector(found))


async def streams(request: web.Request) -> web.Response:
    """Show how each stream of a collector stands, and what is missing of it."""
    desk = services(request).desk
    found = await desk.ask(
        stream_cases.of_collector, caller(request).workspace_id, request.match_info["collector_id"], desk.now()
    )
    return answers.model(Listed[Stream](items=tuple(_stream(one) for one in found), next_cursor=None))


def _collector(view: lookup.CollectorView) -> Collector:
    row = view.collector
    return Collector(
        id=row.collector_id,
        name=row.name,
        status=row.status,
        limits=row.limits,
        keys=tuple(
            CollectorKey(
                key_id=one.key.public.key_id,
                public_key=b64encode(one.key.public.spki),
                state=one.key.state,
                added_at=one.added_at,
                introduced_by=one.introduced_by,
                retired_stream=None if one.key.retired_stream is None else one.key.retired_stream.hex(),
                retired_from=one.key.retired_from,
            )
            for one in view.keys
        ),
        created_at=row.created_at,
        enrolled_at=row.enrolled_at,
        heard_at=view.heard_at,
    )


def _stream(view: stream_cases.StreamView) -> Stream:
    return Stream(
        id=view.stream_id,
        standing=view.standing,
        complete=view.complete,
        contiguous_to=_number(view.mark),
        head=_number(view.head),
        known_to=_number(view.known_to),
        holes=tuple(Hole(first=first, last=last, kind=kind) for kind, (first, last) in view.holes),
        forked_from=view.forked_from,
        two_holders=view.two_holders,
        closed=view.closed,
        last_beat=view.beat,
        heard_at=view.heard_at,
        waiting=view.waiting,
    )


def _number(found: int) -> int | None:
    return found if found >= 0 else None


ROUTES = (
    writes(f"{API}/collectors/invitations", invite, Scope.ADMIN, takes=InvitationsRequest, gives=Invitations),
    reads(f"{API}/collectors", collectors, Scope.READ, Scope.ADMIN, asks=Page, gives=Listed[Collector]),
    reads(_COLLECTOR, collector, Scope.READ, Scope.ADMIN, gives=Collector),
    reads(f"{_COLLECTOR}/streams", streams, Scope.READ, Scope.ADMIN, gives=Listed[Stream]),
)
