"""Passports as people and auditors read them: lists, one with all that belongs to it, and its exports."""

from __future__ import annotations

from enum import StrEnum
from http import HTTPStatus
from typing import Annotated

from aiohttp import web
from pydantic import BeforeValidator, Field

from receiver import passports
from receiver.core import documents
from receiver.core.accounts import Role
from receiver.core.dossier import Dossier, dossier_fields
from receiver.core.tokens import Scope
from receiver.passports import Filters, PassportRow
from receiver.web import answers
from receiver.web.answers import AnswerModel, Listed
from receiver.web.api_v1.fields import lower, sha256, upper
from receiver.web.queries import Page, Query, read_query
from receiver.web.releasepassport_v1.answered import ArtifactNamed, ReleaseListed, ServiceNamed, Verdict
from receiver.web.releasepassport_v1.preferring import console_url
from receiver.web.routes import reads
from receiver.web.state import caller, services
from shared.encoding import digest_text
from shared.fields import Count, DigestText, Name, Timestamp
from shared.judging.values import Decision, Mode
from shared.passports import Decided, InMode
from shared.wire import GATE_API, JSON_TYPE

_PASSPORTS = f"{GATE_API}/passports"
_ONE = f"{_PASSPORTS}/{{passport_id}}"


class Format(StrEnum):
    """What a passport is exported as; the bundle is what `carnet verify` checks."""

    JSON = "json"
    MD = "md"
    TEXT = "text"
    HTML = "html"
    CSV = "csv"
    BUNDLE = "bundle"


_TYPES = {
    Format.JSON: (JSON_TYPE, "json"),
    Format.MD: ("text/markdown", "md"),
    Format.TEXT: ("text/plain", "txt"),
    Format.HTML: ("text/html", "html"),
    Format.CSV: ("text/csv", "csv"),
    Format.BUNDLE: (JSON_TYPE, "bundle.json"),
}


class PassportsQuery(Page):
    """What a list of passports is narrowed by."""

    service: Name | None = None
    environment: Name | None = None
    decision: Annotated[Decision, BeforeValidator(upper)] | None = None
    mode: Annotated[Mode, BeforeValidator(lower)] | None = None
    since: Timestamp | None = None
    """Evaluated at this time or later."""
    q: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """A digest, a passport's id, a release's id, a service, or how a commit begins."""


class ExportQuery(Query):
    """Which form of a passport is wanted."""

    format: Annotated[Format, BeforeValidator(lower)] = Format.JSON


class PassportInList(AnswerModel):
    """A passport in a line."""

    id: str
    decision: Decided
    proceed: bool
    mode: InMode
    headline: str
    service: ServiceNamed
    artifact: ArtifactNamed
    release: ReleaseListed
    evaluated_at: Timestamp
    valid_until: Timestamp
    in_force: bool
    """Whether it is the newest of its service, namespace, environment and artifact."""
    expired: bool
    supersedes: str | None


class EvidenceShown(AnswerModel):
    """A piece of evidence that was looked at."""

    id: DigestText
    type: str
    name: str
    basis: str
    passed: bool
    observed_at: Timestamp
    received_at: Timestamp
    by: str
    """The collector that signed it, or the token that it came with."""
    held: str | None
    """Why it helped nothing; null where it counted."""


class ActShown(AnswerModel):
    """An approval or a waiver of this release."""

    id: DigestText
    by: tuple[str, ...] = Field(strict=False)
    rules: tuple[str, ...] = Field(strict=False)
    reason: str | None
    at: Timestamp
    expires_at: Timestamp
    counted: bool
    """Whether this decision rests on it; it may have come later."""


class CommentShown(AnswerModel):
    """What a person wrote."""

    by: str
    at: Timestamp
    text: str


class DeploymentShown(AnswerModel):
    """A deployment of this artifact to this target."""

    id: str
    status: str
    at: Timestamp
    authorized: bool
    """Whether the passport in force when it was received allowed it."""


class IntegrityShown(AnswerModel):
    """How the passport can be checked, and whether that came out right here and now."""

    attestation_id: DigestText
    register_: Annotated[Count, Field(alias="register")]
    key_id: DigestText
    keyring_version: Count
    engine: str
    verified: bool
    problem: str | None


class PassportInFull(Verdict):
    """A passport and all that belongs to it."""

    id: str
    in_force: bool
    expired: bool
    successor: str | None
    """The passport of the same release behind this one."""
    evidence: tuple[EvidenceShown, ...] = Field(strict=False)
    """In the order in which it came."""
    evidence_omitted: Count
    approvals: tuple[ActShown, ...] = Field(strict=False)
    waivers: tuple[ActShown, ...] = Field(strict=False)
    comments: tuple[CommentShown, ...] = Field(strict=False)
    deployments: tuple[DeploymentShown, ...] = Field(strict=False)
    integrity: IntegrityShown


async def listed(request: web.Request) -> web.Response:
    """List passports, newest first, superseded ones too; of a limited token those that it is limited to."""
    asked = read_query(PassportsQuery, request)
    digest = _digest(asked.q)
    filters = Filters(
        service=asked.service,
        environment=asked.environment,
        decision=None if asked.decision is None else asked.decision.value,
        mode=None if asked.mode is None else asked.mode.value,
        since=asked.since,
        digest=digest,
        text=asked.q if digest is None else None,
    )
    by = caller(request)
    found = await services(request).desk.ask(
        passports.page, by.workspace_id, filters, asked.limit, asked.cursor, by.limits
    )
    now = services(request).desk.now()
    items = tuple(_in_list(row, in_force=in_force, expired=now >= row.valid_until) for row, in_force in found.items)
    return answers.model(Listed[PassportInList](items=items, next_cursor=found.next_cursor))


async def shown(request: web.Request) -> web.Response:
    """Show a passport: what was decided and why, on what it rests, and what came of it."""
    read_query(Query, request)
    return answers.json(dossier_fields(await _look(request), services(request).desk.now()))


async def exported(request: web.Request) -> web.Response:
    """Export a passport: for people as md, text, html or csv, for programs as json, for proof as bundle."""
    asked = read_query(ExportQuery, request).format
    kind, suffix = _TYPES[asked]
    if asked is Format.BUNDLE:
        by = caller(request)
        body = await services(request).desk.ask(passports.bundle, by.workspace_id, _id(request), by.limits)
    else:
        body = _document(request, asked, await _look(request))
    # Never shown by a browser in the receiver's own place, whatever stands in it.
    headers = {"Content-Disposition": f'attachment; filename="{_id(request)}.{suffix}"'}
    charset = None if kind == JSON_TYPE else "utf-8"
    return web.Response(body=body, content_type=kind, charset=charset, headers=headers)


def _document(request: web.Request, asked: Format, dossier: Dossier) -> bytes:
    fields = dossier_fields(dossier, services(request).desk.now())
    page = f"{dossier.page}\n{console_url(request, dossier.passport.passport_id)}"
    return documents.write(asked.value, fields, page)


async def _look(request: web.Request) -> Dossier:
    by = caller(request)
    return await services(request).desk.ask(passports.look, by.workspace_id, _id(request), by.limits)


def _id(request: web.Request) -> str:
    return request.match_info["passport_id"]


def _digest(text: str | None) -> bytes | None:
    try:
        return None if text is None else bytes.fromhex(sha256(text))
    except ValueError:
        return None


def _in_list(row: PassportRow, *, in_force: bool, expired: bool) -> PassportInList:
    return PassportInList.model_validate(
        {
            "id": row.passport_id,
            "decision": row.decision,
            "proceed": row.proceed,
            "mode": row.mode,
            "headline": row.headline,
            "service": ServiceNamed(name=row.service, namespace=row.namespace, environment=row.environment),
            "artifact": ArtifactNamed(digest=digest_text(row.digest)),
            "release": ReleaseListed(release_id=row.release_id, source_sha=row.source_sha),
            "evaluatedAt": row.evaluated_at,
            "validUntil": row.valid_until,
            "inForce": in_force,
            "expired": expired,
            "supersedes": row.supersedes,
        }
    )


ROUTES = (
    reads(
        _PASSPORTS,
        listed,
        Scope.READ,
        Scope.ADMIN,
        asks=PassportsQuery,
        gives=Listed[PassportInList],
        role=Role.VIEWER,
    ),
    reads(_ONE, shown, Scope.READ, Scope.ADMIN, gives=PassportInFull, role=Role.VIEWER),
    reads(
        f"{_ONE}/export",
        exported,
        Scope.READ,
        Scope.ADMIN,
        asks=ExportQuery,
        gives=", ".join(dict.fromkeys(kind for kind, _ in _TYPES.values())),
        may={HTTPStatus.CONFLICT},
        role=Role.VIEWER,
    ),
)
