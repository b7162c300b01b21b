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
from receiver.web.releasepassport_v1 import approving, auditing, connected, evaluating, ingesting, reading, signing_in
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
    *signing_in.ROUTES,
    *approving.ROUTES,
    *auditing.ROUTES,
    *connected.ROUTES,
    *evaluating.ROUTES,
    *ingesting.ROUTES,
    *reading.ROUTES,
)

TABLE: tuple[Route, ...] = (*_SERVED, *Documents(_SERVED).routes)
