"""One box to search in: whatever a text names, with everything that hangs on it."""

from __future__ import annotations

from typing import Annotated

from aiohttp import web
from pydantic import Field

from receiver import explore
from receiver.core.tokens import Scope
from receiver.web import answers
from receiver.web.api_v1.neighbours import Found, shown_around
from receiver.web.queries import Query, read_query
from receiver.web.routes import reads
from receiver.web.state import caller, services
from shared.fields import PRINTABLE
from shared.wire import API


class SearchQuery(Query):
    """What is searched for."""

    q: Annotated[str, Field(min_length=1, max_length=600, pattern=PRINTABLE)]
    """A digest or a commit (7 digits or more), 42 or #42 or acme/api#42, an id, a repository, an artifact, a part."""


async def search(request: web.Request) -> web.Response:
    """Find what a text names, and everything that hangs on it.

    Pull requests, commits, runs, attestations, artifacts and deployments are linked by digests and full commits, in
    both directions, whichever came first. What is not known gives empty lists.
    """
    asked = read_query(SearchQuery, request)
    found = await services(request).desk.ask(explore.search, caller(request).workspace_id, asked.q.strip())
    shown = shown_around(found, services(request).desk.now())
    return answers.model(Found(**dict(shown), q=asked.q, matched=found.matched))


ROUTES = (reads(f"{API}/search", search, Scope.READ, Scope.ADMIN, asks=SearchQuery, gives=Found),)
