"""The aiohttp application: middlewares, routes, and the check that the library underneath is one we can stand on."""

from __future__ import annotations

from collections.abc import Iterable

import aiohttp
from aiohttp import web
from aiohttp.http_parser import HttpRequestParser

from receiver.web.auth import authorize
from receiver.web.exchange import exchange, no_server_header
from receiver.web.gate import GATE, Gate
from receiver.web.gathering import Gathering
from receiver.web.queries import no_idle_query
from receiver.web.routes import Route, add_routes
from receiver.web.state import HEARTBEATS, SERVICES, Services
from receiver.web.turns import Turns
from receiver.web.waiting import Changes
from shared.errors import ConfigError

OLDEST_LIBRARY = (3, 14, 3)
_C_PARSER = "aiohttp._http_parser"
_BEATS_APART_SECONDS = 1.0
"""A large fleet's heartbeats wait for each other this long: what a transaction costs by itself is shared by more."""
_BEATS_TOGETHER = 128
_WAITING_OF, _WAITING_OF_ONE_TOKEN = 2, 5
"""Which part of the connections may wait at the gate, in all and with one token: the others are for whoever works."""


def make_application(services: Services, table: Iterable[Route]) -> web.Application:
    """Put an application together that serves a table of routes."""
    app = web.Application(middlewares=[exchange, authorize, no_idle_query])
    app[SERVICES] = services
    connections = services.settings.max_connections
    changes = Changes(most=connections // _WAITING_OF, most_of_one=connections // _WAITING_OF_ONE_TOKEN)
    app[GATE] = Gate(changes, Turns(services.desk.side_by_side, services.desk.most))
    app[HEARTBEATS] = Gathering(apart_seconds=_BEATS_APART_SECONDS, most=_BEATS_TOGETHER)
    app.on_response_prepare.append(no_server_header)
    add_routes(app, table)
    return app


def check_library(version: str = aiohttp.__version__, parser_module: str = HttpRequestParser.__module__) -> None:
    """Refuse an aiohttp that is known to be smuggled past, or that parses in Python; raises `ConfigError`."""
    numbers = tuple(int(part) for part in version.split(".")[:3] if part.isdecimal())
    if numbers < OLDEST_LIBRARY:
        needed = ".".join(map(str, OLDEST_LIBRARY))
        raise ConfigError(
            f"aiohttp {version} has known faults in its HTTP parser", f"install aiohttp {needed} or newer"
        )
    if parser_module != _C_PARSER:
        raise ConfigError(
            "aiohttp runs without its C parser, which is stricter than the one in Python",
            "install aiohttp's wheel for this platform, and unset AIOHTTP_NO_EXTENSIONS",
        )
