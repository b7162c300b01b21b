"""Evidence that is not here: whether it is on its way, stands somewhere else, was never reported, or is unknown.

Source: policy.md section 4. Which cause is told, in this order: the collector that brings exactly this lags; there is
one like it for something else; another collector that brings this type lags; it is fresh and has nothing; nobody is
known who brings it.
"""

from __future__ import annotations

from shared.judging import actions, culprits, streams
from shared.judging.case import Case
from shared.judging.found import Found
from shared.judging.near import Near, Off
from shared.judging.policy import Require
from shared.judging.values import Cause, Considered
from shared.judging.words import clock, joined, listed
from shared.predicates import ClaimType

_CONSIDERED = 20
_BY_COMMIT = frozenset(ClaimType) - {ClaimType.BUILD_PROVENANCE}
"""What is bound to a digest by its commit, so that it does not count before the two are linked."""


def absent(case: Case, test: Require, fix: str) -> Found:
    """Tell why nothing was selected for a rule, what to do about it, and what would fail if its commit were linked."""
    unlinked = [one for kind in test.types for one in case.unlinked(kind, test.name)]
    against = culprits.failing_near(unlinked, test.where, any_outcome=test.any_outcome)
    return _absent(case, test, fix)._replace(against=against)


def _absent(case: Case, test: Require, fix: str) -> Found:
    facts, name = case.facts, test.name
    what = f'no "{name}" for {actions.commit(facts.request)}' if name else f"no {_types(test)} for this digest"
    exact = [one for kind in test.types for one in streams.bringing(facts.streams, kind, name)]
    any_name = [one for kind in test.types for one in streams.bringing(facts.streams, kind, None)]
    near = [one for kind in test.types for one in case.near(kind, test)]
    considered = tuple(Considered(one.piece.id, Cause.NEAR_MISS, _words(one)) for one in near[:_CONSIDERED])
    for brings in (exact, any_name):
        lagging = [one for one in brings if streams.lagging(one)]
        if lagging and (brings is exact or not near):
            complaint = streams.on_its_way(lagging[0], facts.now)
            return Found(Cause.ON_ITS_WAY, f"{what}; {complaint.words}", action=complaint.action, considered=considered)
    make = actions.make(facts.request, test.types[0], name, signed=test.signed, fix=fix)
    link = case.link(signed=test.signed) if _BY_COMMIT.issuperset(test.types) else ""
    if near:
        reason = f"{what}; {listed([_words(one) for one in near], 1)}"
        if name and near[0].off is Off.NAME:
            make = actions.rename(name, near[0].piece.name)
        elif link and near[0].off is Off.COMMIT and _is_asked_for(case, near[0]):
            # It is all here but for what binds it.
            make = ""
        action = actions.together([make, link])
        return Found(Cause.NEAR_MISS, reason, action=action, considered=considered)
    if any_name:
        first = any_name[0]
        heard = "" if first.heard_at is None else f" (last heard {clock(first.heard_at, facts.now)})"
        reason = f"{what}; {first.name} brings it and has nothing{heard}"
        return Found(Cause.NOT_REPORTED, reason, action=actions.together([make, link]))
    reason = f"{what}, and no collector is known that brings it"
    return Found(Cause.MISSING, reason, action=actions.together([make, link]))


def _is_asked_for(case: Case, near: Near) -> bool:
    """Whether it is of the commit that the request names; of any, where it names none."""
    asked = (case.facts.request.source_sha or "").lower()
    return any(commit.startswith(asked) for commit in near.piece.commits)


def _words(near: Near) -> str:
    if near.off is Off.NAME:
        return f"there is one named {near.instead}"
    if near.instead.startswith("no "):
        return f'"{near.piece.name}" is there and names {near.instead}'
    return f'"{near.piece.name}" is there for {near.off.value} {near.instead}'


def _types(test: Require) -> str:
    return joined(test.types) if len(test.types) == 1 else f"{', '.join(test.types[:-1])} or {test.types[-1]}"
