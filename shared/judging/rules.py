"""One rule of a policy, looked at: evidence, expressions, approvals, streams; and health in the watch window.

Source: policy.md sections 2, 3 and 5.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import assert_never

from shared.encoding import JsonObject
from shared.judging import actions, culprits, expected, people, required, streams
from shared.judging.alone import alone
from shared.judging.case import Case
from shared.judging.found import TOO_MANY, WORST, Found
from shared.judging.ordering import moment
from shared.judging.policy import Approvals, Collection, Expect, Policy, Require, Rule
from shared.judging.values import Basis, Cause, Considered, Piece
from shared.judging.words import counted, listed

_PERSON_SHOWN = 2


def look(case: Case, policy: Policy, rule: Rule, unmet: Mapping[str, str]) -> Found:
    """Say what a rule finds, before any waiver.

    `unmet` are the marks of what is not met of all rules that do not ask for people, each with its rule.
    """
    test = rule.test
    match test:
        case Require():
            return required.look(case, policy, rule, test)
        case Expect():
            return expected.look(case, policy, rule, test)
        case Approvals():
            return _approvals(case, rule, test, unmet)
        case Collection():
            return _collection(case, test)
        case _:
            assert_never(test)


def watched(case: Case) -> Found | None:
    """Say what speaks against a deployment that is watched: health that failed in its window; None if nothing does."""
    deployed = case.facts.deployed
    if deployed is None:
        return None
    bad: list[Piece] = []
    torn = False
    for group in case.groups("health"):
        denied = {one.id for one in group.considered if one.refused is Cause.CONTRADICTED}
        found = [
            piece
            for piece in (*group.members, *group.doubted)
            if (piece.id in denied or _is_unhealthy(piece))
            and timedelta(0) <= moment(piece) - deployed.at <= deployed.window
        ]
        bad += found
        torn = torn or (bool(found) and group.cause is Cause.CONTRADICTED)
    if not bad:
        return None
    names = listed(sorted({f'"{one.name}"' for one in bad}))
    cause = Cause.CONTRADICTED if torn else Cause.FAILED
    considered = tuple(Considered(one.id, cause) for one in sorted(bad, key=lambda one: one.id))
    brief = f"health failed after the deployment: {names}"
    action = "roll back to the release before it, or mend the target"
    return Found(cause, brief, brief, action, considered=considered, against=culprits.names(bad))


def _is_unhealthy(piece: Piece) -> bool:
    return not piece.passed or alone(piece).said.get("ready") not in {None, True}


def _approvals(case: Case, rule: Rule, test: Approvals, unmet: Mapping[str, str]) -> Found:
    facts = case.facts
    votes = people.approvals(facts, rule.id, test.count, test.max_age, unmet)
    if votes.enough:
        return Found(considered=votes.considered, slots={Basis.MEASURED: 1}, until=votes.until)
    who = listed([f"{one.name} {one.at:%H:%M}" for one in votes.voices], _PERSON_SHOWN)
    reason = f"{len(votes.voices)} of {counted(votes.needed, 'approval')}" + (f" ({who})" if who else "")
    if votes.lapsed:
        reason += f"; {votes.lapsed} given before this failed: {listed(votes.unseen)}"
    action = actions.approve((rule.id,))
    if TOO_MANY in unmet:
        reason += f"; no approval counts while {unmet[TOO_MANY]} fail, since no passport tells so many"
        action = "first mend most of what fails, as the other rules say"
    if people.author_unknown(facts):
        reason += "; author unknown, so one more is needed"
    return Found(
        Cause.WAITING_FOR_PERSON,
        reason,
        action=action,
        who=an_approver(case),
        considered=votes.considered,
    )


def an_approver(case: Case) -> str:
    """Say who may approve or waive: not the author."""
    authors = sorted(case.facts.authors, key=lambda one: ("@" not in one, one))
    return f"an approver other than {listed(authors[:1])}" if authors else "an approver"


def _collection(case: Case, test: Collection) -> Found:
    facts = case.facts
    wrong = streams.complaints(facts.streams, test.collectors, test.max_heartbeat_age, facts.now)
    found = sorted(wrong, key=lambda one: WORST.index(one.cause))
    looked = streams.looked_at(facts.streams, test.collectors)
    considered = tuple(
        Considered(one.stream, *next(((bad.cause, bad.words) for bad in found if bad.stream is one), (None, "")))
        for one in looked
    )
    if not found:
        return Found(considered=considered, slots={Basis.MEASURED: 1})
    told, more = found[0], len(found) - 1
    reason = told.words + (f"; and {counted(more, 'thing')} more" if more else "")
    brief = told.words if told.cause is Cause.CONTRADICTED else ""
    values: JsonObject = {one.stream: [one.lacking, one.abandoned] for one in looked}
    torn = tuple(one.stream for one in looked if one.forked)
    action = actions.together(one.action for one in found)
    return Found(told.cause, reason, brief, action, considered=considered, values=values, against=torn)
