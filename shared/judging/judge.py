"""May this release go? One pure function from facts and policies to the whole answer.

Source: policy.md sections 3 and 4. Invariants: the strongest finding of any policy wins; a policy without rules decides
HOLD, whatever others beside it do; nothing but a rule that is met, or that people lifted as they may, ever stops
speaking against a release; a caller never gets a weaker mode than the configured one. The same inputs give the same
answer, in whatever order facts come.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from shared.judging import rules, streams
from shared.judging.ageing import skew
from shared.judging.baseline import VERSION as BUILT_IN
from shared.judging.case import Case
from shared.judging.findings import Judged, finding, unruled, watch
from shared.judging.found import MOST_MARKS, seeable
from shared.judging.headline import confidence, headline, severity
from shared.judging.policy import UNDECIDED, VALIDITY, Approvals, Policy, Rule
from shared.judging.scope import nearest
from shared.judging.values import STRENGTH, Cause, Decision, Facts, Finding, Judgement, Mode
from shared.judging.words import counted, listed, span

_OfPeople = dict[int, tuple[Policy, Rule]]
"""The rules that ask for people, by where their findings stand."""
_MODES = tuple(Mode)
_SKEW = timedelta(minutes=1)
"""Clocks that are off by less are not worth a warning."""


def judge(facts: Facts, policies: tuple[Policy, ...], warnings: tuple[str, ...] = ()) -> Judgement:
    """Judge a release by all rules of the policies, the configured one first; `policy/id` names a rule of the others.

    `warnings` are what the caller knows beside the facts, such as that no policy covers the service; they lead those
    that come up here. Raises whatever goes wrong: `undecided` makes of it the HOLD that it is.
    """
    case = Case(facts)
    judged = _judged(case, policies)
    findings = _signable([finding for finding, _ in judged])
    decision = decide(findings)
    mode = _mode(facts, policies)
    share, words = confidence(findings)
    ages = [found.oldest for _, found in judged if found.oldest is not None]
    validity = min((policy.validity for policy in policies), default=VALIDITY)
    ends = [found.until for _, found in judged if found.until is not None]
    return Judgement(
        decision=decision,
        proceed=proceeds(decision, mode, canary=facts.request.canary),
        mode=mode,
        requested_mode=facts.request.mode,
        headline=headline(findings),
        severity=severity(decision, findings),
        confidence=share,
        confidence_words=words,
        findings=findings,
        warnings=(*warnings, *_warnings(facts, policies, mode, findings)),
        policies=tuple(policy.ref for policy in policies),
        oldest_evidence_seconds=int(max(ages).total_seconds()) if ages else None,
        stale=tuple(one.rule for one in findings if one.cause is Cause.STALE),
        evaluated_at=facts.now,
        valid_until=min([facts.now + validity, *ends]),
    )


def undecided(
    facts: Facts,
    policies: tuple[Policy, ...],
    reason: str,
    warnings: tuple[str, ...] = (),
    action: str | None = None,
) -> Judgement:
    """Give the HOLD of a release that could not be judged, for the one caller that catches.

    `reason` is shown, and `action` where it is known what to do about it.
    """
    open_ = Finding(
        UNDECIDED,
        "This release can be judged",
        met=False,
        otherwise=Decision.HOLD,
        cause=Cause.ERROR,
        reason=reason,
        who="the receiver's operator",
        next_action=action or "look for this request in the receiver's log, then ask again",
    )
    held = judge(facts=Facts(facts.request, facts.now), policies=(), warnings=warnings)
    mode = _mode(facts, policies)
    return replace(
        held,
        mode=mode,
        proceed=proceeds(Decision.HOLD, mode, canary=False),
        headline=headline((open_,)),
        severity=severity(Decision.HOLD, (open_,)),
        findings=(open_,),
        warnings=warnings,
        policies=tuple(policy.ref for policy in policies),
    )


def decide(findings: Iterable[Finding]) -> Decision:
    """Take the strongest of the findings that speak against the release; without any finding at all: HOLD."""
    found = tuple(findings)
    return _strongest(one for one in found if not one.lifted) if found else Decision.HOLD


def proceeds(decision: Decision, mode: Mode, *, canary: bool) -> bool:
    """Say whether the calling pipeline goes on; nothing else ever rests on this."""
    if mode is Mode.ENFORCE:
        return decision is Decision.ALLOW or (decision is Decision.ALLOW_WITH_CANARY and canary)
    return True


def smallest(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Give the smallest set of findings that, once met, changes the decision: all that are as strong as it.

    Empty where nothing speaks against the release.
    """
    open_ = tuple(one for one in findings if not one.lifted)
    return tuple(one for one in open_ if one.otherwise is _strongest(open_))


def _judged(case: Case, policies: Sequence[Policy]) -> list[Judged]:
    """Find what each rule of each policy finds, in their order; what people sign is judged by all the rest."""
    found: list[Judged] = []
    of_people: _OfPeople = {}
    for policy in policies:
        beside = policy is not policies[0]
        for rule in (policy.ids_beside() if beside else policy).rules:
            if isinstance(rule.test, Approvals):
                of_people[len(found)] = policy, rule
            found.append(finding(case, policy, rule, rules.look(case, policy, rule, {})))
        if not policy.rules:
            found.append(unruled(f"the policy {policy.name} has no rules", of=f"{policy.name}/" if beside else ""))
    if not policies:
        found.append(unruled("no policy judges this release"))
    if (health := rules.watched(case)) is not None:
        found.append(watch(case, health))
    unmet = {mark: one.rule for one, _ in found for mark in one.marks}
    for at, (policy, rule) in of_people.items() if unmet else ():
        found[at] = finding(case, policy, rule, rules.look(case, policy, rule, seeable(unmet)))
    return _with_then(case, found, of_people, unmet)


def _signable(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Cut the marks so that a passport holds them: where there are more, no yes to the release counts anyway."""
    if sum([len(one.marks) for one in findings]) <= MOST_MARKS:
        return tuple(findings)
    each = MOST_MARKS // len(findings)
    return tuple(replace(one, marks=one.marks[:each]) for one in findings)


def _strongest(findings: Iterable[Finding]) -> Decision:
    return min((one.otherwise for one in findings), key=STRENGTH.index, default=Decision.ALLOW)


def _with_then(case: Case, found: Sequence[Judged], of_people: _OfPeople, unmet: Mapping[str, str]) -> list[Judged]:
    """Add what the decision becomes once each one that is open is met: then what people signed may count again."""
    open_ = {at: one for at, (one, _) in enumerate(found) if not one.lifted}
    waits = {at: of_people[at] for at in open_ if at in of_people}

    def then(at: int) -> Decision:
        marks = open_[at].marks if waits else ()
        freed: set[int] = set()
        # While more is left than a passport holds no yes counts, so nobody need be asked.
        if marks and len(unmet) - len(marks) <= MOST_MARKS:
            rest = seeable(_without(unmet, marks))
            freed = {other for other, asked in waits.items() if rules.look(case, *asked, rest).cause is None}
        return _strongest(one for other, one in open_.items() if other != at and other not in freed)

    return [
        (replace(one, then_decision=then(at)), its) if at in open_ else (one, its)
        for at, (one, its) in enumerate(found)
    ]


def _without(unmet: Mapping[str, str], marks: Iterable[str]) -> Mapping[str, str]:
    rest = {**unmet}
    for mark in marks:
        rest.pop(mark, None)
    return rest


# --- the whole ---


def _mode(facts: Facts, policies: Sequence[Policy]) -> Mode:
    """Take the strictest of what is asked for and configured; without any policy, the strictest there is."""
    if not policies:
        return Mode.ENFORCE
    return max((facts.request.mode, *(policy.mode for policy in policies)), key=_MODES.index)


def _warnings(facts: Facts, policies: Sequence[Policy], mode: Mode, findings: Sequence[Finding]) -> list[str]:
    found = []
    asked, target = facts.request.mode, facts.request.target
    if any(policy.version == BUILT_IN for policy in policies):
        alike = listed([f"{one.service} in {one.environment}" for one in nearest(target, facts.known_targets)])
        spelt = f"; spelt alike: {alike}" if alike else ""
        found.append(f"no_policy: no policy covers {target.service} in {target.environment}{spelt}")
    bare = [policy.name for policy in policies if not policy.rules]
    found += [f"no_rules: {name} has no rules, so it decides HOLD; activate a version that has some" for name in bare]
    if _MODES.index(asked) < _MODES.index(mode):
        found.append(f"weaker_mode: {asked.value} was asked for, {mode.value} is configured")
    decision = decide(findings)
    if mode is Mode.ADVISORY and decision is not Decision.ALLOW:
        found.append(f"advisory: the pipeline goes on; in enforce the answer would be {decision.value}")
    lost = [one for one in streams.feeding(facts.streams) if one.closed]
    found += [f"known_lost: {counted(one.closed, 'entry', 'entries')} of {one.name} will not come" for one in lost]
    return found + _skewed(facts, findings)


def _skewed(facts: Facts, findings: Sequence[Finding]) -> list[str]:
    """Say whose clocks are ahead, of what helped; what they say about time counts as the time of receipt."""
    early = [one for one in facts.evidence if one.observed_at > one.received_at and skew(one) >= _SKEW]
    if not early:
        return []
    helped = {one.id for finding in findings for one in finding.considered if one.refused is None}
    ahead: dict[str, timedelta] = {}
    for piece in early:
        if piece.id in helped:
            who = piece.collector or piece.source or piece.name
            ahead[who] = max(skew(piece), ahead.get(who, _SKEW))
    return [f"skew: the clock of {who} is {span(by)} ahead of ours" for who, by in sorted(ahead.items())]
