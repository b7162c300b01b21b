"""Attestations that come with a token: what pipelines say of themselves, kept as what somebody said."""

from __future__ import annotations

from typing import Annotated, Self

from aiohttp import web
from pydantic import BeforeValidator, Field, model_validator

from receiver.core.posting import Record
from receiver.core.tokens import Scope
from receiver.record import Stored
from receiver.web.answers import LEFT_OUT, AnswerModel
from receiver.web.api_v1.asking import Contradiction, shown_contradiction
from receiver.web.api_v1.fields import AnyCommit, Free, PrNumber, Repository, Sha256, Url, either, upper
from receiver.web.bodies import RequestModel, read_body, read_model
from receiver.web.recording import take
from receiver.web.routes import writes
from shared.encoding import digest_text
from shared.fields import DigestText, LongName, Name
from shared.predicates import ClaimType
from shared.wire import API


class AttestationRequest(RequestModel):
    """A claim about a repository, a pull request, a commit or an artifact, and the evidence for it."""

    repository_full_name: Repository | None = None
    """The owner and the name; needed unless artifactSha256 is there."""
    repository_name: Repository | None = None
    """Another name of repositoryFullName."""
    pr_number: PrNumber | None = None
    commit_sha: AnyCommit = None
    """A full commit links; at least 7 digits of one are kept and shown, and link nothing."""
    branch: LongName | None = None
    artifact_sha256: Sha256 | None = Field(default=None, alias="artifactSha256")
    type: Annotated[ClaimType, Field(strict=False), BeforeValidator(upper)]
    name: Name
    passed: bool
    """The sender's word; what in the evidence speaks against it counts more."""
    evidence: Free | None = None
    data: Free | None = None
    """Another name of evidence."""
    evidence_url: Url | None = None
    """Kept as text, never fetched."""
    source: Name | None = None
    resource_type: Name | None = None
    resource_id: Name | None = None
    """With source, names what is claimed: the same again with other content is a correction."""

    @model_validator(mode="after")
    def _about_something(self) -> Self:
        either("repository_full_name", "repository_name")(self)
        either("evidence", "data")(self)
        if self.repository_full_name is None and self.artifact_sha256 is None:
            msg = "repositoryFullName or artifactSha256 is needed"
            raise ValueError(msg)
        return self


class AttestedSubject(AnswerModel):
    """What the claim is about, as far as it was said."""

    repository_full_name: Annotated[str | None, LEFT_OUT]
    pr_number: Annotated[int | None, LEFT_OUT]
    commit_sha: Annotated[str | None, LEFT_OUT]
    artifact_sha256: Annotated[str | None, Field(default=None, alias="artifactSha256"), LEFT_OUT]


class Attested(AnswerModel):
    """A claim that is kept, and whether it counts as passed."""

    id: DigestText
    attestation_id: DigestText
    """The SHA-256 of what the receiver signed: the same as id."""
    subject: AttestedSubject
    effective_passed: bool
    """Passed, and nothing speaks against it."""
    contradictions: tuple[Contradiction, ...]
    supersedes: DigestText | None
    """The claim that this one corrects."""
    cut: tuple[str, ...]
    """The fields in which secrets were masked before anything was stored."""


async def attest(request: web.Request) -> web.Response:
    """Keep a claim about a repository, a pull request, a commit or an artifact.

    The receiver wraps it in a statement of its own and signs that, so that it can be told apart for ever from what a
    collector signed. The same content again under the same source and resourceId is answered with what is there.
    """
    body = await read_body(request)
    asked = read_model(AttestationRequest, body)
    fields = asked.to_wire()
    for other in ("repositoryName", "data"):
        fields.pop(other, None)
    return await take(request, body, fields, Record.ATTESTATION, _shown)


def _shown(stored: Stored) -> Attested:
    fields = stored.record.fields
    return Attested(
        id=digest_text(stored.attestation_id),
        attestation_id=digest_text(stored.attestation_id),
        subject=AttestedSubject.model_validate(
            {name: fields.get(name) for name in ("repositoryFullName", "prNumber", "commitSha", "artifactSha256")}
        ),
        effective_passed=fields.get("passed") is True and not stored.against,
        contradictions=tuple(shown_contradiction(one) for one in stored.against),
        supersedes=stored.record.supersedes,
        cut=stored.cut,
    )


ROUTES = (
    writes(
        f"{API}/attestations",
        attest,
        Scope.ATTESTATIONS_WRITE,
        Scope.ADMIN,
        takes=AttestationRequest,
        gives={200: Attested, 201: Attested},
        once=True,
    ),
)
