"""What watches a receiver: is it up, can it serve, what does it count."""

from __future__ import annotations

from aiohttp import web

from receiver.web import answers
from receiver.web.metrics import CONTENT_TYPE
from receiver.web.routes import Proof, Route
from receiver.web.state import services
from shared.errors import CarnetError, Code, TryLaterError


async def healthz(_request: web.Request) -> web.Response:
    """Say that the process is up; restart it when this does not answer."""
    return answers.json({"status": "up"})


async def readyz(request: web.Request) -> web.Response:
    """Say that database, migrations and keys are there; raises `TryLaterError` where one is not.

    What is missing is for the operator's log alone: nobody who asks here has shown a token.
    """
    at_hand = services(request)
    try:
        await at_hand.desk.ask(at_hand.ready)
    except CarnetError as error:
        at_hand.journal.warning("not_ready", code=error.code.value, detail=error.detail, hint=error.hint)
        raise TryLaterError(Code.UNAVAILABLE, "the receiver is not ready", "see its log") from None
    return answers.json({"status": "ready"})


async def metrics(request: web.Request) -> web.Response:
    """Give the figures in Prometheus' text format."""
    return web.Response(body=services(request).metrics.text(), headers={"Content-Type": CONTENT_TYPE})


ROUTES = (
    Route("GET", "/healthz", Proof.NOTHING, healthz),
    Route("GET", "/readyz", Proof.NOTHING, readyz),
    Route("GET", "/metrics", Proof.NOTHING, metrics),
)
