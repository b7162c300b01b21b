"""What judging said, as a passport and an answer say it; and which engine said it.

Pure. Invariant: the same judgement is written the same way, so that a decision can be recomputed and compared.
"""

from __future__ import annotations

from shared.judging.values import Finding, Judgement
from shared.passports import Found, Freshness, Looked, PolicyUse, Verdict

ENGINE = "1"
"""Goes up whenever the same inputs may be judged otherwise, or be said in other words."""

_MAX_LOOKED = 2_000
_LEAST_LOOKED = 10


def verdict_of(judgement: Judgement) -> Verdict:
    """Write a judgement down; lists of what was considered are cut so that a passport holds them, and say so."""
    most = max(_LEAST_LOOKED, _MAX_LOOKED // max(len(judgement.findings), 1))
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
