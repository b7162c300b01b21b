"""What brings evidence to a workspace, and how the product's licence stands."""

from __future__ import annotations

from typing import Annotated

from aiohttp import web
from pydantic import Field

from receiver import integrate, licensing
from receiver.core.accounts import Role
from receiver.core.licence import Entitlement, Status
from receiver.core.tokens import Scope
from receiver.web import answers
from receiver.web.answers import AnswerModel, Listed
from receiver.web.routes import reads
from receiver.web.state import caller, services
from shared.fields import Count, DigestText, Timestamp
from shared.predicates import Limits
from shared.wire import GATE_API


class Integration(AnswerModel):
    """Something that brings evidence, and whether it was heard of lately."""

    name: str
    category: str
    """collector, or evidence for what posts it."""
    status: integrate.Status
    last_seen_at: Timestamp | None
    freshness: integrate.Freshness
    """Of a collector: heard within 15 minutes; of a source: within a day."""
    evidence_count: Annotated[Count, Field(alias="evidenceCount24h")]
    """How much of it came in the last 24 hours."""
    scope: Limits
    """What a collector may speak for; where the newest evidence of a source belongs."""
    hint: str | None
    """What to do, where something is to be done."""


class LicenceUsage(AnswerModel):
    """What this workspace has of what licences count."""

    users: Count
    collectors: Count
    policies: Count


class LicenceStatus(AnswerModel):
    """How the product's licence stands; it changes no decision, and evidence is never dropped for it."""

    status: Status
    plan: str | None
    expires_at: Timestamp | None
    grace_until: Timestamp | None
    """From then on new users, policies and collectors are refused, and nothing else."""
    entitlements: dict[str, Entitlement]
    usage: LicenceUsage
    install_id_hash: DigestText
    """Names this installation to the vendor."""


async def integrations(request: web.Request) -> web.Response:
    """List what brings evidence: enrolled collectors, every source that ingests some; limited tokens are refused."""
    by, desk = caller(request), services(request).desk
    by.require_everything()
    found = await desk.ask(integrate.listed, by.workspace_id, desk.now())
    return answers.model(Listed[Integration](items=tuple(_shown(one) for one in found), next_cursor=None))


async def licence_status(request: web.Request) -> web.Response:
    """Say how the licence stands."""
    at_hand = services(request)
    desk = at_hand.desk
    found = await desk.ask(licensing.look, caller(request).workspace_id, at_hand.licence, desk.now())
    licence, usage = found.licensed.licence, found.usage
    return answers.model(
        LicenceStatus(
            status=found.licensed.status,
            plan=None if licence is None else licence.plan,
            expires_at=None if licence is None else licence.expires_at,
            grace_until=None if licence is None else licence.grace_until,
            entitlements={} if licence is None else dict(licence.entitlements),
            usage=LicenceUsage(users=usage.users, collectors=usage.collectors, policies=usage.policies),
            install_id_hash=found.installation,
        )
    )


def _shown(one: integrate.Integration) -> Integration:
    return Integration(
        name=one.name,
        category=one.category,
        status=one.status,
        last_seen_at=one.last_seen_at,
        freshness=one.freshness,
        evidence_count=one.count,
        scope=one.scope,
        hint=one.hint,
    )


ROUTES = (
    reads(
        f"{GATE_API}/integrations",
        integrations,
        Scope.READ,
        Scope.ADMIN,
        gives=Listed[Integration],
        role=Role.VIEWER,
    ),
    reads(
        f"{GATE_API}/license/status",
        licence_status,
        Scope.READ,
        Scope.ADMIN,
        gives=LicenceStatus,
        role=Role.VIEWER,
    ),
)
