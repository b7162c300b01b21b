"""What the API says about itself: `GET /api/v1/openapi.json` for programs, `GET /docs` for people.

Both are written from the same table once, when they are first asked for, and stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from importlib.metadata import version

from aiohttp import web
from pydantic import JsonValue, RootModel

from receiver.web.docs_page import Page, page
from receiver.web.openapi import document
from receiver.web.routes import Proof, Route
from shared.encoding import JsonObject, compact, sha256
from shared.wire import API, JSON_TYPE

OPENAPI_PATH = f"{API}/openapi.json"
DOCS_PATH = "/docs"
_TITLE = "Carnet receiver"
_ABOUT = (
    "Signed release evidence: what collectors and pipelines send, what is known about a build, and who says so. "
    "Requests and answers are JSON in UTF-8. Requests are strict: an unknown or doubled field is refused by name. "
    "Every error is a problem body (RFC 9457) that says what to do. Times are RFC 3339 in UTC."
)


class OpenApiDocument(RootModel[dict[str, JsonValue]]):
    """An OpenAPI 3.1 document."""


class Documents:
    """Describes a table of routes, and the two that it adds."""

    def __init__(self, table: Iterable[Route]) -> None:
        """Take the rows; those below `/api/v1` are described."""
        self.routes = (
            Route("GET", OPENAPI_PATH, Proof.NOTHING, self.openapi, gives={200: OpenApiDocument}),
            Route("GET", DOCS_PATH, Proof.NOTHING, self.docs, gives={200: "text/html"}),
        )
        self._rows = tuple(row for row in (*table, *self.routes) if row.path.startswith(f"{API}/"))

    async def openapi(self, request: web.Request) -> web.Response:
        """Give this document."""
        return _cached(request, self.document_bytes, web.Response(content_type=JSON_TYPE))

    async def docs(self, request: web.Request) -> web.Response:
        """Show this document to a person; nothing is loaded from anywhere."""
        answer = web.Response(content_type="text/html", charset="utf-8")
        answer.headers["Content-Security-Policy"] = self._page.policy
        return _cached(request, self._page.html, answer)

    @cached_property
    def _document(self) -> JsonObject:
        return document(self._rows, title=_TITLE, version=version("carnet"), description=_ABOUT)

    @cached_property
    def document_bytes(self) -> bytes:
        """The document as it is served."""
        return compact(self._document)

    @cached_property
    def _page(self) -> Page:
        return page(self._document, OPENAPI_PATH)


def _cached(request: web.Request, body: bytes, answer: web.Response) -> web.Response:
    """Say that the answer may be kept and asked after; 304 where the asker has it."""
    tag = f'"{sha256(body).hex()[:32]}"'
    kept = {"ETag": tag, "Cache-Control": "no-cache"}
    if tag in request.headers.get("If-None-Match", "").replace("W/", "").split(", "):
        return web.Response(status=304, headers=kept)
    answer.body = body
    answer.headers.update(kept)
    return answer
