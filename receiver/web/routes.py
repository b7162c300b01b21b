"""The table of routes: the only way to add one. A route names who may use it, or it does not exist."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from aiohttp import web

from receiver.core.tokens import Scope

Handle = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Proof(StrEnum):
    """What a request has to bring."""

    NOTHING = "nothing"
    SCOPED = "a token with one of the scopes"
    KNOWN = "any good token"
    INVITATION = "an invitation"
    SIGNED_BODY = "a body signed with a registered key"


class Body(StrEnum):
    """How large a body may be; the sizes are settings."""

    NONE = "none"
    USUAL = "usual"
    BATCH = "batch"


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one path, who may use it, how large its body may be, and what serves it."""

    method: str
    path: str
    proof: Proof
    handle: Handle
    scopes: frozenset[Scope] = frozenset()
    body: Body = Body.NONE

    def __post_init__(self) -> None:
        """Refuse a row that would be open by mistake."""
        if (self.proof is Proof.SCOPED) != bool(self.scopes):
            msg = f"{self.method} {self.path}: scopes belong to a token, and a token has scopes"
            raise ValueError(msg)


ROUTES: web.AppKey[dict[web.AbstractRoute, Route]] = web.AppKey("routes", dict)


def add_routes(app: web.Application, table: Iterable[Route]) -> None:
    """Add every row of a table to an application."""
    app[ROUTES] = {
        app.router.add_route(row.method, row.path, row.handle, expect_handler=_ask_later): row for row in table
    }


async def _ask_later(_request: web.Request) -> None:
    """Send no `100 Continue` yet: a body is asked for where it is read, after its sender was let in."""


def route_of(request: web.Request) -> Route | None:
    """Give the row that a request falls under; None where there is nothing at its path, or not for its method."""
    return request.app[ROUTES].get(request.match_info.route)


def reads(path: str, handle: Handle, *scopes: Scope) -> Route:
    """A read with a token that has one of the scopes."""
    return Route("GET", path, Proof.SCOPED, handle, frozenset(scopes))


def writes(path: str, handle: Handle, *scopes: Scope, body: Body = Body.USUAL) -> Route:
    """A write with a token that has one of the scopes."""
    return Route("POST", path, Proof.SCOPED, handle, frozenset(scopes), body)
