"""Artifacts: what was built, under which name, from which commit; and everything that touches the digest."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from aiohttp import web
from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from receiver import explore, lookup
from receiver.core.posting import Record
from receiver.core.tokens import Scope
from receiver.record import Stored
from receiver.web import answers
from receiver.web.answers import LEFT_OUT, Listed
from receiver.web.api_v1.fields import AnyCommit, PrNumber, Repository, Sha256, Text, Url, either, lower, sha256
from receiver.web.api_v1.neighbours import ArtifactInFull, shown_around
from receiver.web.api_v1.recorded import Artifact, shown_artifact, view_of, with_cut
from receiver.web.bodies import RequestModel, read_body, read_model
from receiver.web.queries import Page, Query, read_query
from receiver.web.recording import take
from receiver.web.routes import reads, writes
from receiver.web.state import caller, services
from shared.encoding import MAX_INTEGER, JsonObject
from shared.fields import LongName, Name, Timestamp
from shared.wire import API

_ARTIFACTS = f"{API}/artifacts"


class ArtifactType(StrEnum):
    """What kind of file it is."""

    DOCKER_IMAGE = "docker-image"
    BINARY = "binary"
    ARCHIVE = "archive"
    PACKAGE = "package"
    CHART = "chart"
    SBOM = "sbom"
    OTHER = "other"


class CiContext(RequestModel):
    """Where it was built; fields of the sender's own are kept."""

    model_config = ConfigDict(extra="allow")

    provider: Text | None = None
    build_url: Url | None = None
    """Kept as text, never fetched."""
    build_id: Text | None = None
    triggered_by: Text | None = None


class ArtifactRequest(RequestModel):
    """A build artifact, known by its digest."""

    repository_full_name: Repository | None = None
    """The owner and the name."""
    repository_name: Repository | None = None
    """Another name of repositoryFullName."""
    name: Name
    version: Name | None = None
    tag: Name | None = None
    """Another name of version."""
    sha256: Sha256
    artifact_type: Name | None = None
    """docker-image, binary, archive, package, chart, sbom or other; anything else is kept as other with its label."""
    commit_sha: AnyCommit = None
    """The commit that it was built from. At least 7 digits of one are kept and shown, and link nothing."""
    branch: LongName | None = None
    registry: Url | None = None
    """Kept as text, never asked."""
    pr_number: PrNumber | None = None
    source: Name | None = None
    ci_context: CiContext | None = None

    @model_validator(mode="after")
    def _one_name_each(self) -> Self:
        either("repository_full_name", "repository_name")(self)
        return either("version", "tag")(self)

    def said(self) -> JsonObject:
        """Give what was said, under the names that count."""
        fields = self.to_wire()
        fields.pop("repositoryName", None)
        fields.pop("tag", None)
        if self.artifact_type is not None:
            kind = self.artifact_type.lower().replace("_", "-")
            known = kind in set(ArtifactType)
            fields["artifactType"] = kind if known else ArtifactType.OTHER.value
            if not known:
                fields["artifactTypeLabel"] = self.artifact_type
        return fields


class ArtifactsQuery(Page):
    """What a list of artifacts is narrowed by."""

    sha256: Sha256 | None = None
    """With or without sha256: before it; the answer then has the artifact besides the list."""
    repository: Annotated[str, Field(min_length=1, max_length=300)] | None = None
    """The owner and the name."""
    name: Name | None = None
    commit: AnyCommit = None
    """As it was posted: the full commit, or the same abbreviation."""
    pr: Annotated[int, Field(ge=1, le=MAX_INTEGER)] | None = None
    type: Annotated[ArtifactType, BeforeValidator(lower)] | None = None
    since: Timestamp | None = None
    """Received at this time or later."""
    until: Timestamp | None = None
    """Received before this time."""


class ListOfArtifacts(Listed[Artifact]):
    """A piece of the list, newest first."""

    artifact: Annotated[Artifact | None, LEFT_OUT]
    """The newest with the sha256 that was asked for."""


async def register(request: web.Request) -> web.Response:
    """Register a build artifact.

    The same sha256, repository, name, version and commit is the same artifact: with the same content it is answered
    with what is there, with other content it is a correction, and both are kept.
    """
    body = await read_body(request)
    asked = read_model(ArtifactRequest, body)
    return await take(request, body, asked.said(), Record.ARTIFACT, _answered)


async def artifacts(request: web.Request) -> web.Response:
    """List artifacts, newest first, corrected ones too."""
    asked = read_query(ArtifactsQuery, request)
    filters = lookup.RecordFilters(
        repository=asked.repository,
        commit=asked.commit,
        digest=None if asked.sha256 is None else bytes.fromhex(asked.sha256),
        pr_number=asked.pr,
        status=None if asked.type is None else asked.type.value,
        name=asked.name,
        since=asked.since,
        until=asked.until,
    )
    found = await services(request).desk.ask(
        lookup.records, caller(request).workspace_id, Record.ARTIFACT, filters, asked.limit, asked.cursor
    )
    items = tuple(shown_artifact(one) for one in found.items)
    newest = items[0] if items and asked.sha256 is not None and asked.cursor is None else None
    return answers.model(ListOfArtifacts(items=items, next_cursor=found.next_cursor, artifact=newest))


async def artifact(request: web.Request) -> web.Response:
    """Show an artifact, and everything that touches its digest.

    A digest, with or without sha256: before it, names the newest artifact that has it. What only shares its commit with
    the artifact is shown where it is a run or evidence; other files of that commit and their deployments are not.
    """
    read_query(Query, request)
    name = request.match_info["artifact_id"]
    found = await services(request).desk.ask(explore.artifact, caller(request).workspace_id, _digest(name) or name)
    shown = shown_around(found.around, services(request).desk.now())
    return answers.model(ArtifactInFull(**dict(shown_artifact(found.view)), provenance=shown))


def _digest(name: str) -> bytes | None:
    try:
        return bytes.fromhex(sha256(name))
    except ValueError:
        return None


def _answered(stored: Stored) -> Artifact:
    return with_cut(shown_artifact(view_of(stored)), stored)


ROUTES = (
    writes(
        _ARTIFACTS,
        register,
        Scope.ARTIFACTS_WRITE,
        Scope.ADMIN,
        takes=ArtifactRequest,
        gives={200: Artifact, 201: Artifact},
        once=True,
    ),
    reads(_ARTIFACTS, artifacts, Scope.READ, Scope.ADMIN, asks=ArtifactsQuery, gives=ListOfArtifacts),
    reads(f"{_ARTIFACTS}/{{artifact_id}}", artifact, Scope.READ, Scope.ADMIN, gives=ArtifactInFull),
)
