"""How answers are written: JSON as it stands on the wire, and lists with a cursor."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Generic, TypeVar

from aiohttp import web
from pydantic import ConfigDict, Field

from receiver.web.described import Described
from shared.encoding import JsonObject, compact, format_time
from shared.fields import Wire
from shared.wire import JSON_TYPE


class AnswerModel(Described, Wire):
    """Base of what an answer says: every field is written, null too, but for those that `LEFT_OUT` says may be missing.

    What is described by one is written by it, or a test holds the answer against it.
    """

    model_config = ConfigDict(extra="forbid")

    def to_wire(self) -> JsonObject:
        """Give the fields as they stand on the wire."""
        return self.model_dump(by_alias=True, mode="json")


def _is_none(value: object) -> bool:
    return value is None


LEFT_OUT = Field(default=None, exclude_if=_is_none)
"""For a field of an answer that is missing instead of null: `code: Annotated[str | None, LEFT_OUT]`."""

_Item = TypeVar("_Item", bound=AnswerModel)


class Listed(AnswerModel, Generic[_Item]):
    """A piece of a list, newest first; `nextCursor` says where it goes on, null at the end."""

    items: tuple[_Item, ...]
    next_cursor: str | None

    @classmethod
    def model_parametrized_name(cls, params: tuple[Any, ...]) -> str:
        """Name the list after what is in it."""
        return "ListOf" + str(params[0].__name__)


def raw(body: bytes, status: int = 200) -> web.Response:
    """Answer with JSON that is written already; signed bytes inside of it stay as they are."""
    return web.Response(body=body, status=status, content_type=JSON_TYPE)


def json(fields: JsonObject, status: int = 200) -> web.Response:
    """Answer with an object."""
    return raw(compact(fields), status)


def model(answer: AnswerModel, status: int = 200) -> web.Response:
    """Answer with a model."""
    return json(answer.to_wire(), status)


def items(found: Iterable[JsonObject], next_cursor: str | None = None, status: int = 200) -> web.Response:
    """Answer with a list, newest first, and where it goes on."""
    return json({"items": list(found), "nextCursor": next_cursor}, status)


def time_or_null(moment: datetime | None) -> str | None:
    """Write a moment, or null for one that has not come."""
    return None if moment is None else format_time(moment)
