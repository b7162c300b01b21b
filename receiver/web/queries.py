"""Query parameters: strict like bodies, so a misspelt filter is an error and not a longer list."""

from __future__ import annotations

from typing import Annotated, TypeVar

from aiohttp import web
from aiohttp.typedefs import Handler
from pydantic import ConfigDict, Field, ValidationError

from receiver.web.bodies import FieldsError, fields_error
from receiver.web.described import Described
from receiver.web.routes import Proof, route_of
from shared.errors import Code, MalformedError
from shared.problems import FieldProblem

MAX_ITEMS = 200
MAX_NAMED = 20


class Query(Described):
    """Base of what a path takes behind its question mark; values come as text and are read as their type."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Page(Query):
    """Which piece of a list is asked for."""

    limit: Annotated[int, Field(ge=1, le=MAX_ITEMS)] = 50
    """How many items."""
    cursor: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """The nextCursor of the answer before; none for the newest."""


_Q = TypeVar("_Q", bound=Query)


def read_query(model: type[_Q], request: web.Request) -> _Q:
    """Read the query of a request; raises `MalformedError` that names every wrong parameter."""
    names = list(request.query)
    if len(set(names)) != len(names):
        raise MalformedError(Code.INVALID_FIELD, "a query parameter stands twice", "name each one once")
    try:
        return model.model_validate(dict(request.query))
    except ValidationError as error:
        raise fields_error(error) from None


@web.middleware
async def no_idle_query(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse a query where a route asks for none; what watches from outside may add what it likes."""
    route = route_of(request)
    if route is not None and route.asks is None and route.proof is not Proof.NOTHING and request.query:
        names = sorted({name[:80] for name in request.query})[:MAX_NAMED]
        raise FieldsError(
            Code.UNKNOWN_FIELD, tuple(FieldProblem(field=name, message="no such parameter here") for name in names)
        )
    return await handler(request)
