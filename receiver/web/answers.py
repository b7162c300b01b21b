"""How answers are written: JSON as it stands on the wire, and lists with a cursor."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from aiohttp import web

from shared.encoding import JsonObject, compact, format_time
from shared.wire import JSON_TYPE


def raw(body: bytes, status: int = 200) -> web.Response:
    """Answer with JSON that is written already; signed bytes inside of it stay as they are."""
    return web.Response(body=body, status=status, content_type=JSON_TYPE)


def json(fields: JsonObject, status: int = 200) -> web.Response:
    """Answer with an object."""
    return raw(compact(fields), status)


def items(found: Iterable[JsonObject], next_cursor: str | None = None, status: int = 200) -> web.Response:
    """Answer with a list, newest first, and where it goes on."""
    return json({"items": list(found), "nextCursor": next_cursor}, status)


def time_or_null(moment: datetime | None) -> str | None:
    """Write a moment, or null for one that has not come."""
    return None if moment is None else format_time(moment)
