"""All routes of the receiver, in one table."""

from receiver.web import probes
from receiver.web.api_v1 import asking, fleet, sending
from receiver.web.routes import Route

TABLE: tuple[Route, ...] = (*probes.ROUTES, *sending.ROUTES, *fleet.ROUTES, *asking.ROUTES)
