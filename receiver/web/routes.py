"""The table of routes: the only way to add one. A route names who may use it, or it does not exist.

A row says everything that the OpenAPI document and the page at `/docs` are made of; its words are those of the
handler's docstring, and what a path's parameters look like stands in `receiver.web.parameters`.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from typing import TypeAlias

from aiohttp import web
from pydantic import BaseModel

from receiver.core.accounts import Role
from receiver.core.tokens import Scope

Handle = Callable[[web.Request], Awaitable[web.StreamResponse]]
Answer: TypeAlias = type[BaseModel] | str
"""What an answer's body is: JSON of a model, or text of one of these media types, parted by a comma and a space."""
Gives: TypeAlias = Answer | Mapping[int, Answer]
"""An answer of the usual status, or answers by status."""


class Proof(StrEnum):
    """What a request has to bring."""

    NOTHING = "nothing"
    SCOPED = "a token with one of the scopes"
    KNOWN = "any good token"
    INVITATION = "an invitation"
    SIGNED_BODY = "a body signed with a registered key"
    PASSWORD = "the password of an account"  # noqa: S105 - a proof's name
    SESSION = "a signed-in person"


class Body(StrEnum):
    """How large a body may be; the sizes are settings."""

    NONE = "none"
    USUAL = "usual"
    BATCH = "batch"


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one path, who may use it, how large its body may be, what serves it, and what goes in and out."""

    method: str
    path: str
    proof: Proof
    handle: Handle
    scopes: frozenset[Scope] = frozenset()
    body: Body = Body.NONE
    takes: type[BaseModel] | None = None
    """The model of the body."""
    asks: type[BaseModel] | None = None
    """The model of what stands behind the question mark; None: nothing may stand there."""
    gives: Mapping[int, Answer] = field(default_factory=dict, hash=False)
    """What a success is answered with, by status."""
    may: frozenset[int] = frozenset()
    """Statuses of errors besides those that follow from proof, method, path and body."""
    once: bool = False
    """Whether it takes an `Idempotency-Key`."""
    confirms: bool = False
    """Whether the token may be one that was recognised before, since it is looked at in the transaction that counts."""
    role: Role | None = None
    """The least role of a signed-in person who may use it, alone or besides tokens; None: no session opens it."""
    or_text: str | None = None
    """The media type of text that a success is answered in, where `Accept` prefers it to JSON."""
    verdict: str | None = None
    """The header that says true or false with every answer: false with every error."""

    def __post_init__(self) -> None:
        """Refuse a row that would be open by mistake."""
        if (self.proof is Proof.SCOPED) != bool(self.scopes):
            msg = f"{self.method} {self.path}: scopes belong to a token, and a token has scopes"
            raise ValueError(msg)
        if (self.proof is Proof.SESSION and self.role is None) or (
            self.role is not None and self.proof not in (Proof.SESSION, Proof.SCOPED)
        ):
            msg = f"{self.method} {self.path}: a role belongs to a session, and a session has a role"
            raise ValueError(msg)

    @property
    def summary(self) -> str:
        """What it does, in a line: the first of its handler's docstring; empty without one."""
        return (inspect.getdoc(self.handle) or "").partition("\n")[0]

    @property
    def description(self) -> str:
        """What there is to know besides: the rest of that docstring."""
        return (inspect.getdoc(self.handle) or "").partition("\n")[2].strip()


ROUTES: web.AppKey[dict[web.AbstractRoute, Route]] = web.AppKey("routes", dict)


def add_routes(app: web.Application, table: Iterable[Route]) -> None:
    """Add every row of a table to an application."""
    rows = tuple(table)
    paths = [path.split("/") for path in {row.path for row in rows}]
    app[ROUTES] = {
        app.router.add_route(row.method, _apart(row.path, paths), row.handle, expect_handler=_ask_later): row
        for row in rows
    }


def _apart(path: str, others: Iterable[list[str]]) -> str:
    """Keep a parameter from taking words that have paths of their own: `/collectors/enrol` is no collector."""
    if "{" not in path:
        return path
    parts = path.split("/")
    for place, part in enumerate(parts):
        if part.startswith("{"):
            words = sorted(
                {
                    re.escape(other[place])
                    for other in others
                    if other[:place] == path.split("/")[:place] and len(other) > place and other[place][:1] != "{"
                }
            )
            if words:
                parts[place] = f"{{{part[1:-1]}:(?!(?:{'|'.join(words)})(?:/|$))[^/]+}}"
    return "/".join(parts)


async def _ask_later(_request: web.Request) -> None:
    """Send no `100 Continue` yet: a body is asked for where it is read, after its sender was let in."""


def route_of(request: web.Request) -> Route | None:
    """Give the row that a request falls under; None where there is nothing at its path, or not for its method."""
    return request.app[ROUTES].get(request.match_info.route)


def reads(
    path: str,
    handle: Handle,
    *scopes: Scope,
    asks: type[BaseModel] | None = None,
    gives: Gives | None = None,
    may: Collection[int] = (),
    role: Role | None = None,
) -> Route:
    """A read with a token that has one of the scopes, or by people with a role; answered with 200."""
    answers = _by_status(gives, HTTPStatus.OK)
    return Route(
        "GET", path, Proof.SCOPED, handle, frozenset(scopes), asks=asks, gives=answers, may=frozenset(may), role=role
    )


def writes(
    path: str,
    handle: Handle,
    *scopes: Scope,
    body: Body = Body.USUAL,
    takes: type[BaseModel] | None = None,
    gives: Gives | None = None,
    may: Collection[int] = (),
    once: bool = False,
    confirms: bool = False,
) -> Route:
    """A write with a token that has one of the scopes; answered with 201 where nothing else is said."""
    answers = _by_status(gives, HTTPStatus.CREATED)
    allowed, errors = frozenset(scopes), frozenset(may)
    return Route(
        "POST",
        path,
        Proof.SCOPED,
        handle,
        allowed,
        body,
        takes=takes,
        gives=answers,
        may=errors,
        once=once,
        confirms=confirms,
    )


def acts(
    path: str,
    handle: Handle,
    role: Role,
    *,
    takes: type[BaseModel] | None = None,
    gives: Gives | None = None,
    may: Collection[int] = (),
    once: bool = False,
) -> Route:
    """What people alone do, signed in and with at least this role; answered with 201 where nothing else is said."""
    answers = _by_status(gives, HTTPStatus.CREATED)
    body = Body.NONE if takes is None else Body.USUAL
    return Route(
        "POST",
        path,
        Proof.SESSION,
        handle,
        body=body,
        takes=takes,
        gives=answers,
        may=frozenset(may),
        once=once,
        role=role,
    )


def changes(
    path: str,
    handle: Handle,
    *scopes: Scope,
    takes: type[BaseModel] | None = None,
    gives: Gives | None = None,
    may: Collection[int] = (),
    once: bool = False,
) -> Route:
    """A change of what is there, with a token that has one of the scopes; answered with 200."""
    answers = _by_status(gives, HTTPStatus.OK)
    allowed, errors = frozenset(scopes), frozenset(may)
    return Route(
        "PUT", path, Proof.SCOPED, handle, allowed, Body.USUAL, takes=takes, gives=answers, may=errors, once=once
    )


def _by_status(gives: Gives | None, usual: HTTPStatus) -> Mapping[int, Answer]:
    if gives is None:
        return {}
    return gives if isinstance(gives, Mapping) else {usual: gives}
