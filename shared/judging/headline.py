"""The first sentence of an answer, how sure it is, and how bad: from the findings alone.

Source: policy.md section 4. Invariant: whatever failed is said first, also where somebody waived it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from shared.judging.values import STRENGTH, Basis, Cause, Decision, Finding
from shared.judging.words import counted, listed, sentence

WEIGHTS = {Basis.MEASURED: 1.0, Basis.CARRIED: 0.7, Basis.DECLARED: 0.7, Basis.POSTED: 0.7, Basis.ASSERTED: 0.4}
_CARE = frozenset(STRENGTH[STRENGTH.index(Decision.ALLOW_WITH_CANARY) :])
WRONG = (Cause.CONTRADICTED, Cause.FAILED)
_NOT_HERE = {
    Cause.ON_ITS_WAY: "on its way",
    Cause.NEAR_MISS: "there is one for something else",
    Cause.NOT_REPORTED: "its collector has not reported one",
    Cause.MISSING: "nobody has sent one",
    Cause.WAITING_FOR_PERSON: "a person has to say yes",
}
_DO_NOT_COUNT = {
    Cause.REVOKED: ("rests on a revoked key", "rest on a revoked key"),
    Cause.HELD: ("is held back", "are held back"),
    Cause.UNSIGNED: ("is not signed", "are not signed"),
    Cause.STALE: ("is too old", "are too old"),
}


class Confidence(NamedTuple):
    """How much of what is asked for is here, from 0 to 1, and in words."""

    share: float
    words: str


def proofs(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Give the findings that ask for a proof: a rule that only asks for care (a canary) withholds nothing."""
    return tuple(one for one in findings if not is_care(one))


def is_care(finding: Finding) -> bool:
    """Whether a rule, not met, still lets the release go."""
    return finding.otherwise in _CARE


def headline(findings: Sequence[Finding]) -> str:
    """Say in one sentence or two whether anything is wrong, and what is not here."""
    if not findings:
        return "No rule judges this release."
    asked = proofs(findings)
    wrong = [one for one in asked if one.cause in WRONG]
    errors = [one for one in asked if one.cause is Cause.ERROR]
    waived = [one for one in asked if one.cause is Cause.WAIVED]
    said = []
    if wrong or any(one.brief for one in waived):
        said.append(_wrong(wrong, waived))
    elif errors:
        said.append(_unjudged(errors))
    else:
        said.append("Nothing has failed.")
    if rest := _rest(asked):
        said.append(rest)
    if waived:
        said.append(f"{counted(len(waived), 'rule is', 'rules are')} lifted by a person.")
    if len(said) == 1 and not wrong and not errors:
        said.append(_all_here(len(asked)))
    return " ".join(said)


def confidence(findings: Sequence[Finding]) -> Confidence:
    """Weigh the slots that are filled by what fills them; a slot is weighed by its weakest basis."""
    asked = proofs(findings)
    filled = [min(one.slots, key=lambda basis: WEIGHTS[basis]) for one in asked if any(one.slots.values())]
    signed = filled.count(Basis.MEASURED)
    share = sum(WEIGHTS[basis] for basis in filled) / len(asked) if asked else 0.0
    return Confidence(round(share, 2), f"{len(filled)} of {counted(len(asked), 'proof')}, {signed} signed")


def severity(decision: Decision, findings: Iterable[Finding]) -> str:
    """Say how bad it is: none, low, medium, high or critical."""
    if decision in {Decision.BLOCK, Decision.ROLLBACK_RECOMMENDED}:
        return "critical"
    if decision is Decision.HOLD:
        wrong = any(one.cause in {*WRONG, Cause.REVOKED, Cause.ERROR} for one in findings)
        return "high" if wrong else "medium"
    return "none" if decision is Decision.ALLOW else "low"


def _unjudged(errors: Sequence[Finding]) -> str:
    if briefs := list(dict.fromkeys(one.brief for one in errors if one.brief)):
        return sentence(listed(briefs))
    return "A rule could not be judged." if len(errors) == 1 else f"{len(errors)} rules could not be judged."


def _wrong(wrong: Sequence[Finding], waived: Sequence[Finding]) -> str:
    briefs = [one.brief or f"{one.title} is not so" for one in wrong]
    briefs += [f"{one.brief}, lifted by {listed(one.waived_by)}" for one in waived if one.brief]
    return sentence(listed(list(dict.fromkeys(briefs))))


def _rest(asked: Sequence[Finding]) -> str:
    """Say of how many proofs are not here, or do not count, and why where all have the same reason."""
    if not any([one.cause for one in asked]):  # noqa: C419 - a list is faster
        return ""
    absent = [one.cause for one in asked if one.cause in _NOT_HERE]
    parts = []
    if absent:
        is_not = "is not" if len(absent) == 1 else "are not"
        parts.append(f"{len(absent)} of {counted(len(asked), 'proof')} {is_not} here yet")
        if len(set(absent)) == 1 and absent[0] is not None:
            parts[0] += f": {_NOT_HERE[absent[0]]}"
    for cause, (one, many) in _DO_NOT_COUNT.items():
        if number := sum(finding.cause is cause for finding in asked):
            of_all = str(number) if parts else f"{number} of {counted(len(asked), 'proof')}"
            parts.append(f"{of_all} {one if number == 1 else many}")
    return sentence("; ".join(parts)) if parts else ""


def _all_here(number: int) -> str:
    return {0: "No proof is asked for.", 1: "The one proof is here."}.get(number, f"All {number} proofs are here.")
