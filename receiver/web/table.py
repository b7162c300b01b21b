"""All routes of the receiver, in one table."""

from receiver.web import probes
from receiver.web.api_v1 import (
    asking,
    attesting,
    building,
    deploying,
    fleet,
    keys,
    placing,
    releasing,
    revoking,
    running,
    searching,
    sending,
)
from receiver.web.documents import Documents
from receiver.web.routes import Route

_SERVED: tuple[Route, ...] = (
    *probes.ROUTES,
    *sending.ROUTES,
    *fleet.ROUTES,
    *keys.ROUTES,
    *revoking.ROUTES,
    *releasing.ROUTES,
    *attesting.ROUTES,
    *asking.ROUTES,
    *running.ROUTES,
    *building.ROUTES,
    *deploying.ROUTES,
    *placing.ROUTES,
    *searching.ROUTES,
)

TABLE: tuple[Route, ...] = (*_SERVED, *Documents(_SERVED).routes)
