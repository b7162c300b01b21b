"""Everything that is shown of one passport, field by field: what is not listed here leaves in no answer and no export.

Pure. Source of the words: the signed passport; beside it stand what came later (who said what, what was deployed) and
where its evidence came from.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from shared.encoding import JsonObject, JsonValue, format_time
from shared.judging.values import STRENGTH, Decision
from shared.passports import Found, Input, Passport


@dataclass(frozen=True, slots=True)
class EvidenceLine:
    """A piece of evidence that was looked at: what it says of itself, who says so, and why it helped nothing."""

    id: str
    type: str
    name: str
    basis: str
    passed: bool
    received_at: datetime
    observed_at: datetime
    by: str
    held: str | None


@dataclass(frozen=True, slots=True)
class ActLine:
    """An approval or a waiver of this release; `counted` says whether judging counted it for this passport."""

    id: str
    by: tuple[str, ...]
    rules: tuple[str, ...]
    reason: str | None
    at: datetime
    expires_at: datetime
    counted: bool


@dataclass(frozen=True, slots=True)
class CommentLine:
    """What a person wrote."""

    by: str
    at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class DeploymentLine:
    """A deployment of this artifact to this target, and whether the passport in force then allowed it."""

    id: str
    status: str
    at: datetime
    authorized: bool


@dataclass(frozen=True, slots=True)
class Integrity:
    """Where the passport stands in the register, whose key signed it, and whether that can be checked here."""

    id: str
    register: int
    key_id: str
    keyring_version: int
    verified: bool
    problem: str | None


@dataclass(frozen=True, slots=True)
class Dossier:
    """A passport and what belongs to it; `page` is the text as it was shown, `successor` the one that superseded it."""

    passport: Passport
    page: str
    integrity: Integrity
    successor: str | None
    evidence: tuple[EvidenceLine, ...] = ()
    approvals: tuple[ActLine, ...] = ()
    waivers: tuple[ActLine, ...] = ()
    comments: tuple[CommentLine, ...] = ()
    deployments: tuple[DeploymentLine, ...] = ()


def blockers(passport: Passport) -> list[Found]:
    """Give the findings that keep it from ALLOW, the strongest first."""
    open_ = [one for one in passport.findings if not one.met and one.cause != "waived"]
    return sorted(open_, key=lambda one: STRENGTH.index(Decision(one.decision)))


def verdict_fields(passport: Passport) -> JsonObject:
    """Write the answer that a passport is, without its envelope."""
    open_ = blockers(passport)
    first = next(iter(passport.policies), None)
    release = passport.release
    return {
        "passportId": passport.passport_id,
        "decision": passport.decision,
        "proceed": passport.proceed,
        "mode": passport.mode,
        "requestedMode": passport.requested_mode,
        "headline": passport.headline,
        "severity": passport.severity,
        "confidence": passport.confidence,
        "confidenceWords": passport.confidence_words,
        "service": {
            "name": passport.target.service,
            "namespace": passport.target.namespace,
            "environment": passport.target.environment,
        },
        "artifact": {"digest": passport.artifact},
        "release": {
            "releaseId": release.release_id,
            "sourceSha": release.source_sha,
            "author": release.author,
            "requestedBy": release.requested_by,
        },
        "blockers": [_blocker(one) for one in open_],
        "findings": [_finding(one) for one in passport.findings],
        "nextActions": [*dict.fromkeys(one.next_action for one in open_ if one.next_action)],
        "warnings": [*passport.warnings],
        "policy": None if first is None else first.to_wire(),
        "policies": [one.to_wire() for one in passport.policies],
        "freshness": {
            "oldestEvidenceAgeSeconds": passport.freshness.oldest_evidence_age_seconds,
            "stale": [*passport.freshness.stale],
        },
        "evaluatedAt": format_time(passport.evaluated_at),
        "validUntil": format_time(passport.valid_until),
        "supersedes": passport.supersedes,
    }


def dossier_fields(dossier: Dossier, now: datetime) -> JsonObject:
    """Write everything that is shown of a passport; whether it has ended is worked out at `now`."""
    passport, integrity = dossier.passport, dossier.integrity
    return {
        **verdict_fields(passport),
        "id": passport.passport_id,
        "inForce": dossier.successor is None,
        "expired": now >= passport.valid_until,
        "successor": dossier.successor,
        "evidence": [_evidence(one) for one in dossier.evidence],
        "evidenceOmitted": passport.inputs_omitted,
        "approvals": [_act(one) for one in dossier.approvals],
        "waivers": [_act(one) for one in dossier.waivers],
        "comments": [{"by": one.by, "at": format_time(one.at), "text": one.text} for one in dossier.comments],
        "deployments": [
            {"id": one.id, "status": one.status, "at": format_time(one.at), "authorized": one.authorized}
            for one in dossier.deployments
        ],
        "integrity": {
            "attestationId": integrity.id,
            "register": integrity.register,
            "keyId": integrity.key_id,
            "keyringVersion": integrity.keyring_version,
            "engine": passport.engine,
            "verified": integrity.verified,
            "problem": integrity.problem,
        },
    }


def named_evidence(inputs: Iterable[Input]) -> dict[str, Input]:
    """Give the inputs that are evidence, by id: the others are acts."""
    return {one.id: one for one in inputs if one.received_at is not None}


def _blocker(one: Found) -> JsonObject:
    return {
        "rule": one.rule,
        "title": one.title,
        "cause": one.cause,
        "decision": one.decision,
        "reason": one.reason,
        "who": one.who,
        "nextAction": one.next_action,
        "thenDecision": one.then_decision,
    }


def _finding(one: Found) -> JsonObject:
    considered: list[JsonValue] = [
        {"id": looked.id, "refused": looked.refused, "detail": looked.detail} for looked in one.considered
    ]
    return {
        **_blocker(one),
        "met": one.met,
        "considered": considered,
        "consideredOmitted": one.considered_omitted,
        "waivedBy": [*one.waived_by],
        "waivedUntil": None if one.waived_until is None else format_time(one.waived_until),
    }


def _evidence(one: EvidenceLine) -> JsonObject:
    return {
        "id": one.id,
        "type": one.type,
        "name": one.name,
        "basis": one.basis,
        "passed": one.passed,
        "observedAt": format_time(one.observed_at),
        "receivedAt": format_time(one.received_at),
        "by": one.by,
        "held": one.held,
    }


def _act(one: ActLine) -> JsonObject:
    return {
        "id": one.id,
        "by": [*one.by],
        "rules": [*one.rules],
        "reason": one.reason,
        "at": format_time(one.at),
        "expiresAt": format_time(one.expires_at),
        "counted": one.counted,
    }
