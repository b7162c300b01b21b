"""What ends a collector, a key or a token, and what that does to what they signed or posted."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from aiohttp import web
from pydantic import BeforeValidator, Field

from receiver import revoke
from receiver.core.impact import Effect, Some
from receiver.core.revocation import Asked, Loss, What
from receiver.core.tokens import Scope
from receiver.record import Once
from receiver.web import answers
from receiver.web.acting import act_once
from receiver.web.answers import AnswerModel
from receiver.web.api_v1.fields import lower, sha256
from receiver.web.bodies import FieldsError, RequestModel, read_body, read_model
from receiver.web.queries import Query, read_query
from receiver.web.routes import reads, writes
from receiver.web.state import ask_signed, caller, services
from shared.encoding import compact, digest_text
from shared.errors import Code, StateError
from shared.fields import Count, DigestText, LongName, Timestamp
from shared.problems import FieldProblem
from shared.wire import API

_KEY = f"{API}/keys/{{key_id}}"
_TOKEN = f"{API}/tokens/{{token_id}}"


class _Ending(RequestModel):
    """What every revocation says."""

    reason: LongName
    since: Timestamp | None = None
    """From when somebody else may have had it, by the receiver's clock: needed for `compromised`, null is always."""
    dry_run: bool = False
    """Answer what it would do, and change nothing."""


class RevocationRequest(_Ending):
    """Why something is to be good no more, and from when what it signed does not count."""

    kind: Annotated[Loss, Field(strict=False), BeforeValidator(lower)]
    """`lost`: nobody else had it, what came before counts; `compromised`: somebody may have used it."""


class TokenRevocationRequest(_Ending):
    """Why a token is to be good no more, and from when what it posted does not count."""

    kind: Annotated[Loss, Field(strict=False), BeforeValidator(lower)] = Loss.LOST
    """`lost`: nobody else had it, what came before counts; `compromised`: somebody may have used it."""


class ImpactQuery(Query):
    """From when on a key or a token may have been in other hands."""

    since: Timestamp | None = None
    """Without it: the last heartbeat of the key's collector; for a token, always."""


class Named(AnswerModel):
    """Names in their order, the first 200, and how many there are."""

    items: tuple[str, ...]
    total: Count


class Untrusted(AnswerModel):
    """Attestations that are held from now on: the oldest 200, and how many there are."""

    items: tuple[DigestText, ...]
    total: Count


class CollectAgain(AnswerModel):
    """What loses evidence."""

    repositories: Named
    commits: Named
    runs: Named


class Revoked(AnswerModel):
    """What a revocation does, or would do."""

    id: str
    """The collector, key or token."""
    what: What
    kind: Loss
    since: Timestamp | None
    """What was received from then on is held; null is always."""
    reason: str
    dry_run: bool
    revocation: Count | None
    """The number of its statement in the register; null where none was signed."""
    revoked_at: Timestamp | None
    """When it was revoked first; null where it is not."""
    keys: tuple[DigestText, ...]
    """The keys that it ends: those that came in by their rotations since among them."""
    untrusted: Untrusted
    stays_good: Count
    """How many attestations go on to count."""
    never_delivered_at_most: Count
    """How many entries the collector had made, by its last heartbeat, that are not here."""
    collect_again: CollectAgain
    tokens: Count
    """How many hourly tokens of the collector ended, or would."""
    invitations: Count
    offered_since: Timestamp | None
    """The last heartbeat: what to begin with where nobody knows since when."""


async def revoke_collector(request: web.Request) -> web.Response:
    """Revoke a collector: its keys, its access and its invitations end at once.

    What was received from `since` on is held, whatever time it claims; it stays stored. Asked for again it is answered
    as it stands; a longer time holds more.
    """
    return await _revoke(request, What.COLLECTOR, request.match_info["collector_id"], RevocationRequest)


async def revoke_key(request: web.Request) -> web.Response:
    """Revoke one key of a collector, and those that came in by its rotations since."""
    return await _revoke(request, What.KEY, _key_id(request), RevocationRequest)


async def revoke_token(request: web.Request) -> web.Response:
    """Revoke a token: from the next request on it is refused.

    What it posted is held as what a key signed is. One that is revoked already is answered with its first time and
    reason, and stays so, unless more is to be held.
    """
    return await _revoke(request, What.TOKEN, request.match_info["token_id"], TokenRevocationRequest)


async def key_impact(request: web.Request) -> web.Response:
    """Show what it would do to revoke a key as compromised."""
    return await _impact(request, What.KEY, _key_id(request))


async def token_impact(request: web.Request) -> web.Response:
    """Show what it would do to revoke a token as compromised."""
    return await _impact(request, What.TOKEN, request.match_info["token_id"])


async def _revoke(
    request: web.Request, what: What, named: str, model: type[RevocationRequest | TokenRevocationRequest]
) -> web.Response:
    raw = await read_body(request)
    body = read_model(model, raw)
    if body.kind is Loss.COMPROMISED and "since" not in body.model_fields_set:
        problem = FieldProblem(field="since", message="name a time, or null where it is not known since when")
        raise FieldsError(Code.INVALID_FIELD, (problem,))
    asked = Asked(what, named, body.kind, body.since, body.reason)
    who, desk = caller(request), services(request).desk

    def write(found: Effect) -> revoke.Answered:
        return revoke.Answered(HTTPStatus.OK, compact(_shown(found, dry_run=body.dry_run).to_wire()))

    async def act(once: Once | None) -> revoke.Answered:
        reply, now = revoke.Reply(once, write), desk.now()
        if body.dry_run:
            hand = desk.ask if once is None else desk.change
            return await hand(revoke.answer_impact, who.workspace_id, asked, now, reply)
        return await ask_signed(request, revoke.answer, asked, who, now, desk.random, request.remote, reply)

    return await act_once(request, raw, act)


async def _impact(request: web.Request, what: What, named: str) -> web.Response:
    asked, desk = read_query(ImpactQuery, request), services(request).desk
    found = await desk.ask(revoke.offered, caller(request).workspace_id, what, named, desk.now(), asked.since)
    return answers.model(_shown(found, dry_run=True))


def _key_id(request: web.Request) -> str:
    try:
        return f"sha256:{sha256(request.match_info['key_id'])}"
    except ValueError:
        raise StateError(
            Code.NOT_FOUND, "there is no such key", "an id is sha256: and 64 hex digits, or the digits alone"
        ) from None


def _shown(found: Effect, *, dry_run: bool) -> Revoked:
    return Revoked(
        id=found.asked.id,
        what=found.asked.what,
        kind=found.asked.kind,
        since=found.asked.since,
        reason=found.asked.reason,
        dry_run=dry_run,
        revocation=found.revocation,
        revoked_at=found.revoked_at,
        keys=found.keys,
        untrusted=Untrusted(items=tuple(digest_text(one) for one in found.untrusted), total=found.untrusted_total),
        stays_good=found.stays_good,
        never_delivered_at_most=found.never_delivered_at_most,
        collect_again=CollectAgain(
            repositories=_named(found.repositories), commits=_named(found.commits), runs=_named(found.runs)
        ),
        tokens=found.tokens,
        invitations=found.invitations,
        offered_since=found.offered_since,
    )


def _named(some: Some) -> Named:
    return Named(items=some.items, total=some.total)


ROUTES = (
    writes(
        f"{API}/collectors/{{collector_id}}/revoke",
        revoke_collector,
        Scope.ADMIN,
        takes=RevocationRequest,
        gives={200: Revoked},
        once=True,
    ),
    writes(f"{_KEY}/revoke", revoke_key, Scope.ADMIN, takes=RevocationRequest, gives={200: Revoked}, once=True),
    reads(f"{_KEY}/impact", key_impact, Scope.ADMIN, asks=ImpactQuery, gives=Revoked),
    writes(
        f"{_TOKEN}/revoke",
        revoke_token,
        Scope.ADMIN,
        takes=TokenRevocationRequest,
        gives={200: Revoked},
        once=True,
    ),
    reads(f"{_TOKEN}/impact", token_impact, Scope.ADMIN, asks=ImpactQuery, gives=Revoked),
)
