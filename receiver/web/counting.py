"""What is counted of requests at the door: those of a key, failures of an address, and refusals for the audit trail."""

from __future__ import annotations

from aiohttp import web

from receiver.web.ratelimits import Standing
from receiver.web.routes import Route
from receiver.web.state import SERVICES, STANDING
from shared.errors import Code, TryLaterError, UntrustedError

NOWHERE = "no such route"


def name_of(route: Route | None) -> str:
    """Name a route as the trail does."""
    return NOWHERE if route is None else f"{route.method} {route.path}"


def note_refusal(request: web.Request, route: Route | None, workspace_id: str, who: str, error: UntrustedError) -> None:
    """Count a refusal of somebody who is known (a token's id, or an account) for the trail of the workspace."""
    services = request.app[SERVICES]
    services.refusals.add(workspace_id, request.remote, name_of(route), who, error.code.value, services.desk.now())


async def count_request(request: web.Request, key: str, limit_per_minute: int) -> None:
    """Count one request of a key; raises `TryLaterError` (`rate_limited`) for one too many."""
    standing = await request.app[SERVICES].limits.take(key, limit_per_minute)
    request[STANDING] = standing
    if not standing.admitted:
        raise slow_down(standing, f"this key may ask {standing.limit} times a minute")


async def count_failure(request: web.Request) -> None:
    """Count a request that showed nothing good; raises `TryLaterError` where its address is to wait."""
    standing = await request.app[SERVICES].limits.fail(request.remote or "")
    if not standing.admitted:
        raise slow_down(standing, "too many requests without a good token came from this address") from None


def slow_down(standing: Standing, detail: str) -> TryLaterError:
    """Say how long to wait."""
    return TryLaterError(Code.RATE_LIMITED, detail, "wait as Retry-After says", delay_seconds=standing.wait_seconds)
