"""What is held, and how two people let it count after all."""

from __future__ import annotations

from enum import StrEnum
from functools import partial
from http import HTTPStatus
from typing import Annotated

from aiohttp import web
from pydantic import Field

from receiver import lookup, release
from receiver.core.placing import Status
from receiver.core.tokens import Scope
from receiver.record import Once
from receiver.web import answers
from receiver.web.acting import act_once
from receiver.web.answers import AnswerModel, Listed
from receiver.web.api_v1.asking import Attestation, shown_attestation
from receiver.web.api_v1.fields import Sha256
from receiver.web.bodies import RequestModel, read_body, read_model
from receiver.web.queries import Page, read_query
from receiver.web.routes import reads, writes
from receiver.web.state import ask_signed, caller, services
from shared.encoding import MAX_INTEGER, compact, digest_text
from shared.fields import Count, DigestText, LongName, Timestamp
from shared.predicates import Person
from shared.wire import API

_HELD = lookup.Filters(status=Status.HELD, record=None)


class ReleaseRequest(RequestModel):
    """What is to count after all: attestations, or everything that a revocation holds, by its number; and why."""

    attestations: Annotated[tuple[Sha256, ...], Field(strict=False, max_length=release.MAX_ATTESTATIONS)] = ()
    """Ids of held attestations."""
    revocation: Annotated[int, Field(ge=1, le=MAX_INTEGER)] | None = None
    """The number in the register of a revocation that is to be taken back."""
    reason: LongName


class ReleaseState(StrEnum):
    """Whether a release waits for the second person."""

    WAITING = "waiting"
    RELEASED = "released"


class ReleaseAnswer(AnswerModel):
    """How a release stands."""

    status: ReleaseState
    needed: Count
    """How many people are still needed."""
    release: Count | None
    """The number of its statement in the register."""
    attestations: tuple[DigestText, ...]
    revocation: Count | None
    reason: str
    """Why, as the first of both said."""
    second_reason: str | None
    """Why, as the second said, where that was something else."""
    by: tuple[Person, ...]
    at: Timestamp
    """When it was proposed, or signed."""


async def held(request: web.Request) -> web.Response:
    """List what is held, newest first: stored and receipted, and no help to any decision."""
    page = read_query(Page, request)
    found = await services(request).desk.ask(
        lookup.attestations, caller(request).workspace_id, _HELD, page.limit, page.cursor
    )
    return answers.model(
        Listed[Attestation](items=tuple(shown_attestation(one) for one in found.items), next_cursor=found.next_cursor)
    )


async def release_held(request: web.Request) -> web.Response:
    """Release what is held, or take a revocation back: 202 for the first person, 200 once a second one says the same.

    Two tokens are two people where they are known by different labels. The first one's word is kept for a week. What
    was released before is answered as it stands.
    """
    raw = await read_body(request)
    asked = read_model(ReleaseRequest, raw)
    wanted = release.Wanted(tuple(bytes.fromhex(one) for one in asked.attestations), asked.revocation, asked.reason)
    who, desk = caller(request), services(request).desk

    async def act(once: Once | None) -> release.Answered:
        reply = release.Reply(once, partial(_answered, wanted))
        return await ask_signed(request, release.answer, wanted, who, desk.now(), desk.random, request.remote, reply)

    return await act_once(request, raw, act)


def _answered(wanted: release.Wanted, done: release.Released) -> release.Answered:
    waiting = done.number is None
    answer = ReleaseAnswer(
        status=ReleaseState.WAITING if waiting else ReleaseState.RELEASED,
        needed=int(waiting),
        release=done.number,
        attestations=tuple(digest_text(one) for one in wanted.attestations),
        revocation=wanted.revocation,
        reason=done.reason,
        second_reason=done.second_reason,
        by=done.by,
        at=done.at,
    )
    return release.Answered(HTTPStatus.ACCEPTED if waiting else HTTPStatus.OK, compact(answer.to_wire()))


ROUTES = (
    reads(f"{API}/held", held, Scope.READ, Scope.ADMIN, asks=Page, gives=Listed[Attestation]),
    writes(
        f"{API}/held/release",
        release_held,
        Scope.ADMIN,
        takes=ReleaseRequest,
        gives={200: ReleaseAnswer, 202: ReleaseAnswer},
        may={HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT},
        once=True,
    ),
)
