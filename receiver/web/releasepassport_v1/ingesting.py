"""Evidence that is posted for a release or a target: what CI, tests, scanners and approved automation say."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from aiohttp import web
from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from receiver import attach
from receiver.attach import Attached, Posting, Stored
from receiver.core.placing import Status
from receiver.web import answers
from receiver.web.answers import LEFT_OUT, AnswerModel
from receiver.web.api_v1.asking import Contradiction, shown_contradiction
from receiver.web.api_v1.fields import Free, Sha256, Url, lower, wrong
from receiver.web.bodies import RequestModel, read_body, read_model
from receiver.web.once import REPLAY_HEADER, read_once
from receiver.web.releasepassport_v1.asked import AskedRelease, ServiceName
from receiver.web.routes import writes
from receiver.web.state import ask_signed, caller, services
from shared.encoding import JsonObject, base32_id, canonical, compact, digest_text, sha256
from shared.fields import Count, DigestText, Id, Name, Timestamp
from shared.predicates import ClaimType
from shared.wire import GATE_API

MAX_PIECES = 100
_ID_BYTES = 16
_MAX_TYPE_CHARS = 100
_MAX_METRICS = 100


class EvidenceStatus(StrEnum):
    """How it went; only `passed` counts for a rule."""

    PASSED = "passed"
    FAILED = "failed"
    WARNING = "warning"
    SKIPPED = "skipped"
    UNKNOWN = "unknown"


def _type(value: str) -> str:
    """Write the closed types in upper case, and every other one in lower case."""
    return value.upper() if value.upper() in ClaimType.__members__ else value.lower()


class IngestedService(RequestModel):
    """The service that it is about, and where."""

    name: ServiceName
    namespace: Name | None = None
    environment: Name | None = None
    """Needed for what tells how a target is: health, rollback."""


class IngestedArtifact(RequestModel):
    """The artifact that it is about."""

    digest: Sha256


class EvidenceItem(RequestModel):
    """One piece of evidence."""

    type: Annotated[Name, Field(max_length=_MAX_TYPE_CHARS), AfterValidator(_type)]
    """Any: smoke, unit, integration, health, rollback, or one of the types of attestations."""
    status: Annotated[EvidenceStatus, Field(strict=False), BeforeValidator(lower)]
    summary: Annotated[str, Field(max_length=4_000, pattern=r"\A[^\x00]*\z")] | None = None
    observed_at: Timestamp | None = None
    """When it was seen; it can make evidence older, never newer."""
    expires_at: Timestamp | None = None
    """From when on it counts no more."""
    metrics: Annotated[Free, Field(max_length=_MAX_METRICS)] | None = None
    """Counts and flags: `ready` of health, `available` and `verified` of rollback."""
    url: Url | None = None
    """Kept as text, never fetched."""

    @model_validator(mode="after")
    def _ends_after_it_was_seen(self) -> Self:
        if self.observed_at is not None and self.expires_at is not None and self.expires_at <= self.observed_at:
            raise wrong(self, "expires_at", "it must be after observedAt")
        return self


class IngestRequest(RequestModel):
    """Evidence of one source for one release or target, in 1 to 100 pieces."""

    source: Name
    """Who says so: github_actions, for instance."""
    external_id: Name
    """With source, type, artifact, service and environment it names a piece: other content is a correction."""
    service: IngestedService
    release: AskedRelease = AskedRelease()
    artifact: IngestedArtifact | None = None
    evidence: Annotated[tuple[EvidenceItem, ...], Field(min_length=1, max_length=MAX_PIECES, strict=False)]

    def whole(self) -> JsonObject:
        """Give what is said of all pieces."""
        fields: JsonObject = {"source": self.source, "externalId": self.external_id, "service": self.service.name}
        for name, value in (("namespace", self.service.namespace), ("environment", self.service.environment)):
            if value is not None:
                fields[name] = value
        fields |= self.release.to_wire()
        if self.artifact is not None:
            fields["artifactSha256"] = self.artifact.digest
        return fields

    def each(self) -> tuple[JsonObject, ...]:
        """Give what is said of each piece, metrics as they came."""
        metrics = [{} if one.metrics is None else {"metrics": dict(one.metrics)} for one in self.evidence]
        return tuple({**one.to_wire(), **its} for one, its in zip(self.evidence, metrics, strict=True))

    @property
    def id(self) -> str:
        """What names the post: the same for the same source and external id, about the same."""
        artifact = None if self.artifact is None else self.artifact.digest
        about: JsonObject = {"service": self.service.to_wire(), "artifact": artifact}
        about |= {"source": self.source, "externalId": self.external_id}
        return base32_id("evd_", sha256(canonical(about))[:_ID_BYTES])


class IngestedItem(AnswerModel):
    """A piece of evidence that is kept, and whether it counts as passed."""

    id: DigestText
    """Its attestation id: the SHA-256 of what the receiver signed."""
    type: Name
    status: EvidenceStatus
    held: bool
    """Whether it counts for nothing, since the token that it came with was revoked."""
    effective_passed: bool
    """Passed, not held, and nothing speaks against it."""
    contradictions: tuple[Contradiction, ...]
    supersedes: Annotated[DigestText | None, LEFT_OUT]
    """The piece that this one corrects."""


class IngestAnswer(AnswerModel):
    """What is kept of a post."""

    id: Id
    accepted: Count
    """How many pieces are kept: all of them."""
    items: tuple[IngestedItem, ...]
    """In the order of the post."""
    cut: tuple[str, ...]
    """The fields in which secrets were masked before anything was stored."""


async def ingest(request: web.Request) -> web.Response:
    """Keep evidence for a release, or of how a target is.

    Each piece is wrapped in a statement of the receiver's own, which signs it, so that it can be told apart for ever
    from what a collector signed. The same content again is answered with what is there.
    """
    body = await read_body(request)
    asked = read_model(IngestRequest, body)
    at_hand, sender = services(request), caller(request)
    desk, once = at_hand.desk, read_once(request, sender.token_id, body)

    def render(attached: Attached) -> tuple[int, bytes]:
        return 201 if attached.created else 200, compact(_shown(asked.id, attached).to_wire())

    with at_hand.running.alone(once):
        cut = await desk.ask(attach.without_secrets, asked.whole(), asked.each(), at_hand.secrets)
        posting = Posting(sender, once, desk.now(), desk.random, request.remote)
        done = await ask_signed(request, attach.attach, posting, cut, render)
    response = answers.raw(done.body, done.status)
    if done.replayed:
        response.headers[REPLAY_HEADER] = "true"
    return response


def _shown(post: str, attached: Attached) -> IngestAnswer:
    return IngestAnswer(
        id=post,
        accepted=len(attached.pieces),
        items=tuple(_item(one) for one in attached.pieces),
        cut=attached.cut,
    )


def _item(stored: Stored) -> IngestedItem:
    fields, held = stored.record.fields, stored.standing.status is Status.HELD
    status = EvidenceStatus(str(fields["status"]))
    return IngestedItem(
        id=digest_text(stored.attestation_id),
        type=str(fields["type"]),
        status=status,
        held=held,
        effective_passed=status is EvidenceStatus.PASSED and not held and not stored.against,
        contradictions=tuple(shown_contradiction(one) for one in stored.against),
        supersedes=stored.record.supersedes,
    )


ROUTES = (
    writes(
        f"{GATE_API}/evidence/ingest",
        ingest,
        *attach.SCOPES,
        takes=IngestRequest,
        gives={200: IngestAnswer, 201: IngestAnswer},
        once=True,
    ),
)
