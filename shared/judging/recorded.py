"""What judging said, as a passport and an answer say it; and which engine said it.

Pure. Invariant: the same judgement is written the same way, so that a decision can be recomputed and compared.
"""

from __future__ import annotations

from collections.abc import Sequence

from shared.judging.values import Finding, Judgement
from shared.passports import Found, Freshness, Looked, PolicyUse, Verdict

ENGINE = "2"
"""Goes up whenever the same inputs may be judged otherwise, or be said in other words."""

_MAX_LOOKED = 2_000
_LEAST_LOOKED = 10
_MAX_BYTES = 360_000
"""What findings take of a passport; its inputs need the most of what is left of a payload."""
_OF_ONE = 160
"""What one thing that was looked at takes beside its words."""
_SURELY_FITS = 100


def verdict_of(judgement: Judgement) -> Verdict:
    """Write a judgement down; lists of what was considered are cut so that a passport holds them, and say so."""
    most = _most_looked(judgement.findings)
    return Verdict(
        decision=judgement.decision.value,
        proceed=judgement.proceed,
        mode=judgement.mode.value,
        requested_mode=judgement.requested_mode.value,
        headline=judgement.headline,
        severity=judgement.severity,
        confidence=judgement.confidence,
        confidence_words=judgement.confidence_words,
        findings=tuple(_found(one, most) for one in judgement.findings),
        warnings=judgement.warnings,
        policies=tuple(PolicyUse(name=one.name, version=one.version, digest=one.digest) for one in judgement.policies),
        freshness=Freshness(
            oldest_evidence_age_seconds=judgement.oldest_evidence_seconds,
            stale=judgement.stale,
        ),
        evaluated_at=judgement.evaluated_at,
        valid_until=judgement.valid_until,
    )


def _most_looked(findings: Sequence[Finding]) -> int:
    """Say how much of what was looked at each finding lists, so that all of them fit."""
    most = max(_LEAST_LOOKED, _MAX_LOOKED // max(len(findings), 1))
    if sum([min(len(one.considered), most) for one in findings]) < _SURELY_FITS:
        return most
    room = _MAX_BYTES - sum([_bytes(one) for one in findings])
    while most and sum([_OF_ONE + len(one.detail.encode()) for of in findings for one in of.considered[:most]]) > room:
        most //= 2
    return most


def _bytes(finding: Finding) -> int:
    words = (finding.rule, finding.title, finding.reason, finding.who, finding.next_action, *finding.waived_by)
    return sum([len(one.encode()) for one in words]) + 80 * len(finding.marks) + 400


def _found(finding: Finding, most: int) -> Found:
    looked = tuple(
        Looked(id=one.id, refused=None if one.refused is None else one.refused.value, detail=one.detail)
        for one in finding.considered[:most]
    )
    return Found(
        rule=finding.rule,
        title=finding.title,
        met=finding.met,
        decision=finding.otherwise.value,
        cause=None if finding.cause is None else finding.cause.value,
        reason=finding.reason,
        who=finding.who,
        next_action=finding.next_action,
        then_decision=None if finding.then_decision is None else finding.then_decision.value,
        considered=looked,
        considered_omitted=len(finding.considered) - len(looked),
        waived_by=finding.waived_by,
        waived_until=finding.waived_until,
        fingerprint=finding.fingerprint or None,
        marks=finding.marks,
    )
