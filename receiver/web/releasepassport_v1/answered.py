"""How a decision is answered: the fields of its passport, which is what was signed."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from receiver.web.answers import LEFT_OUT, AnswerModel
from receiver.web.api_v1.shapes import Envelope
from shared.fields import Count, DigestText, Timestamp
from shared.passports import Decided, InMode, Why


class ServiceNamed(AnswerModel):
    """Where to."""

    name: str
    namespace: str | None
    environment: str


class ArtifactNamed(AnswerModel):
    """What was judged."""

    digest: DigestText


class ReleaseListed(AnswerModel):
    """The release in a line."""

    release_id: str | None
    source_sha: str | None


class ReleaseNamed(ReleaseListed):
    """The release as it was asked about."""

    author: str | None
    requested_by: str | None


class Blocker(AnswerModel):
    """A rule that keeps it from ALLOW: why, who can do something about it, and what the decision is then."""

    rule: str
    title: str
    cause: Why | None
    decision: Decided
    """What is decided as long as it is not met."""
    reason: str
    who: str
    next_action: str
    then_decision: Decided | None


class Considered(AnswerModel):
    """A piece of evidence that was looked at, and why it does not help; null where it does."""

    id: str
    refused: Why | None
    detail: str


class FindingShown(Blocker):
    """What one rule found."""

    met: bool
    considered: tuple[Considered, ...] = Field(strict=False)
    considered_omitted: Count
    waived_by: tuple[str, ...] = Field(strict=False)
    waived_until: Timestamp | None


class PolicyNamed(AnswerModel):
    """A policy that was judged by; version 0 is built in."""

    name: str
    version: Count
    digest: DigestText


class FreshnessShown(AnswerModel):
    """How old the oldest evidence is that counted, and which rules found theirs too old."""

    oldest_evidence_age_seconds: Count | None
    stale: tuple[str, ...] = Field(strict=False)


class Verdict(AnswerModel):
    """A decision, and all that it rests on."""

    passport_id: str
    decision: Decided
    proceed: bool
    """Whether the pipeline that asked goes on; nothing else rests on it."""
    mode: InMode
    requested_mode: InMode
    headline: str
    severity: str
    confidence: Annotated[float, Field(ge=0, le=1)]
    confidence_words: str
    service: ServiceNamed
    artifact: ArtifactNamed
    release: ReleaseNamed
    blockers: tuple[Blocker, ...] = Field(strict=False)
    """The strongest first."""
    findings: tuple[FindingShown, ...] = Field(strict=False)
    next_actions: tuple[str, ...] = Field(strict=False)
    warnings: tuple[str, ...] = Field(strict=False)
    policy: PolicyNamed | None
    """The configured one."""
    policies: tuple[PolicyNamed, ...] = Field(strict=False)
    freshness: FreshnessShown
    evaluated_at: Timestamp
    valid_until: Timestamp
    supersedes: str | None
    """The passport of the same release before this one."""


class Evaluation(Verdict):
    """The answer to a gate's question."""

    passport: Envelope
    """The signed passport, which says all of this."""
    console_url: str
    text: str
    """The page for people, as `Accept: text/plain` answers it."""
    cut: Annotated[tuple[str, ...] | None, LEFT_OUT]
    """The fields in which secrets were masked before anything was judged or kept."""
