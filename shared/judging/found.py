"""What one rule found before people are asked, which cause is told, and what tells it from other findings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import NamedTuple

from shared.encoding import JsonObject, JsonValue, canonical, digest_text, sha256
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
MOST_MARKS = 1_000
"""So many marks at most are on a passport, of all its findings; where there are more, nobody has seen them all."""
TOO_MANY = ""
"""Stands among marks for those that no passport tells: no approval names it, since it is no digest."""
_NO_SLOTS: Mapping[Basis, int] = MappingProxyType({})
_NO_VALUES: Mapping[str, JsonValue] = MappingProxyType({})
_RANK: Mapping[Basis, int] = {basis: rank for rank, basis in enumerate(Basis)}


class Found(NamedTuple):
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
    slots: Mapping[Basis, int] = _NO_SLOTS
    oldest: timedelta | None = None
    until: datetime | None = None
    values: Mapping[str, JsonValue] = _NO_VALUES
    against: tuple[str, ...] = ()
    """What of the evidence is to blame, by its names (`shared.judging.culprits`)."""
    asked: Mapping[str, JsonValue] = _NO_VALUES
    """What of the request is."""

    def fingerprint(self, policy: str, rule: str) -> str:
        """Tell this finding from others of the rule: by the policy's digest, cause, evidence looked at, and values.

        Where nothing is here it does not matter why, nor what there is of something else, but what fails and is
        merely not linked.
        """
        evidence = sorted({one.id for one in self.considered if one.refused is not Cause.NEAR_MISS})
        absent = not evidence and self.cause in _ABSENT
        cause = Cause.MISSING if absent else self.cause
        said: JsonObject = {
            "policy": policy,
            "rule": rule,
            "cause": None if cause is None else cause.value,
            "evidence": [*evidence],
            "values": {**self.values},
        }
        if absent and self.against:
            said["against"] = [*self.against]
        return digest_text(sha256(canonical(said)))

    def marks(self, policy: str, rule: str) -> tuple[str, ...]:
        """Tell what of a rule that is not met somebody must have seen, so that their yes to the release counts.

        That it is not met, whatever the cause, since evidence that is waited for has many; that it contradicts itself;
        and each thing that is to blame. So what somebody has not seen is what is among the marks and was not then.
        Of more than `MOST_MARKS` so many are told that it shows.
        """
        whole: JsonObject = {"policy": policy, "rule": rule, "open": True}
        said = [canonical({**whole, "asked": {**self.asked}})]
        if self.cause is Cause.CONTRADICTED:
            said.append(canonical({**whole, "torn": True}))
        # There may be many of these: each is `{**whole, "against": one}`, and "against" is the first of its keys.
        rest = b"," + canonical(whole)[1:]
        said += [b'{"against":' + canonical(one) + rest for one in self.against[: MOST_MARKS + 1]]
        return tuple(sorted([digest_text(sha256(one)) for one in said]))


def seeable(unmet: Mapping[str, str]) -> Mapping[str, str]:
    """Give marks, each with its rule, with one that nobody can have seen where they are more than a passport holds."""
    return unmet if len(unmet) <= MOST_MARKS else {**unmet, TOO_MANY: f"more than {MOST_MARKS} things"}


def weakest(bases: Sequence[Basis]) -> Basis:
    """Pick the basis that several things rest on together; on nothing but somebody's word if there are none."""
    if len(bases) == 1:
        return bases[0]
    return max(bases, key=_RANK.__getitem__, default=Basis.ASSERTED)
