"""The rule `expect`: an expression over the request and the evidence for the digest must be exactly true.

Source: policy.md section 2. Invariants: an expression that names evidence which is not here, or which a `require` would
not count, is not met, whatever the rest of it says; it must be true however the evidence is read; what contradicts
itself among all that it names is told before all else, since no waiver goes over that.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from shared.judging import actions, culprits
from shared.judging.absent import absent
from shared.judging.asked import STANDS
from shared.judging.case import Case
from shared.judging.expressions import Outcome
from shared.judging.found import WORST, Found, weakest
from shared.judging.policy import Expect, Policy, Require, Rule
from shared.judging.required import against, contradicted, torn_links
from shared.judging.seen import Seen
from shared.judging.values import Basis, Cause, Considered, Group
from shared.judging.words import joined, listed

_SUBJECTS = {"health": "the target", "rollback": "rollback"}


def look(case: Case, policy: Policy, rule: Rule, test: Expect) -> Found:
    """Work the expression out, unless evidence that it names cannot be counted."""
    seen = Seen(case, test.asks)
    counted = [group for groups in seen.groups.values() for group in groups]
    named = counted + [group for kind in seen.asks.standing for group in case.groups(kind)]
    torn = [one for one in named if one.cause is Cause.CONTRADICTED]
    found = _uncounted(case, rule, torn) if torn else _absent(case, rule, seen, counted)
    if found is None:
        outcome = _outcome(seen, test)
        found = Found() if outcome.met else _why(case, policy, rule, seen, outcome)
    found = Found(
        found.cause,
        found.reason,
        found.brief,
        found.action,
        considered=_considered(named, found),
        slots={_basis(case, seen, counted): 1} if found.cause is None or found.cause is Cause.FAILED else {},
        oldest=max([group.age for group in counted], default=None),
        values={} if found.cause is None else seen.claims(),
        against=() if found.cause is None else _against(case, seen),
        asked={} if found.cause is None else seen.asked(),
    )
    return _with_links(case, seen, found)


def _outcome(seen: Seen, test: Expect) -> Outcome:
    """Work the expression out for every way to read the evidence, up to the first that is not met."""
    outcome = Outcome(met=True)
    for names in seen.ways():
        outcome = test.expression.evaluate(names, cut=seen.cut)
        if not outcome.met:
            break
    return outcome


def _with_links(case: Case, seen: Seen, found: Found) -> Found:
    """Tell first what contradicts itself in what binds evidence, and where the expression asks for it in any."""
    if found.cause is not None and seen.asks.peace and case.contradictions:
        return _torn(case, found, case.contradictions)
    if found.cause is not None and seen.asks.links and case.torn_links:
        return _torn(case, found, case.torn_links)
    return torn_links(case, seen.groups, found)


def _torn(case: Case, found: Found, said: Sequence[str]) -> Found:
    if found.cause is Cause.CONTRADICTED:
        return found
    torn = contradicted(case, said, found.considered)
    return torn._replace(oldest=found.oldest, against=found.against, asked=found.asked)


def _against(case: Case, seen: Seen) -> tuple[str, ...]:
    """Name what of the evidence is to blame."""
    counted = [group for groups in seen.groups.values() for group in groups]
    standing = [group for kind in seen.asks.standing for group in case.groups(kind)]
    near = [one for kind, groups in seen.groups.items() if not groups for one in case.unlinked(kind)]
    return culprits.unmet(case.known, counted, standing, near)


def _absent(case: Case, rule: Rule, seen: Seen, counted: list[Group]) -> Found | None:
    """Say what is not here, or does not count, of what is named; the worst of it."""
    gone = [absent(case, Require((kind,)), rule.fix) for kind, groups in seen.groups.items() if not groups]
    if bad := _uncounted(case, rule, counted):
        gone.append(bad)
    if not gone:
        return None
    gone.sort(key=lambda one: _rank(one.cause))
    return gone[0]._replace(action=actions.together(one.action for one in gone))


def _uncounted(case: Case, rule: Rule, groups: Iterable[Group]) -> Found | None:
    """Say why what is here is not what a bare `require` would count."""
    bad = [one for one in groups if one.cause is not None]
    if not bad:
        return None
    group = min(bad, key=lambda one: _rank(one.cause))
    if group.cause is Cause.CONTRADICTED:
        told = against(group)
        action = case.agree([one.detail for one in bad if one.cause is Cause.CONTRADICTED])
        brief = f"the evidence contradicts itself: {group.name}"
        return Found(Cause.CONTRADICTED, told, brief, action, considered=_of(group))
    action = actions.together(_action(case, rule, one) for one in sorted(bad, key=lambda one: _rank(one.cause)))
    return Found(group.cause, against(group), action=action, considered=_of(group))


def _action(case: Case, rule: Rule, group: Group) -> str:
    kind, name = group.type, group.name
    match group.cause:
        case Cause.HELD:
            return actions.release(case.held(group))
        case Cause.ON_ITS_WAY:
            return case.waiting_for(kind, name)
        case Cause.REVOKED:
            return actions.collect_again(kind, name, rule.fix)
        case Cause.STALE:
            return actions.renew(case.facts.request, kind, name, rule.fix)
        case _:
            return rule.fix


def _rank(cause: Cause | None) -> int:
    return len(WORST) if cause is None else WORST.index(cause)


def _of(group: Group) -> tuple[Considered, ...]:
    """List what was looked at of a group that does not count."""
    return tuple(
        one if one.refused is not None or group.cause is None else Considered(one.id, group.cause, group.detail)
        for one in group.considered
    )


def _why(case: Case, policy: Policy, rule: Rule, seen: Seen, outcome: Outcome) -> Found:
    """Tell why an expression is not met, in the words of what it names."""
    if seen.asks.links and not case.linked:
        digest = case.facts.request.digest
        words = f"nothing links {digest[:12]} to a commit"
        return Found(Cause.MISSING, words, action=rule.fix or actions.link(digest))
    if outcome.is_false:
        no = [kind for kind, field in seen.asks.fields if case.word(kind, field).value is False]
        action = rule.fix or f"make it so, then ask again: {rule.title}"
        words = joined([_stands(case, kind) for kind in dict.fromkeys(no)])
        return Found(Cause.FAILED, words or outcome.reason, words or f"{rule.title}: no", action)
    if unknown := [one for one in seen.asks.fields if case.word(*one).value is None]:
        return _unsaid(case, rule, unknown)
    way = actions.repair if seen.groups else actions.state
    return Found(Cause.ERROR, outcome.reason, action=way(policy.name, rule.id))


def _unsaid(case: Case, rule: Rule, unknown: list[tuple[str, str]]) -> Found:
    """Tell that nobody says, or nobody said lately, how the target stands."""
    what = listed([f"{kind}.{field}" for kind, field in unknown])
    action = rule.fix or f"say {what} in the request, or post evidence on it: carnet evidence"
    for kind, field in unknown:
        if found := _uncounted(case, rule, case.word(kind, field).refused):
            return found._replace(action=action) if found.cause is Cause.STALE else found
    return Found(Cause.MISSING, f"nothing says {what}", action=action)


def _stands(case: Case, kind: str) -> str:
    """Say how the target stands: "rollback is available, not verified"."""
    known = [(field, case.word(kind, field).value) for field in STANDS[kind]]
    words = ", ".join(field if value else f"not {field}" for field, value in known if value is not None)
    return f"{_SUBJECTS[kind]} is {words}"


def _basis(case: Case, seen: Seen, groups: list[Group]) -> Basis:
    """Say on what the answer rests: the weakest of the proofs that are named; what only asks does not count."""
    bases = [group.weakest for group in groups]
    bases += [case.word(kind, field).basis for kind, field in seen.asks.fields]
    if seen.asks.links or seen.asks.peace:
        bases.append(case.link_basis)
    return weakest(bases)


def _considered(named: Sequence[Group], found: Found) -> tuple[Considered, ...]:
    """List all that was looked at, whatever is told first: what an approval rests on is all of it."""
    if len(named) == 1 and not found.considered:
        return named[0].considered
    looked = {one.id: one for group in named for one in group.considered}
    looked |= {one.id: one for one in found.considered}
    return tuple(looked[one] for one in sorted(looked))
