"""Errors as they travel: problem bodies (RFC 9457) and the statuses that go with them; both sides use them."""

from __future__ import annotations

import math
from http import HTTPStatus

from pydantic import Field

from shared.encoding import JsonObject, parse_json
from shared.errors import CarnetError, Code, MalformedError, StateError, TryLaterError, UntrustedError
from shared.fields import Wire

PROBLEM_TYPE = "application/problem+json"
MAX_RETRY_AFTER_SECONDS = 3600
_MAX_SHOWN = 500

STATUS = {
    Code.BAD_JSON: HTTPStatus.BAD_REQUEST,
    Code.DUPLICATE_KEY: HTTPStatus.BAD_REQUEST,
    Code.INVALID_FIELD: HTTPStatus.UNPROCESSABLE_ENTITY,
    Code.UNKNOWN_FIELD: HTTPStatus.UNPROCESSABLE_ENTITY,
    Code.IDEMPOTENCY_MISMATCH: HTTPStatus.UNPROCESSABLE_ENTITY,
    Code.BODY_TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Code.TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Code.UNSUPPORTED_MEDIA_TYPE: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    Code.METHOD_NOT_ALLOWED: HTTPStatus.METHOD_NOT_ALLOWED,
    Code.UNAUTHORIZED: HTTPStatus.UNAUTHORIZED,
    Code.FORBIDDEN: HTTPStatus.FORBIDDEN,
    Code.NOT_FOUND: HTTPStatus.NOT_FOUND,
    Code.CONFLICT: HTTPStatus.CONFLICT,
    Code.RATE_LIMITED: HTTPStatus.TOO_MANY_REQUESTS,
    Code.UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
    Code.INTERNAL: HTTPStatus.INTERNAL_SERVER_ERROR,
}
"""The status of each code that a whole request may be answered with; entry codes fall back to their family's."""

_FAMILY_STATUS: tuple[tuple[type[CarnetError], HTTPStatus], ...] = (
    (MalformedError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (UntrustedError, HTTPStatus.FORBIDDEN),
    (StateError, HTTPStatus.CONFLICT),
    (TryLaterError, HTTPStatus.SERVICE_UNAVAILABLE),
)
_MALFORMED = frozenset({400, 405, 406, 411, 413, 414, 415, 417, 422, 431})
_STATE = frozenset({404, 409, 410})
_LATER = frozenset({408, 425, 429, 502, 503, 504})


def status_of(error: CarnetError) -> HTTPStatus:
    """Give the status that a whole request is answered with for this error."""
    if error.code in STATUS:
        return STATUS[error.code]
    for family, status in _FAMILY_STATUS:
        if isinstance(error, family):
            return status
    return HTTPStatus.INTERNAL_SERVER_ERROR


class FieldProblem(Wire):
    """One field that is wrong, by its path in the request, and why."""

    field: str
    message: str


class Problem(Wire):
    """A problem body (RFC 9457), with `error` besides for clients that know nothing newer."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str
    hint: str | None = None
    request_id: str
    errors: tuple[FieldProblem, ...] = Field(default=(), strict=False)
    error: str

    def to_wire(self) -> JsonObject:
        """Give the fields as they stand on the wire; an empty list of fields is left out."""
        fields = super().to_wire()
        if not self.errors:
            fields.pop("errors", None)
        return fields


def problem_for(error: CarnetError, request_id: str, errors: tuple[FieldProblem, ...] = ()) -> Problem:
    """Write an error as a problem body; everything that is not one of ours must have been made bland before."""
    status = status_of(error)
    return Problem(
        title=status.phrase,
        status=int(status),
        detail=error.detail,
        code=error.code.value,
        hint=error.hint,
        request_id=request_id,
        errors=errors,
        error=error.detail,
    )


def error_for(status: int, body: bytes, retry_after_seconds: float | None = None) -> CarnetError:
    """Turn an answer that is no success into the error whose remedy fits; reads the problem body where it is one."""
    code, detail, hint = Code.INTERNAL, f"the receiver answered {status}", None
    try:
        problem = Problem.from_wire(parse_json(body))
        said = "; ".join(f"{one.field}: {one.message}" for one in problem.errors) or problem.detail
        detail = f"the receiver answered {status}: {_shown(said)}"
        hint = None if problem.hint is None else _shown(problem.hint)
        code = Code(problem.code)
    except (ValueError, MalformedError):
        pass
    if status in _MALFORMED:
        return MalformedError(code, detail, hint)
    if status in (401, 403, 407):
        return UntrustedError(code, detail, hint)
    if status in _STATE:
        return StateError(code, detail, hint)
    if status in _LATER:
        return TryLaterError(code, detail, hint, delay_seconds=_bounded(retry_after_seconds))
    return CarnetError(code, detail, hint)


def _shown(text: str) -> str:
    # Whoever answered may be no receiver of ours: nothing of it may steer a terminal or fill a log.
    return "".join(char if char.isprintable() else " " for char in text[:_MAX_SHOWN])


def _bounded(seconds: float | None) -> float | None:
    if seconds is None or math.isnan(seconds):
        return None
    return min(max(seconds, 0.0), float(MAX_RETRY_AFTER_SECONDS))
