"""What the API says about itself: an OpenAPI document for each of its two roots, and `GET /docs` for people.

All are written from the same table once, when they are first asked for, and stay as they are.
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
from shared.wire import API, GATE_API, JSON_TYPE

OPENAPI_PATH = f"{API}/openapi.json"
GATE_OPENAPI_PATH = f"{GATE_API}/openapi.json"
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
    """Describes a table of routes, and the three that it adds."""

    def __init__(self, table: Iterable[Route]) -> None:
        """Take the rows; those below the two roots are described."""
        self.routes = (
            Route("GET", OPENAPI_PATH, Proof.NOTHING, self.openapi, gives={200: OpenApiDocument}),
            Route("GET", GATE_OPENAPI_PATH, Proof.NOTHING, self.gate_openapi, gives={200: OpenApiDocument}),
            Route("GET", DOCS_PATH, Proof.NOTHING, self.docs, gives={200: "text/html"}),
        )
        self._rows = (*table, *self.routes)

    async def openapi(self, request: web.Request) -> web.Response:
        """Give this document."""
        return _cached(request, self.document_bytes, web.Response(content_type=JSON_TYPE))

    async def gate_openapi(self, request: web.Request) -> web.Response:
        """Give this document."""
        return _cached(request, self.gate_document_bytes, web.Response(content_type=JSON_TYPE))

    async def docs(self, request: web.Request) -> web.Response:
        """Show this document to a person; nothing is loaded from anywhere."""
        answer = web.Response(content_type="text/html", charset="utf-8")
        answer.headers["Content-Security-Policy"] = self._page.policy
        return _cached(request, self._page.html, answer)

    def _document(self, *roots: str) -> JsonObject:
        rows = tuple(row for row in self._rows if row.path.startswith(tuple(f"{root}/" for root in roots)))
        return document(rows, title=_TITLE, version=version("carnet"), description=_ABOUT)

    @cached_property
    def document_bytes(self) -> bytes:
        """The document of what pipelines and collectors send, as it is served."""
        return compact(self._document(API))

    @cached_property
    def gate_document_bytes(self) -> bytes:
        """The document of the gate, as it is served."""
        return compact(self._document(GATE_API))

    @cached_property
    def _page(self) -> Page:
        return page(self._document(API, GATE_API), OPENAPI_PATH)


def _cached(request: web.Request, body: bytes, answer: web.Response) -> web.Response:
    """Say that the answer may be kept and asked after; 304 where the asker has it."""
    tag = f'"{sha256(body).hex()[:32]}"'
    kept = {"ETag": tag, "Cache-Control": "no-cache"}
    if tag in request.headers.get("If-None-Match", "").replace("W/", "").split(", "):
        return web.Response(status=304, headers=kept)
    answer.body = body
    answer.headers.update(kept)
    return answer
