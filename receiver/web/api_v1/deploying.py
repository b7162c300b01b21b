"""Deployments: what went where, and what was announced and may be missing."""

from __future__ import annotations

from typing import Annotated, Self

from aiohttp import web
from pydantic import BeforeValidator, ConfigDict, Field, JsonValue, model_validator

from receiver import lookup
from receiver.core.deployments import DeploymentStatus
from receiver.core.posting import Record
from receiver.core.tokens import Scope
from receiver.record import Stored
from receiver.web import answers
from receiver.web.answers import Listed
from receiver.web.api_v1.building import CiContext
from receiver.web.api_v1.fields import AnyCommit, Free, Repository, Sha256, Text, either, upper, wrong
from receiver.web.api_v1.recorded import Deployment, shown_deployment, view_of, with_cut
from receiver.web.bodies import RequestModel, read_body, read_model
from receiver.web.queries import Page, Query, read_query
from receiver.web.recording import take
from receiver.web.routes import reads, writes
from receiver.web.state import caller, services
from shared.encoding import JsonObject
from shared.fields import LongName, Name, Timestamp
from shared.wire import API

_DEPLOYMENTS = f"{API}/deployments"
_Status = Annotated[DeploymentStatus, Field(strict=False), BeforeValidator(upper)]


def _said(name: str) -> dict[str, JsonValue]:
    """The schema of an object in which a field is said, and is not null."""
    return {"required": [name], "properties": {name: {"type": "string"}}}


class DeploymentRequest(RequestModel):
    """A deployment, or the announcement of one."""

    model_config = ConfigDict(json_schema_extra={"anyOf": [_said("environment"), _said("environmentName")]})

    environment: Name | None = None
    environment_name: Name | None = None
    """Another name of environment; one of the two is needed."""
    environment_type: Name | None = None
    service: Name | None = None
    namespace: Name | None = None
    status: _Status
    """EXPECTED announces one: if none follows by completedAt, else within 24 hours of startedAt, it is missing."""
    artifact_sha256: Sha256 | None = Field(default=None, alias="artifactSha256")
    repository_full_name: Repository | None = None
    """The owner and the name."""
    repository_name: Repository | None = None
    """Another name of repositoryFullName."""
    commit_sha: AnyCommit = None
    """A full commit links; at least 7 digits of one are kept and shown, and link nothing."""
    ref: LongName | None = None
    deployed_by: Name | None = None
    external_id: Name | None = None
    """With source, environment, service and namespace, names the deployment: other content is a correction."""
    description: Text | None = None
    started_at: Timestamp | None = None
    completed_at: Timestamp | None = None
    passport_id: Name | None = None
    source: Name | None = None
    ci_context: CiContext | None = None
    metadata: Free | None = None

    @model_validator(mode="after")
    def _one_name_each(self) -> Self:
        either("environment", "environment_name")(self)
        either("repository_full_name", "repository_name")(self)
        if self.environment is None:
            raise wrong(self, "environment", "Field required")
        return self

    def said(self) -> JsonObject:
        """Give what was said, under the names that count."""
        fields = self.to_wire()
        for other in ("environmentName", "repositoryName"):
            fields.pop(other, None)
        return fields


class DeploymentsQuery(Page):
    """What a list of deployments is narrowed by."""

    environment: Name | None = None
    service: Name | None = None
    status: Annotated[DeploymentStatus, BeforeValidator(upper)] | None = None
    repository: Annotated[str, Field(min_length=1, max_length=300)] | None = None
    """The owner and the name."""
    commit: AnyCommit = None
    """As it was posted: the full commit, or the same abbreviation."""
    artifact: Sha256 | None = None
    """A SHA-256, with or without sha256: before it."""
    missing: bool | None = None
    """true: what was announced and had not come when its time was over."""
    since: Timestamp | None = None
    """Received at this time or later."""
    until: Timestamp | None = None
    """Received before this time."""


async def deploy(request: web.Request) -> web.Response:
    """Record a deployment, or announce one.

    With an externalId the same again is answered with what is there, and other content is a correction: both are kept,
    the newer counts. A digest that nobody said was built speaks against the deployment.
    """
    body = await read_body(request)
    asked = read_model(DeploymentRequest, body)
    now = services(request).desk.now()

    def answered(stored: Stored) -> Deployment:
        return with_cut(shown_deployment(view_of(stored), now), stored)

    return await take(request, body, asked.said(), Record.DEPLOYMENT, answered)


async def deployments(request: web.Request) -> web.Response:
    """List deployments, newest first, corrected ones too."""
    asked = read_query(DeploymentsQuery, request)
    now = services(request).desk.now()
    filters = lookup.RecordFilters(
        repository=asked.repository,
        commit=asked.commit,
        digest=None if asked.artifact is None else bytes.fromhex(asked.artifact),
        # A deployment goes by its service's name, and names have an index.
        name=asked.service,
        environment=asked.environment,
        status=None if asked.status is None else asked.status.value,
        since=asked.since,
        until=asked.until,
        missing=asked.missing,
        now=now,
    )
    found = await services(request).desk.ask(
        lookup.records, caller(request).workspace_id, Record.DEPLOYMENT, filters, asked.limit, asked.cursor
    )
    items = tuple(shown_deployment(one, now) for one in found.items)
    return answers.model(Listed[Deployment](items=items, next_cursor=found.next_cursor))


async def deployment(request: web.Request) -> web.Response:
    """Show one deployment."""
    read_query(Query, request)
    found = await services(request).desk.ask(
        lookup.record, caller(request).workspace_id, Record.DEPLOYMENT, request.match_info["deployment_id"]
    )
    return answers.model(shown_deployment(found, services(request).desk.now()))


ROUTES = (
    writes(
        _DEPLOYMENTS,
        deploy,
        Scope.DEPLOYMENTS_WRITE,
        Scope.ADMIN,
        takes=DeploymentRequest,
        gives={200: Deployment, 201: Deployment},
        once=True,
    ),
    reads(_DEPLOYMENTS, deployments, Scope.READ, Scope.ADMIN, asks=DeploymentsQuery, gives=Listed[Deployment]),
    reads(f"{_DEPLOYMENTS}/{{deployment_id}}", deployment, Scope.READ, Scope.ADMIN, gives=Deployment),
)
