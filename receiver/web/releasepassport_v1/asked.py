"""The question of a gate as it comes: strict, and read once into what is judged."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import BeforeValidator, Field

from receiver.web.api_v1.fields import AnyCommit, Free, Sha256, Text, lower
from receiver.web.bodies import RequestModel
from shared.encoding import JsonObject
from shared.fields import Name
from shared.judging.values import Mode, Request, Target

ServiceName: TypeAlias = Name
_Mode = Annotated[Mode, Field(strict=False), BeforeValidator(lower)]
_MAX_CONTEXT_FIELDS = 100


class AskedService(RequestModel):
    """Where to."""

    name: ServiceName
    namespace: Name | None = None
    environment: Name


class AskedArtifact(RequestModel):
    """What is to go there."""

    digest: Sha256


class AskedRelease(RequestModel):
    """The release that it belongs to."""

    release_id: Name | None = None
    source_sha: AnyCommit = None
    """The commit that it was built from, or at least 7 digits of it: it is compared with the linked commit."""
    rendered_manifest_path: Text | None = None
    author: Name | None = None
    requested_by: Name | None = None
    """Nobody approves their own release: author and requester are known by these."""


class AskedHealth(RequestModel):
    """What the pipeline says of the target; evidence that somebody signed or ingested goes before it."""

    ready: bool | None = None
    require_healthy_target: bool = False


class AskedRollback(RequestModel):
    """What the pipeline says of the way back; evidence that somebody signed or ingested goes before it."""

    available: bool | None = None
    verified: bool | None = None


class EvaluationRequest(RequestModel):
    """The question whether this artifact may go there."""

    mode: _Mode
    """A stricter one than is configured counts; for a weaker one the configured one counts, with a warning."""
    service: AskedService
    artifact: AskedArtifact
    release: AskedRelease = AskedRelease()
    health: AskedHealth = AskedHealth()
    rollback: AskedRollback = AskedRollback()
    policy: Name | None = None
    """One that is judged besides the configured one; its scope has to cover the service."""
    canary: bool = False
    """Whether the pipeline rolls out to a few first: then ALLOW_WITH_CANARY lets it go on."""
    context: Free = Field(default={}, max_length=_MAX_CONTEXT_FIELDS)

    def free(self) -> JsonObject:
        """Give what may hold anything at all: nothing of it is kept before secrets are cut out of it.

        Names of services and releases are among it: evidence of them, and records, are kept without secrets too.
        """
        release = self.release.to_wire()
        release.pop("sourceSha", None)
        return {"context": dict(self.context), "release": release, "service": self.service.to_wire()}

    def masked(self, free: JsonObject) -> EvaluationRequest:
        """Give the same with what `free` gave as it is after that."""
        commit = self.release.source_sha
        return self.model_copy(
            update={
                "context": free["context"],
                "release": AskedRelease.from_wire(free["release"]).model_copy(update={"source_sha": commit}),
                "service": AskedService.from_wire(free["service"]),
            }
        )

    def said(self) -> JsonObject:
        """Give what was asked in one spelling, the same whether a default was written or left out."""
        fields = self.to_wire()
        fields["artifact"] = {"digest": f"sha256:{self.artifact.digest}"}
        fields["context"] = dict(self.context)
        return fields

    def asked(self) -> Request:
        """Give what is judged."""
        service, release = self.service, self.release
        return Request(
            target=Target(service.name, service.namespace, service.environment),
            digest=self.artifact.digest,
            mode=self.mode,
            release_id=release.release_id,
            source_sha=release.source_sha,
            author=release.author,
            requested_by=release.requested_by,
            ready=self.health.ready,
            require_healthy_target=self.health.require_healthy_target,
            rollback_available=self.rollback.available,
            rollback_verified=self.rollback.verified,
            canary=self.canary,
            policy=self.policy,
            context=self.context,
        )
