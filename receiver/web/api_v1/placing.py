"""Environments: worked out from their deployments, never registered."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from aiohttp import web
from pydantic import Field

from receiver import environments as use_case
from receiver.core.tokens import Scope
from receiver.web import answers
from receiver.web.answers import AnswerModel, Listed
from receiver.web.api_v1.recorded import Deployment, shown_deployment
from receiver.web.queries import Page, Query, read_query
from receiver.web.routes import reads
from receiver.web.state import caller, services
from shared.fields import Count
from shared.wire import API

_ENVIRONMENTS = f"{API}/environments"


class EnvironmentsQuery(Page):
    """Which piece of the list of environments is asked for."""

    cursor: Annotated[str, Field(min_length=1, max_length=1_200, pattern=r"\A[A-Za-z0-9_-]+\z")] | None = None
    """The nextCursor of the answer before; it holds a name, which may be long."""


class Environment(AnswerModel):
    """An environment in a line."""

    id: str
    """Its name."""
    name: str
    environment_type: str | None
    """As it was said last."""
    last_deployment: Deployment
    """What was received last, announcements too."""


class DeployedService(AnswerModel):
    """A service in an environment."""

    service: str | None
    namespace: str | None
    deployed: Deployment | None
    """What is there now: the last deployment that succeeded, and was neither corrected nor made inactive."""


class EnvironmentInFull(AnswerModel):
    """An environment as its deployments say it is."""

    id: str
    """Its name."""
    name: str
    environment_type: str | None
    """As it was said last."""
    services: tuple[DeployedService, ...]
    """At most 50, in the order of their names."""
    services_left_out: Count
    """How many more there are, counted to 200."""
    last_deployments: tuple[Deployment, ...]
    """The newest 20."""
    missing: tuple[Deployment, ...]
    """What was announced and had not come when its time was over, the newest 20."""


async def environments(request: web.Request) -> web.Response:
    """List the environments that deployments name, in the order of their names."""
    asked = read_query(EnvironmentsQuery, request)
    found = await services(request).desk.ask(
        use_case.environments, caller(request).workspace_id, asked.limit, asked.cursor
    )
    now = services(request).desk.now()
    return answers.model(
        Listed[Environment](
            items=tuple(
                Environment(
                    id=one.name,
                    name=one.name,
                    environment_type=one.type,
                    last_deployment=shown_deployment(one.last, now),
                )
                for one in found.items
            ),
            next_cursor=found.next_cursor,
        )
    )


async def environment(request: web.Request) -> web.Response:
    """Show an environment: what is deployed there now, what came last, and what was announced and is missing."""
    read_query(Query, request)
    now = services(request).desk.now()
    found = await services(request).desk.ask(
        use_case.environment, caller(request).workspace_id, request.match_info["environment_name"], now
    )
    return answers.model(
        EnvironmentInFull(
            id=found.name,
            name=found.name,
            environment_type=found.type,
            services=tuple(_service(one, now) for one in found.services),
            services_left_out=found.services_left_out,
            last_deployments=tuple(shown_deployment(one, now) for one in found.last),
            missing=tuple(shown_deployment(one, now) for one in found.missing),
        )
    )


def _service(found: use_case.Service, now: datetime) -> DeployedService:
    return DeployedService(
        service=found.target.service or None,
        namespace=found.target.namespace or None,
        deployed=None if found.deployed is None else shown_deployment(found.deployed, now),
    )


ROUTES = (
    reads(_ENVIRONMENTS, environments, Scope.READ, Scope.ADMIN, asks=EnvironmentsQuery, gives=Listed[Environment]),
    reads(f"{_ENVIRONMENTS}/{{environment_name}}", environment, Scope.READ, Scope.ADMIN, gives=EnvironmentInFull),
)
