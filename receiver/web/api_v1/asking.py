"""What is asked about evidence: lists, one attestation, and the exact bytes that were signed."""

from __future__ import annotations

from typing import Annotated, Literal

from aiohttp import web
from pydantic import BeforeValidator, Field, JsonValue

from receiver import lookup
from receiver.core.evidence import AnyBasis
from receiver.core.placing import Status
from receiver.core.tokens import Scope
from receiver.web import answers
from receiver.web.answers import LEFT_OUT, AnswerModel, Listed
from receiver.web.api_v1.fields import FullCommit, Sha256, lower, sha256, upper
from receiver.web.api_v1.shapes import Envelope
from receiver.web.bodies import FieldsError
from receiver.web.queries import Page, Query, read_query
from receiver.web.routes import reads
from receiver.web.state import caller, services
from shared.encoding import MAX_INTEGER, digest_text
from shared.errors import Code, StateError
from shared.fields import Count, DigestText, Id, Name, Timestamp
from shared.judging.contradictions import Kind
from shared.predicates import ClaimType
from shared.problems import FieldProblem
from shared.wire import API

_ATTESTATION = f"{API}/attestations/{{attestation_id}}"


class AttestationsQuery(Page):
    """What a list of attestations is narrowed by."""

    repository: Annotated[str, Field(min_length=1, max_length=300)] | None = None
    """The owner and the name."""
    pr: Annotated[int, Field(ge=1, le=MAX_INTEGER)] | None = None
    commit: FullCommit | None = None
    """A full commit; not together with artifact."""
    artifact: Sha256 | None = None
    """A SHA-256, with or without sha256: before it."""
    type: Annotated[ClaimType, BeforeValidator(upper)] | None = None
    name: Name | None = None
    passed: bool | None = None
    basis: Annotated[AnyBasis, BeforeValidator(lower)] | None = None
    component: Annotated[str, Field(min_length=1, max_length=2_000)] | None = None
    """A package URL, or name@version: parts lists that name it."""
    collector: Id | None = None
    status: Annotated[Status, BeforeValidator(lower)] | None = None
    since: Timestamp | None = None
    """Received at this time or later."""
    until: Timestamp | None = None
    """Received before this time."""


class Place(AnswerModel):
    """A place in a collector's stream."""

    id: str
    sequence: Count


class RunContext(AnswerModel):
    """Where the evidence came about, as far as the collector knew."""

    repository: Annotated[str | None, LEFT_OUT]
    commit: Annotated[str | None, LEFT_OUT]
    branch: Annotated[str | None, LEFT_OUT]
    pr_number: Annotated[int | None, LEFT_OUT]
    run: Annotated[str | None, LEFT_OUT]
    service: Annotated[str | None, LEFT_OUT]
    environment: Annotated[str | None, LEFT_OUT]


class SaidBy(AnswerModel):
    """Who says so."""

    kind: Literal["collector", "token"]
    id: Id


class Contradiction(AnswerModel):
    """What speaks against a claim."""

    kind: Kind
    field: Annotated[str | None, LEFT_OUT]
    """The evidence field that it is about."""
    detail: str
    attestation_id: Annotated[DigestText | None, LEFT_OUT]
    """The attestation that says otherwise, where it is another one."""


class Attestation(AnswerModel):
    """One piece of evidence."""

    id: DigestText
    """The SHA-256 of what was signed."""
    type: ClaimType
    name: Name
    passed: bool
    basis: AnyBasis
    """On what the claim rests."""
    status: Status
    code: Code | None
    """Why it is held; null where it is not."""
    released_by: Annotated[Count | None, LEFT_OUT]
    """The number in the register of the statement by which it counts, where it was held and released."""
    said_by: SaidBy
    """Who says so: the collector that signed it, or the token that it came with."""
    collector_id: Id | None
    """The collector that signed it; null for what came with a token, as in the three fields below."""
    stream: Place | None
    observation_id: DigestText | None
    """The same for the same observation, however often it was sent."""
    repeat_of: DigestText | None
    """The attestation that said the same before."""
    supersedes: DigestText | None
    """The post that this one corrects."""
    effective_passed: bool
    """Passed, and nothing speaks against it."""
    contradictions: tuple[Contradiction, ...]
    observed_at: Timestamp
    """By the collector's clock; for what came with a token, when it came."""
    received_at: Timestamp
    context: RunContext


class AttestationInFull(Attestation):
    """One piece of evidence with everything that its signed bytes say."""

    predicate: dict[str, JsonValue]


async def attestations(request: web.Request) -> web.Response:
    """List attestations, newest first."""
    asked = read_query(AttestationsQuery, request)
    if asked.commit is not None and asked.artifact is not None:
        problem = FieldProblem(field="artifact", message="name a commit or an artifact, not both")
        raise FieldsError(Code.INVALID_FIELD, (problem,))
    digest = asked.commit or asked.artifact
    filters = lookup.Filters(
        repository=asked.repository,
        pr_number=asked.pr,
        digest=None if digest is None else bytes.fromhex(digest),
        type=asked.type,
        name=asked.name,
        passed=asked.passed,
        basis=asked.basis,
        component=asked.component,
        collector_id=asked.collector,
        status=asked.status,
        since=asked.since,
        until=asked.until,
    )
    found = await services(request).desk.ask(
        lookup.attestations, caller(request).workspace_id, filters, asked.limit, asked.cursor
    )
    return answers.model(
        Listed[Attestation](items=tuple(shown_attestation(one) for one in found.items), next_cursor=found.next_cursor)
    )


async def attestation(request: web.Request) -> web.Response:
    """Show one attestation with everything that its signed bytes say."""
    read_query(Query, request)
    found = await services(request).desk.glance(
        lookup.attestation, caller(request).workspace_id, _attestation_id(request)
    )
    return answers.model(AttestationInFull(**dict(shown_attestation(found)), predicate=found.predicate))


async def envelope(request: web.Request) -> web.Response:
    """Give the envelope as it was received, byte for byte."""
    read_query(Query, request)
    found = await services(request).desk.glance(lookup.envelope, caller(request).workspace_id, _attestation_id(request))
    return answers.raw(found)


def _attestation_id(request: web.Request) -> bytes:
    try:
        return bytes.fromhex(sha256(request.match_info["attestation_id"]))
    except ValueError:
        raise StateError(
            Code.NOT_FOUND, "there is no such attestation", "an id is sha256: and 64 hex digits, or the digits alone"
        ) from None


def shown_attestation(view: lookup.AttestationView) -> Attestation:
    """Write an attestation as lists show it."""
    row, origin = view.row, view.row.origin
    signed = origin if isinstance(origin, lookup.FromCollector) else None
    posted = None if isinstance(origin, lookup.FromCollector) else origin
    by = SaidBy(kind="token", id=posted.token_id) if posted else None
    return Attestation(
        id=digest_text(row.id),
        type=ClaimType(row.type),
        name=row.name,
        passed=row.passed,
        basis=AnyBasis(row.basis),
        status=view.standing.status,
        code=view.standing.code,
        released_by=view.standing.released_by,
        said_by=by or SaidBy(kind="collector", id=signed.collector_id if signed else ""),
        collector_id=signed.collector_id if signed else None,
        stream=Place(id=signed.stream_id.hex(), sequence=signed.sequence) if signed else None,
        observation_id=digest_text(signed.observation_id) if signed else None,
        repeat_of=digest_text(signed.repeat_of) if signed and signed.repeat_of else None,
        supersedes=digest_text(posted.supersedes) if posted and posted.supersedes else None,
        effective_passed=row.passed and not view.against,
        contradictions=tuple(shown_contradiction(one) for one in view.against),
        observed_at=row.observed_at,
        received_at=row.received_at,
        context=RunContext(
            repository=row.repository,
            commit=row.commit,
            branch=row.branch,
            pr_number=row.pr_number,
            run=row.run,
            service=row.service,
            environment=row.environment,
        ),
    )


def shown_contradiction(found: lookup.Against) -> Contradiction:
    """Write what speaks against an attestation."""
    return Contradiction(
        kind=found.said.kind,
        field=found.said.field or None,
        detail=found.said.detail,
        attestation_id=None if found.other is None else digest_text(found.other),
    )


ROUTES = (
    reads(
        f"{API}/attestations",
        attestations,
        Scope.READ,
        Scope.ADMIN,
        asks=AttestationsQuery,
        gives=Listed[Attestation],
    ),
    reads(_ATTESTATION, attestation, Scope.READ, Scope.ADMIN, gives=AttestationInFull),
    reads(f"{_ATTESTATION}/envelope", envelope, Scope.READ, Scope.ADMIN, gives=Envelope),
)
