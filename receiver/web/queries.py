"""Query parameters: strict like bodies, so a misspelt filter is an error and not a longer list."""

from __future__ import annotations

from typing import Annotated, TypeVar

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from receiver.web.bodies import fields_error
from shared.errors import Code, MalformedError

MAX_ITEMS = 200


class Query(BaseModel):
    """Base of what a path takes behind its question mark; values come as text and are read as their type."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Page(Query):
    """Which piece of a list is asked for."""

    limit: Annotated[int, Field(ge=1, le=MAX_ITEMS)] = 50
    cursor: Annotated[str, Field(min_length=1, max_length=200)] | None = None


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
