"""Request bodies: JSON alone, unpacked piece by piece, capped after inflation, and not waited for without end.

A body is read only after its sender was let in.
"""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import TypeVar

from aiohttp import web
from pydantic import ConfigDict, ValidationError

from receiver.web.described import Described
from receiver.web.routes import Body, Route, route_of
from receiver.web.settings import WebSettings
from receiver.web.state import SERVICES
from receiver.web.unpacking import ENCODINGS, BrokenPackingError, Unpacker
from shared.encoding import MAX_INTEGER, JsonValue, parse_object
from shared.errors import Code, MalformedError
from shared.fields import Wire
from shared.problems import FieldProblem
from shared.wire import JSON_TYPE

_MAX_FIELDS_NAMED = 20


class FieldsError(MalformedError):
    """Fields of a request that are wrong, each by its path."""

    def __init__(self, code: Code, errors: tuple[FieldProblem, ...]) -> None:
        """The first one stands in the detail."""
        super().__init__(code, f"{errors[0].field}: {errors[0].message}", "see docs/wire.md for the fields")
        self.errors = errors


class RequestModel(Described, Wire):
    """Base of what a request's body may say: strict, and closed for unknown fields."""

    model_config = ConfigDict(extra="forbid")


_M = TypeVar("_M", bound=RequestModel)


def read_model(model: type[_M], body: bytes) -> _M:
    """Read a body as a model; raises `MalformedError`, and `FieldsError` that names every wrong field."""
    fields = parse_object(body)
    try:
        return model.from_wire(_with_integers(fields))
    except ValidationError as error:
        raise fields_error(error) from None


def _with_integers(value: JsonValue) -> JsonValue:
    """Read a number whose fraction is zero as the integer that it is: JSON has one kind of number."""
    if isinstance(value, dict):
        return {name: _with_integers(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_with_integers(one) for one in value]
    if isinstance(value, float) and value.is_integer() and abs(value) <= MAX_INTEGER:
        return int(value)
    return value


def fields_error(error: ValidationError) -> FieldsError:
    """Say which fields a model refused, and why; their values are not quoted."""
    found = error.errors(include_url=False, include_input=False, include_context=False)[:_MAX_FIELDS_NAMED]
    unknown = all(one["type"] == "extra_forbidden" for one in found)
    return FieldsError(
        Code.UNKNOWN_FIELD if unknown else Code.INVALID_FIELD,
        tuple(
            FieldProblem(
                field=".".join(str(part)[:80] for part in one["loc"]) or "body",
                message=one["msg"].removeprefix("Value error, "),
            )
            for one in found
        ),
    )


async def read_body(request: web.Request) -> bytes:
    """Read the whole body, at most as many bytes after inflation as its route says.

    Raises `MalformedError`: `unsupported_media_type`, `body_too_large`, `bad_json` for a broken encoding; and aiohttp's
    `HTTPRequestTimeout` where it stands still or takes too long.
    """
    settings = request.app[SERVICES].settings
    max_bytes = _cap(route_of(request), settings)
    _check_headers(request)
    if (request.content_length or 0) > max_bytes:
        raise _too_large(max_bytes)
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0
    unpacker = Unpacker(_encoding(request))
    chunks: list[bytes] = []
    size = 0
    try:
        async with _within(settings.request_seconds, request):
            while True:
                async with _within(settings.body_idle_seconds, request):
                    chunk = await request.content.readany()
                if not chunk:
                    unpacker.end()
                    return b"".join(chunks)
                unpacked = unpacker.feed(chunk, max_bytes - size + 1)
                size += len(unpacked)
                if size > max_bytes:
                    raise _too_large(max_bytes)
                chunks.append(unpacked)
    except TimeoutError:
        raise web.HTTPRequestTimeout from None
    except (web.RequestPayloadError, BrokenPackingError):
        raise MalformedError(
            Code.BAD_JSON, "the body is not what its headers say", "check Content-Encoding and its framing"
        ) from None


def _within(seconds: float, request: web.Request) -> AbstractAsyncContextManager[object]:
    """Bound how long a body is waited for; one that is here already needs no clock."""
    return nullcontext() if request.content.is_eof() else asyncio.timeout(seconds)


def _cap(route: Route | None, settings: WebSettings) -> int:
    if route is None or route.body is Body.NONE:
        return 0
    return settings.max_batch_bytes if route.body is Body.BATCH else settings.max_body_bytes


def _check_headers(request: web.Request) -> None:
    if request.content_type != JSON_TYPE or (request.charset or "utf-8").lower() not in ("utf-8", "utf8"):
        raise MalformedError(
            Code.UNSUPPORTED_MEDIA_TYPE,
            "the body is not declared as JSON in UTF-8",
            f"send Content-Type: {JSON_TYPE}",
        )
    if _encoding(request) not in ENCODINGS:
        raise MalformedError(
            Code.UNSUPPORTED_MEDIA_TYPE,
            "this Content-Encoding is not known here",
            "use gzip, zstd, or none",
        )


def _encoding(request: web.Request) -> str:
    return request.headers.get("Content-Encoding", "").strip().lower()


def _too_large(max_bytes: int) -> MalformedError:
    return MalformedError(Code.BODY_TOO_LARGE, f"the body is larger than {max_bytes} bytes", "send less in one request")
