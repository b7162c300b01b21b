"""The way of a post through the web: secrets are cut in a thread that reads, then it is stored, once for its key."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from receiver import record
from receiver.core.posting import Record
from receiver.record import Stored
from receiver.web import answers
from receiver.web.answers import AnswerModel
from receiver.web.once import REPLAY_HEADER, read_once
from receiver.web.state import ask_signed, caller, services
from shared.encoding import JsonObject, compact

Shown = Callable[[Stored], AnswerModel]
"""Writes what was stored as it is answered."""


async def take(request: web.Request, body: bytes, fields: JsonObject, kind: Record, shown: Shown) -> web.Response:
    """Store what was posted: 201 where it is new or a correction, 200 where it was there; raises what `record` does."""
    return await _take(request, body, fields, shown, kind, None)


async def take_change(request: web.Request, body: bytes, fields: JsonObject, run_id: str, shown: Shown) -> web.Response:
    """Let a pipeline run go on: 200; raises what `record` does."""
    return await _take(request, body, fields, shown, Record.RUN, run_id)


async def _take(
    request: web.Request,
    body: bytes,
    fields: JsonObject,
    shown: Shown,
    kind: Record,
    run_id: str | None,
) -> web.Response:
    at_hand, sender = services(request), caller(request)
    desk, once = at_hand.desk, read_once(request, sender.token_id, body)

    def render(stored: Stored) -> tuple[int, bytes]:
        return 201 if stored.created else 200, compact(shown(stored).to_wire())

    with at_hand.running.alone(once):
        cut = await desk.ask(record.without_secrets, fields, at_hand.secrets)
        asking = record.Asking(sender, once, render, desk.now(), desk.random, request.remote)
        if run_id is None:
            done = await ask_signed(request, record.post, asking, kind, cut)
        else:
            done = await ask_signed(request, record.go_on, asking, run_id, cut)
    response = answers.raw(done.body, done.status)
    if done.replayed:
        response.headers[REPLAY_HEADER] = "true"
    return response
