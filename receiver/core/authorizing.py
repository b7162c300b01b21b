"""Whether a deployment was allowed when it was received: by the passport in force then, never by `proceed`.

Pure. Source: policy.md section 3. What was only announced is neither.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from receiver.core.deployments import DeploymentStatus
from receiver.core.passport import ALLOWING, release_key
from shared.encoding import JsonValue, format_time
from shared.judging.values import Target


@dataclass(frozen=True, slots=True)
class Authorization:
    """Whether a deployment was allowed, why in words, and the passport that says so."""

    authorized: bool
    reason: str
    passport_id: str | None = None


@dataclass(frozen=True, slots=True)
class InForce:
    """What the passport in force at a moment says."""

    passport_id: str
    decision: str
    headline: str
    valid_until: datetime


def release_of(fields: Mapping[str, JsonValue]) -> bytes | None:
    """Name the release that a deployment is of, as passports do; None where it names too little of it."""
    service, environment, digest = (fields.get(name) for name in ("service", "environment", "artifactSha256"))
    if not (isinstance(service, str) and isinstance(environment, str) and isinstance(digest, str)):
        return None
    namespace = fields.get("namespace")
    return release_key(Target(service, namespace if isinstance(namespace, str) else None, environment), digest)


def is_deployment(fields: Mapping[str, JsonValue]) -> bool:
    """Say whether something was deployed, rather than announced or taken out of use."""
    return fields.get("status") not in {DeploymentStatus.EXPECTED.value, DeploymentStatus.INACTIVE.value}


def authorization(fields: Mapping[str, JsonValue], received_at: datetime, then: InForce | None) -> Authorization:
    """Say whether a deployment that was received then was allowed by the passport that was in force."""
    if release_of(fields) is None:
        return Authorization(authorized=False, reason="no passport is for it: it names no service or no artifactSha256")
    if then is None:
        return Authorization(authorized=False, reason="no passport was in force for it when it was received")
    if then.decision not in ALLOWING:
        said = f"{then.passport_id}, in force when it was received, decided {then.decision}: {then.headline}"
        return Authorization(authorized=False, reason=said, passport_id=then.passport_id)
    if received_at >= then.valid_until:
        said = f"{then.passport_id} had ended at {format_time(then.valid_until)}"
        return Authorization(authorized=False, reason=said, passport_id=then.passport_id)
    said = f"{then.passport_id}, in force when it was received, decided {then.decision}"
    return Authorization(authorized=True, reason=said, passport_id=then.passport_id)
