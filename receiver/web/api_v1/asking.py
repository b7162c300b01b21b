"""What is asked about evidence: lists, one attestation, and the exact bytes that were signed."""

from __future__ import annotations

import re
from typing import Annotated

from aiohttp import web
from pydantic import AfterValidator, BeforeValidator, Field

from receiver import lookup
from receiver.core.placing import Status
from receiver.core.tokens import Scope
from receiver.web import answers
from receiver.web.bodies import FieldsError
from receiver.web.queries import Page, Query, read_query
from receiver.web.routes import reads
from receiver.web.state import caller, services
from shared.encoding import JsonObject, digest_text, format_time
from shared.errors import Code, StateError
from shared.fields import Id, Name, Timestamp
from shared.predicates import Basis, ClaimType
from shared.wire import API, FieldProblem

_ATTESTATION = f"{API}/attestations/{{attestation_id}}"
_SHA256 = re.compile(r"(?:sha256:)?([0-9a-f]{64})", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}", re.ASCII)


def _sha256(text: str) -> str:
    found = _SHA256.fullmatch(text.lower())
    if found is None or not found[1].strip("0"):
        msg = "64 hex digits are needed, with or without sha256: before them"
        raise ValueError(msg)
    return found[1]


def _commit(text: str) -> str:
    if not _COMMIT.fullmatch(text.lower()):
        msg = "a full commit is needed: 40 or 64 hex digits"
        raise ValueError(msg)
    return text.lower()


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


class AttestationsQuery(Page):
    """What a list of attestations is narrowed by."""

    repository: Annotated[str, Field(min_length=1, max_length=300)] | None = None
    pr: Annotated[int, Field(ge=1)] | None = None
    commit: Annotated[str, AfterValidator(_commit)] | None = None
    artifact: Annotated[str, AfterValidator(_sha256)] | None = None
    type: Annotated[ClaimType, BeforeValidator(_upper)] | None = None
    name: Name | None = None
    passed: bool | None = None
    basis: Annotated[Basis, BeforeValidator(_lower)] | None = None
    collector: Id | None = None
    status: Annotated[Status, BeforeValidator(_lower)] | None = None
    since: Timestamp | None = None
    until: Timestamp | None = None


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
        collector_id=asked.collector,
        status=asked.status,
        since=asked.since,
        until=asked.until,
    )
    found = await services(request).desk.ask(
        lookup.attestations, caller(request).workspace_id, filters, asked.limit, asked.cursor
    )
    return answers.items((_row(one) for one in found.items), found.next_cursor)


async def attestation(request: web.Request) -> web.Response:
    """Show one attestation with everything that its signed bytes say."""
    read_query(Query, request)
    found = await services(request).desk.ask(lookup.attestation, caller(request).workspace_id, _attestation_id(request))
    return answers.json(_row(found.row) | {"predicate": found.predicate})


async def envelope(request: web.Request) -> web.Response:
    """Give the envelope as it was received, byte for byte."""
    read_query(Query, request)
    found = await services(request).desk.ask(lookup.envelope, caller(request).workspace_id, _attestation_id(request))
    return answers.raw(found)


def _attestation_id(request: web.Request) -> bytes:
    found = _SHA256.fullmatch(request.match_info["attestation_id"].lower())
    if found is None:
        raise StateError(
            Code.NOT_FOUND, "there is no such attestation", "an id is sha256: and 64 hex digits, or the digits alone"
        )
    return bytes.fromhex(found[1])


def _row(row: lookup.AttestationRow) -> JsonObject:
    context: JsonObject = {
        "repository": row.repository,
        "commit": row.commit,
        "branch": row.branch,
        "prNumber": row.pr_number,
        "run": row.run,
        "service": row.service,
        "environment": row.environment,
    }
    return {
        "id": digest_text(row.id),
        "type": row.type,
        "name": row.name,
        "passed": row.passed,
        "basis": row.basis,
        "status": row.status.value,
        "code": None if row.code is None else row.code.value,
        "collectorId": row.collector_id,
        "stream": {"id": row.stream_id.hex(), "sequence": row.sequence},
        "observationId": digest_text(row.observation_id),
        "repeatOf": None if row.repeat_of is None else digest_text(row.repeat_of),
        "observedAt": format_time(row.observed_at),
        "receivedAt": format_time(row.received_at),
        "context": {name: value for name, value in context.items() if value is not None},
    }


ROUTES = (
    reads(f"{API}/attestations", attestations, Scope.READ, Scope.ADMIN),
    reads(_ATTESTATION, attestation, Scope.READ, Scope.ADMIN),
    reads(f"{_ATTESTATION}/envelope", envelope, Scope.READ, Scope.ADMIN),
)
