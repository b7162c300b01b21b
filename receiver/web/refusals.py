"""Which errors a row of the table may be answered with, and what each status means to whoever gets it.

They follow from what the row asks for; a row names only what cannot be seen from outside (`Route.may`).
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from receiver.web.routes import Body, Proof, Route

SENTENCES: Mapping[int, str] = {
    HTTPStatus.BAD_REQUEST: "The body is not one strict JSON object.",
    HTTPStatus.UNAUTHORIZED: "No token and no session, or none that is good.",
    HTTPStatus.FORBIDDEN: "A good token, or somebody signed in, that may not do this, or not for these names.",
    HTTPStatus.NOT_FOUND: "It is not in this workspace.",
    HTTPStatus.REQUEST_TIMEOUT: "The body did not come in time.",
    HTTPStatus.CONFLICT: "It is not, or no longer, in the state that the request needs.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is too large, after inflation.",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "The body is not declared as JSON in UTF-8, or packed in an unknown way.",
    HTTPStatus.UNPROCESSABLE_ENTITY: "Fields are wrong or unknown; each is named in errors.",
    HTTPStatus.TOO_MANY_REQUESTS: "Too many requests in a minute; wait as Retry-After says.",
    HTTPStatus.SERVICE_UNAVAILABLE: "Not now; wait as Retry-After says.",
}
"""What each status of an error means."""

WAITING = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
"""The statuses that say how long to wait."""

_OF_TOKENS = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
_OF_BODIES = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
    }
)


def statuses_of(row: Route) -> list[int]:
    """Give the statuses of every error that a row may be answered with, in order."""
    found = set(row.may)
    if row.proof is not Proof.NOTHING:
        # What stands behind the question mark is checked wherever somebody has to prove something.
        found |= _OF_TOKENS | {HTTPStatus.UNPROCESSABLE_ENTITY}
    if row.proof not in (Proof.NOTHING, Proof.KNOWN):
        found.add(HTTPStatus.FORBIDDEN)
    if row.body is not Body.NONE:
        found |= _OF_BODIES
    if row.method != "GET":
        found.add(HTTPStatus.CONFLICT)
    if "{" in row.path:
        found.add(HTTPStatus.NOT_FOUND)
    return sorted(int(one) for one in found)
