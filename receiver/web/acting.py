"""The way of an act through the web: done once for its Idempotency-Key, and answered the same when it comes again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from receiver.record import Once
from receiver.revoke import Answered
from receiver.web import answers
from receiver.web.once import REPLAY_HEADER, read_once
from receiver.web.state import caller, services


async def act_once(
    request: web.Request, body: bytes, act: Callable[[Once | None], Awaitable[Answered]]
) -> web.Response:
    """Act, unless the key of this request was answered before; raises what `act` raises.

    Raises besides `StateError` (`conflict`) while the same key is being worked on, and `MalformedError` for a bad one.
    """
    once = read_once(request, caller(request).token_id, body)
    with services(request).running.alone(once):
        done = await act(once)
    response = answers.raw(done.body, done.status)
    if done.replayed:
        response.headers[REPLAY_HEADER] = "true"
    return response
