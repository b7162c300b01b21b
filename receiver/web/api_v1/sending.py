"""What collectors call: enrol, access, batches, heartbeats, and the keyring that they check receipts under."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from aiohttp import web

from receiver import collector_access, enrol, hear, ingest, lookup
from receiver.core.tokens import Scope, unauthorized
from receiver.hear import Posted
from receiver.web import answers
from receiver.web.answers import AnswerModel
from receiver.web.api_v1.shapes import (
    AccessRequest,
    BatchAnswer,
    BatchRequest,
    Enrolled,
    EnrolRequest,
    HeartbeatAnswer,
    HeartbeatRequest,
    Keyring,
    Waiting,
)
from receiver.web.auth import bearer
from receiver.web.bodies import read_body
from receiver.web.routes import Body, Proof, Route, writes
from receiver.web.state import HEARTBEATS, SERVICES, USE_IS_DUE, ask_signed, caller, confirmation, services
from shared.errors import CarnetError
from shared.fields import Id, Timestamp
from shared.joining import emit_enrol_answer, emit_keyring
from shared.wire import ACCESS_PATH, BATCH_PATH, ENROL_PATH, HEARTBEAT_PATH, KEYRING_PATH

_BODY = web.RequestKey("body", bytes)


class AccessToken(AnswerModel):
    """A token for an hour, shown this once."""

    id: Id
    token: str
    expires_at: Timestamp


async def batch(request: web.Request) -> web.Response:
    """Take 1 to 100 attestations: 200 with a receipt, 207 where some of them were refused."""
    at_hand, body = services(request), await read_body(request)
    desk, sender = at_hand.desk, caller(request)
    looked = await desk.ask(ingest.look_at_batch, sender, body, at_hand.examine)
    if isinstance(looked, ingest.IngestAnswer):
        answer = looked
    else:
        answer = await ask_signed(request, ingest.take_batch, sender, looked, desk.now(), desk.random)
    at_hand.metrics.batch(answer.counts)
    return answers.raw(answer.body, HTTPStatus.MULTI_STATUS if answer.refused else HTTPStatus.OK)


async def heartbeat(request: web.Request) -> web.Response:
    """Take a heartbeat that came without a batch: 200 with a receipt of no entries.

    Those of a workspace that come within a moment are stored together.
    """
    body = request.get(_BODY)
    if body is None:
        # Kept, since the handler is asked again where the token turns out to have changed.
        body = request[_BODY] = await read_body(request)
    posted = Posted(caller(request), body, confirmation(request), use_is_due=request.get(USE_IS_DUE, False))
    # Not the desk of this request: the tokens are looked at one by one, in the transaction that all of them share.
    at_hand, workspace_id = request.app[SERVICES], posted.caller.workspace_id

    async def take(together: list[Posted]) -> list[hear.Answer]:
        def act(store: Any) -> list[hear.Answer]:  # noqa: ANN401 - the store is opaque here
            desk, signers = at_hand.desk, at_hand.signers(store, workspace_id)
            return hear.take(store, signers, together, desk.now(), desk.random)

        return await at_hand.desk.change(act)

    answer = await request.app[HEARTBEATS].join(workspace_id, posted, take)
    if isinstance(answer, CarnetError):
        raise answer
    return answers.raw(answer)


async def keyring(request: web.Request) -> web.Response:
    """Give every version of the workspace's keyring, oldest first, and its root key."""
    found = await services(request).desk.ask(lookup.keyring, caller(request).workspace_id)
    return answers.raw(emit_keyring(found.versions, found.root_spki))


async def join(request: web.Request) -> web.Response:
    """Take a collector's key in under an invitation: 201 enrolled, 202 while a person must confirm the key."""
    desk, token = services(request).desk, bearer(request)
    if token is None:
        raise unauthorized()
    body = await read_body(request)
    answer = await ask_signed(request, enrol.enrol, token, body, desk.now(), desk.random, request.remote)
    status = HTTPStatus.ACCEPTED if answer.enrolment is None else HTTPStatus.CREATED
    return answers.raw(emit_enrol_answer(answer), status)


async def grant(request: web.Request) -> web.Response:
    """Give a collector a token for an hour, for a statement that its key signed."""
    desk, body = services(request).desk, await read_body(request)
    collector_id = request.match_info["collector_id"]
    issued = await desk.change(collector_access.give, collector_id, body, desk.now(), desk.random, request.remote)
    answer = AccessToken(id=issued.id, token=issued.token, expires_at=issued.expires_at)
    return answers.model(answer, HTTPStatus.CREATED)


ROUTES = (
    writes(
        BATCH_PATH,
        batch,
        Scope.COLLECTOR_WRITE,
        body=Body.BATCH,
        takes=BatchRequest,
        gives={HTTPStatus.OK: BatchAnswer, HTTPStatus.MULTI_STATUS: BatchAnswer},
        may={HTTPStatus.NOT_FOUND},
    ),
    writes(
        HEARTBEAT_PATH,
        heartbeat,
        Scope.COLLECTOR_WRITE,
        takes=HeartbeatRequest,
        gives={HTTPStatus.OK: HeartbeatAnswer},
        may={HTTPStatus.NOT_FOUND},
        confirms=True,
    ),
    Route("GET", KEYRING_PATH, Proof.KNOWN, keyring, gives={HTTPStatus.OK: Keyring}),
    Route(
        "POST",
        ENROL_PATH,
        Proof.INVITATION,
        join,
        body=Body.USUAL,
        takes=EnrolRequest,
        gives={HTTPStatus.CREATED: Enrolled, HTTPStatus.ACCEPTED: Waiting},
    ),
    Route(
        "POST",
        ACCESS_PATH,
        Proof.SIGNED_BODY,
        grant,
        body=Body.USUAL,
        takes=AccessRequest,
        gives={HTTPStatus.CREATED: AccessToken},
    ),
)
