"""One finding: what a rule found, and whether people lifted it.

Source: policy.md section 5. Invariants: a waiver lifts no rule on approvals or collection, no contradiction, and none
that its policy does not let go; an approval lifts what asks for one alone, and the very finding that it was given on;
that a policy has no rules is lifted by nobody.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from shared.judging import actions, people
from shared.judging.case import Case
from shared.judging.found import Found
from shared.judging.policy import WATCH, Approvals, Collection, Policy, Rule
from shared.judging.values import Cause, Decision, Finding
from shared.judging.words import clock, listed

_UNRULED = "no-rules"
"""What stands for the rules of a policy that has none, so that no rule of it has this id too."""

Judged = tuple[Finding, Found]


def finding(case: Case, policy: Policy, rule: Rule, found: Found) -> Judged:
    """Make the finding of a rule from what it found, and let people lift it who may."""
    is_met, of_people = found.cause is None, isinstance(rule.test, Approvals)
    for_evidence = found.cause is not Cause.CONTRADICTED and not of_people
    approvable = not is_met and for_evidence and rule.otherwise is Decision.REQUIRE_APPROVAL
    made = Finding(
        rule.id,
        rule.title,
        met=is_met,
        otherwise=rule.otherwise,
        cause=found.cause,
        reason=found.reason,
        who="" if is_met else found.who or rule.owner,
        next_action=found.action,
        considered=found.considered,
        slots={**found.slots},
        brief=found.brief,
        marks=() if is_met or of_people else found.marks(policy.digest, rule.id),
        fingerprint=found.fingerprint(policy.digest, rule.id) if approvable else "",
    )
    if is_met:
        return made, found
    waivable = rule.waivable and for_evidence and not isinstance(rule.test, Collection)
    return _lifted(case, made, found, waivable=waivable)


def watch(case: Case, found: Found) -> Judged:
    """Make the finding of a deployment whose health failed in its watch window."""
    made = Finding(
        WATCH,
        "The target stays healthy after the deployment",
        met=False,
        otherwise=Decision.ROLLBACK_RECOMMENDED,
        cause=found.cause,
        reason=found.reason,
        next_action=found.action,
        considered=found.considered,
        brief=found.brief,
        marks=found.marks("", WATCH),
    )
    return _lifted(case, made, found, waivable=found.cause is not Cause.CONTRADICTED)


def unruled(reason: str, of: str = "") -> Judged:
    """Make the finding of a policy that has no rules: it decides HOLD, like a rule that cannot be judged."""
    found = Found(
        Cause.ERROR,
        f"{reason}, so nothing lets this release go",
        reason,
        "activate a version of the policy that has rules: carnet-receiver policy check FILE",
    )
    made = Finding(
        of + _UNRULED,
        "A policy has rules",
        met=False,
        otherwise=Decision.HOLD,
        cause=found.cause,
        reason=found.reason,
        next_action=found.action,
        brief=found.brief,
        marks=found.marks("", of + _UNRULED),
    )
    return made, found


def _lifted(case: Case, open_: Finding, found: Found, *, waivable: bool) -> Judged:
    """Lift what people lifted: by a waiver, or by an approval where the rule asks for nothing more."""
    facts = case.facts
    asked: list[tuple[str, people.Votes]] = []
    if waivable:
        votes = people.waivers(facts, open_.rule, open_.otherwise)
        open_ = replace(open_, waivers_needed=votes.needed)
        asked.append(("waived", votes))
    if open_.fingerprint:
        asked.append(("approved", people.approvals_of(facts, open_.fingerprint)))
    if looked := [one for _, votes in asked for one in votes.considered]:
        open_ = replace(open_, considered=(*open_.considered, *looked))
    for word, votes in asked:
        if votes.until is not None:
            lifted = _by(open_, word, votes, votes.until, facts.now)
            return lifted, found._replace(until=votes.until)
    if open_.fingerprint:
        approve = actions.approve((open_.rule,))
        open_ = replace(open_, next_action=f"{open_.next_action}; or {approve}" if open_.next_action else approve)
    return open_, found


def _by(open_: Finding, word: str, votes: people.Votes, until: datetime, now: datetime) -> Finding:
    names = tuple(one.name for one in votes.voices)
    return replace(
        open_,
        cause=Cause.WAIVED,
        reason=f"{word} by {listed(names)} until {clock(until, now)}: {open_.reason}",
        next_action="",
        who="",
        waived_by=names,
        waived_until=until,
        slots={},
        brief=open_.brief if open_.cause is Cause.FAILED else "",
    )
