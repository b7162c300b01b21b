"""The rule `require`: first the groups are selected, then each must hold; nothing older stands in for what does not.

Source: policy.md section 2. Invariants: what speaks against a group is told before what is only lacking in it; what
contradicts itself, the links of the digest among it, is told before all else, since no waiver goes over that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from shared.encoding import JsonObject
from shared.errors import Code
from shared.judging import actions, culprits
from shared.judging.absent import absent
from shared.judging.alone import alone
from shared.judging.case import Case
from shared.judging.expressions import Expression
from shared.judging.found import WORST, Found, weakest
from shared.judging.names import RUNTIME
from shared.judging.policy import Policy, Require, Rule
from shared.judging.values import Cause, Considered, Group
from shared.judging.words import counted, joined, listed, span
from shared.predicates import ClaimType

_SHOWN = 3
_HELD: Mapping[str, str] = {
    Code.KEY_REVOKED: "its key was revoked",
    Code.KEY_RETIRED: "its key was retired before it came",
    Code.FORKED: "its stream parted in two, and nobody knows yet which is the true one",
    Code.NOT_UNDERSTOOD: "this receiver does not understand its predicate type yet",
}
"""Why evidence is held, in words."""


class _Flaw(NamedTuple):
    """What is wrong with one group; `beside` is what else is, less bad, which stays if this alone is mended."""

    group: Group
    cause: Cause
    words: str
    beside: frozenset[Cause] = frozenset()


def look(case: Case, policy: Policy, rule: Rule, test: Require) -> Found:
    """Select the groups that the rule covers, and test each."""
    return torn_links(case, test.types, _look(case, policy, rule, test))


def torn_links(case: Case, kinds: Iterable[str], found: Found) -> Found:
    """Tell that the links of the digest contradict each other, where a rule names what they bind."""
    if not case.torn_links or found.cause is Cause.CONTRADICTED or RUNTIME.issuperset(kinds):
        return found
    torn = contradicted(case, case.torn_links, found.considered)
    action = actions.together([torn.action, found.action])
    return torn._replace(action=action, oldest=found.oldest, against=found.against, asked=found.asked)


def contradicted(case: Case, details: Sequence[str], considered: tuple[Considered, ...] = ()) -> Found:
    """Tell that evidence, or what binds it, contradicts itself."""
    said = listed(details)
    brief = f"the evidence contradicts itself: {said}"
    return Found(Cause.CONTRADICTED, said, brief, case.agree(details), considered=considered)


def _look(case: Case, policy: Policy, rule: Rule, test: Require) -> Found:
    selected = [group for kind in test.types for group in case.groups(kind, test)]
    if not selected:
        return absent(case, test, rule.fix)
    flaws = [flaw for group in selected if (flaw := _flaw(group, test)) is not None]
    basis = weakest([group.weakest for group in selected])
    considered = _considered(selected, flaws)
    if not flaws:
        oldest = max([group.age for group in selected])
        return Found(considered=considered, slots={basis: 1}, oldest=oldest)
    flaws.sort(key=lambda flaw: (WORST.index(flaw.cause), flaw.group.type, flaw.group.name))
    told = flaws[0]
    others = [f'"{flaw.group.name}"' for flaw in flaws[1:]]
    same = [flaw.group for flaw in flaws if flaw.cause is told.cause]
    return Found(
        told.cause,
        told.words + (f"; nor does {listed(others)} hold" if others else ""),
        brief=_brief(told.cause, same),
        action=actions.together(one for flaw in flaws for one in _actions(case, policy, rule, flaw)),
        considered=considered,
        slots={basis: 1} if told.cause is Cause.FAILED else {},
        oldest=max(group.age for group in selected),
        against=culprits.failing(case.known, selected, test.where, any_outcome=test.any_outcome),
    )


def failures(groups: Sequence[Group]) -> str:
    """Say in a few words what failed: "3 tests failed", "2 critical findings"."""
    parts = []
    tests = sum(_count(one, "failed") + _count(one, "errors") for one in groups if one.type == ClaimType.TEST_RESULTS)
    if tests:
        parts.append(f"{counted(tests, 'test')} failed")
    scans = [one for one in groups if one.type == ClaimType.SECURITY_SCAN]
    found = {severity: sum(_count(one, severity) for one in scans) for severity in ("critical", "high")}
    parts += [counted(number, f"{severity} finding") for severity, number in found.items() if number]
    if parts:
        return joined(parts)
    return joined([f'{one.type} "{one.name}" {_did_not(one)}' for one in groups[:_SHOWN]])


def against(group: Group) -> str:
    """Say what speaks against a group as a whole, whatever a rule asks."""
    return f'"{group.name}": {_HELD.get(group.detail, group.detail) or "it does not count"}'


def _did_not(group: Group) -> str:
    coverage = group.counts.get("coverage")
    if group.type == ClaimType.COVERAGE and isinstance(coverage, int | float):
        return f"is {coverage:g} percent"
    if group.counts.get("unreadable") is not None:
        return "could not be read to its end"
    return "did not pass"


def _flaw(group: Group, test: Require) -> _Flaw | None:
    """Give the worst that is wrong with a group, None if it holds."""
    flaws: list[_Flaw] = []
    if not group.passed and not test.any_outcome:
        flaws.append(_Flaw(group, Cause.FAILED, _failed(group)))
    if test.signed and not group.signed:
        words = f'"{group.name}" is {group.weakest.value}, not signed by a collector'
        if all(piece.signed for piece in group.members):
            words = f'"{group.name}" is signed; what links its commit to the digest was posted'
        flaws.append(_Flaw(group, Cause.UNSIGNED, words))
    limit = test.age_of(group.type)
    if limit is not None and group.age > limit:
        flaws.append(_Flaw(group, Cause.STALE, f'"{group.name}" is {span(group.age)} old, more than {span(limit)}'))
    if group.cause is not None:
        flaws.append(_Flaw(group, group.cause, against(group)))
    if test.where is not None:
        flaws.extend(_where(group, test.where))
    if not flaws:
        return None
    worst = min(flaws, key=lambda flaw: WORST.index(flaw.cause))
    return worst._replace(beside=frozenset(flaw.cause for flaw in flaws) - {worst.cause})


def _where(group: Group, where: Expression) -> Iterator[_Flaw]:
    """Say what an expression has against a group, however it is read."""
    for reading in group.readings:
        said: JsonObject = {"evidence": reading.counts, "group": {"size": reading.size}}
        outcome = where.evaluate(said, cut=group.cut)
        if not outcome.met:
            cause = Cause.FAILED if outcome.is_false else Cause.ERROR
            yield _Flaw(group, cause, f'"{group.name}": {outcome.reason}')


def _failed(group: Group) -> str:
    failed = group.counts.get("failedTests")
    names = [one for one in failed if isinstance(one, str)] if isinstance(failed, list) else []
    said = failures([group])
    where = "" if f'"{group.name}"' in said else f' in "{group.name}"'
    return said + where + (f": {listed(names)}" if names else "")


def _brief(cause: Cause, groups: Sequence[Group]) -> str:
    if cause is Cause.FAILED:
        return failures(groups)
    if cause is Cause.CONTRADICTED:
        return f"the evidence contradicts itself: {listed([f'{one.name}' for one in groups])}"
    return ""


def _count(group: Group, name: str) -> int:
    value = group.counts.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _actions(case: Case, policy: Policy, rule: Rule, flaw: _Flaw) -> Iterator[str]:
    """Say what to do about a group, one step each; a new report that nobody signs would be no better."""
    request, kind, name = case.facts.request, flaw.group.type, flaw.group.name
    by_cause = {
        Cause.CONTRADICTED: lambda: case.agree([flaw.group.detail]),
        Cause.FAILED: lambda: _mend(case, rule, flaw.group),
        Cause.REVOKED: lambda: actions.collect_again(kind, name, rule.fix),
        Cause.HELD: lambda: actions.release(case.held(flaw.group)),
        Cause.ERROR: lambda: actions.repair(policy.name, rule.id),
        Cause.STALE: lambda: actions.renew(request, kind, name, rule.fix),
        Cause.ON_ITS_WAY: lambda: case.waiting_for(kind, name),
    }
    if flaw.cause in by_cause:
        yield by_cause[flaw.cause]()
    if flaw.cause is Cause.CONTRADICTED and flaw.group.detail in case.torn_links and Cause.FAILED in flaw.beside:
        yield by_cause[Cause.FAILED]()
    if Cause.UNSIGNED in {flaw.cause, *flaw.beside}:
        if not all(piece.signed for piece in flaw.group.members):
            yield actions.sign(name)
        if flaw.cause is not Cause.HELD and not all(piece.digests for piece in flaw.group.members):
            yield case.link(signed=True)


def _mend(case: Case, rule: Rule, group: Group) -> str:
    for piece in (*group.members, *group.doubted):
        if piece.source_key == piece.id and piece.run is None and not alone(piece).is_good:
            return actions.rebuild(group.name)
    posted = [one for one in (*group.members, *group.doubted) if not one.by_collector and not alone(one).is_good]
    if posted and not rule.fix and group.type != ClaimType.SECURITY_SCAN:
        return actions.mend_posted(case.facts.request, group.name)
    return actions.mend(case.facts.request, group.type, group.name, rule.fix)


def _considered(groups: Sequence[Group], flaws: Sequence[_Flaw]) -> tuple[Considered, ...]:
    """List every piece that was looked at, and why it does not help: for itself, or with its group."""
    flawed = {id(flaw.group): flaw for flaw in flaws}
    found: list[Considered] = []
    for group in groups:
        flaw = flawed.get(id(group))
        if flaw is None:
            found += group.considered
        else:
            found += [
                Considered(one.id, flaw.cause, flaw.words) if one.refused is None else one for one in group.considered
            ]
    return tuple(found)
