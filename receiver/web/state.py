"""What a handler finds in its application and in its request, each under a typed key."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Concatenate, ParamSpec, TypeVar

from aiohttp import web
from structlog.typing import FilteringBoundLogger

from receiver.access import Confirmation
from receiver.caller import Caller
from receiver.core.admit import Examine
from receiver.core.licence import Stands, unlicensed
from receiver.hear import Answer, Confirm, Posted
from receiver.keys_at_hand import RoleSigners
from receiver.sessions import Known as SignedIn
from receiver.web.desk import Desk
from receiver.web.gathering import Gathering
from receiver.web.guard import Guards
from receiver.web.metrics import Metrics
from receiver.web.once import OneOfAKey
from receiver.web.ratelimits import RateLimits, Standing
from receiver.web.recognised import Recognised
from receiver.web.settings import WebSettings
from receiver.web.tally import Tally
from shared.encoding import base32_id
from shared.redaction import Rules

_ID_BYTES = 16


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that the wiring hands to the web; the store inside of the desk is opaque here."""

    desk: Desk[Any]
    signers: Callable[[Any, str], RoleSigners]
    ready: Callable[[Any], None]
    examine: Examine
    settings: WebSettings
    metrics: Metrics
    journal: FilteringBoundLogger
    limits: RateLimits
    guards: Guards
    secrets: Rules
    running: OneOfAKey
    refusals: Tally
    recognised: Recognised
    monotonic: Callable[[], float]
    licence: Stands = unlicensed

    def new_request_id(self) -> str:
        """Make the id that an answer is found again by."""
        return base32_id("req_", self.desk.random(_ID_BYTES))


SERVICES = web.AppKey("services", Services)
HEARTBEATS: web.AppKey[Gathering[Posted, Answer]] = web.AppKey("heartbeats", Gathering)
OF_REQUEST = web.RequestKey("services", Services)
CALLER = web.RequestKey("caller", Caller)
SIGNED_IN = web.RequestKey("signed_in", SignedIn)
CONFIRMATION = web.RequestKey("confirmation", Confirmation)
USE_IS_DUE = web.RequestKey("use_is_due", bool)
STANDING = web.RequestKey("standing", Standing)
REQUEST_ID = web.RequestKey("request_id", str)


P = ParamSpec("P")
T = TypeVar("T")


def services(request: web.Request) -> Services:
    """Give what the wiring handed over, with the desk that this request may use."""
    found: Services | None = request.get(OF_REQUEST)
    if found is not None:
        return found
    at_hand, confirmation = request.app[SERVICES], request.get(CONFIRMATION)
    if confirmation is None:
        return at_hand
    # Made where it is asked for: heartbeats need none.
    request[OF_REQUEST] = made = replace(at_hand, desk=at_hand.desk.behind(confirmation.before))
    return made


def caller(request: web.Request) -> Caller:
    """Give who asks; only where the route asks for a token or for people."""
    return request[CALLER]


def confirmation(request: web.Request) -> Confirm | None:
    """Give what holds a token that was recognised before against the database; None where it was looked up just now."""
    found = request.get(CONFIRMATION)
    return None if found is None else found.against


async def ask_signed(
    request: web.Request,
    use_case: Callable[Concatenate[Any, RoleSigners, P], T],
    /,
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    """Run a use case that signs, with the keys of the caller's workspace; raises what it raises."""
    at_hand, workspace_id = services(request), caller(request).workspace_id

    def act(store: Any) -> T:  # noqa: ANN401 - the store is opaque here
        return use_case(store, at_hand.signers(store, workspace_id), *args, **kwargs)

    return await at_hand.desk.change(act)
