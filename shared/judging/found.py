"""What one rule found before people are asked, which cause is told, and what tells it from other findings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shared.encoding import JsonObject, canonical, digest_text, sha256
from shared.judging.values import Basis, Cause, Considered

WORST = (
    Cause.CONTRADICTED,
    Cause.FAILED,
    Cause.REVOKED,
    Cause.HELD,
    Cause.ERROR,
    Cause.UNSIGNED,
    Cause.STALE,
    Cause.ON_ITS_WAY,
    Cause.NEAR_MISS,
    Cause.NOT_REPORTED,
    Cause.MISSING,
    Cause.WAITING_FOR_PERSON,
    Cause.WAIVED,
)
"""Which cause is told where there are several: what cannot be lifted first, then what failed, then what is not here."""
_ABSENT = frozenset({Cause.ON_ITS_WAY, Cause.NEAR_MISS, Cause.NOT_REPORTED, Cause.MISSING})
_RANK: Mapping[Basis, int] = {basis: rank for rank, basis in enumerate(Basis)}


@dataclass(frozen=True, slots=True)
class Found:
    """What a rule found: met where `cause` is None. `who` is empty where it is the rule's owner.

    `oldest` is the age of the oldest evidence that it rests on, `until` the time at which what meets it ends by itself.
    `values` is what it rests on beside the evidence in `considered`: claims of the request, places that a stream lacks.
    """

    cause: Cause | None = None
    reason: str = ""
    brief: str = ""
    action: str = ""
    who: str = ""
    considered: tuple[Considered, ...] = ()
    slots: Mapping[Basis, int] = field(default_factory=dict)
    oldest: timedelta | None = None
    until: datetime | None = None
    values: JsonObject = field(default_factory=dict)

    def fingerprint(self, policy: str, rule: str) -> str:
        """Tell this finding from others of the rule: by the policy's digest, cause, evidence looked at, and values.

        Where nothing is here it does not matter why, nor what there is of something else.
        """
        evidence = sorted({one.id for one in self.considered if one.refused is not Cause.NEAR_MISS})
        absent = not evidence and self.cause in _ABSENT
        cause = Cause.MISSING if absent else self.cause
        said: JsonObject = {
            "policy": policy,
            "rule": rule,
            "cause": None if cause is None else cause.value,
            "evidence": [*evidence],
            "values": self.values,
        }
        return digest_text(sha256(canonical(said)))


def weakest(bases: Iterable[Basis]) -> Basis:
    """Pick the basis that several things rest on together; on nothing but somebody's word if there are none."""
    return max(bases, key=_RANK.__getitem__, default=Basis.ASSERTED)
