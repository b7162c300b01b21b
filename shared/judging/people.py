"""Whose yes counts: approvals and waivers for a release, by how many people, and until when.

Source: policy.md section 5. Invariants: nobody approves or waives their own release, under whatever account of theirs
and however that is written; two accounts that share a verified identity are one person; an approval lifts nothing but
the very findings that it was given on, and is for a release of which nothing has failed since; an act that has ended,
was given for something else, or by somebody who may not, never helps, and the reason why is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.judging.identities import identities_of
from shared.judging.policy import APPROVAL_AGE
from shared.judging.values import Actor, Approval, Cause, Considered, Decision, Facts, Waiver
from shared.judging.words import listed

MAX_WAIVER = timedelta(days=90)
_ROLES = frozenset({"approver", "admin"})
_TWO = frozenset({Decision.BLOCK, Decision.ROLLBACK_RECOMMENDED})


@dataclass(frozen=True, slots=True)
class Voice:
    """One person who said yes: how they are shown, when they said so, and until when it holds."""

    name: str
    at: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Votes:
    """Who said yes, one voice a person, out of how many that are needed; `until` is None while too few did."""

    voices: tuple[Voice, ...]
    needed: int
    until: datetime | None
    considered: tuple[Considered, ...]
    lapsed: int = 0
    """How many people's yes would count, had not something failed since that they did not see."""
    unseen: tuple[str, ...] = ()
    """The rules of that."""

    @property
    def enough(self) -> bool:
        """Whether as many people said yes as are needed."""
        return self.until is not None


@dataclass(frozen=True, slots=True)
class _Act:
    id: str
    by: Actor
    at: datetime
    until: datetime
    refused: str = ""
    cause: Cause = Cause.NEAR_MISS
    unseen: frozenset[str] = frozenset()


def approvals(facts: Facts, rule: str, count: int, max_age: timedelta, unmet: Mapping[str, str]) -> Votes:
    """Count the people who approved a release by a rule that asks for people; `count` is without an unknown author.

    `unmet` are the marks of what is not met, or met by a waiver alone, each with its rule: an approval counts only if
    all of that was on the passport it was given on.
    """
    acts = [
        replace(
            _approval(facts, one, max_age, on_it=rule in one.rules),
            unseen=frozenset(of for mark, of in unmet.items() if mark not in one.findings),
        )
        for one in facts.approvals
    ]
    return _count(facts, acts, count)


def approvals_of(facts: Facts, fingerprint: str) -> Votes:
    """Count the people who approved this very finding; another finding of the same rule is none of what they saw."""
    acts = [_approval(facts, one, APPROVAL_AGE, on_it=fingerprint in one.findings) for one in facts.approvals]
    return _count(facts, acts, 1)


def waivers(facts: Facts, rule: str, otherwise: Decision) -> Votes:
    """Count the people who waived `rule`: one is needed, two where it blocks or recommends to roll back."""
    acts = [act for one in facts.waivers if one.rule == rule for act in _waiver(facts, one)]
    return _count(facts, acts, 2 if otherwise in _TWO else 1)


def author_unknown(facts: Facts) -> bool:
    """Whether nobody knows whose release this is, so that one more person is needed."""
    return not facts.authors


def shown(actor: Actor) -> str:
    """Give the name under which a person is shown: an address where one is verified."""
    return min((one for one in actor.identities if "@" in one), default=actor.subject)


def _approval(facts: Facts, one: Approval, max_age: timedelta, *, on_it: bool) -> _Act:
    until = min(one.expires_at, one.at + max_age)
    refused = ""
    if one.target != facts.request.target or one.digest != facts.request.digest:
        refused = "given for another target or digest"
    elif not on_it:
        refused = "given on a passport without this finding"
    return _Act(one.id, one.by, one.at, until, refused)


def _waiver(facts: Facts, one: Waiver) -> list[_Act]:
    asked, given, refused = facts.request.target, one.target, ""
    same_place = given.service == asked.service and given.environment == asked.environment
    # A waiver names a service in an environment; where it names a namespace too, it holds for that alone.
    if not same_place or given.namespace not in {None, asked.namespace} or one.digest != facts.request.digest:
        refused = "given for another target or digest"
    elif one.expires_at - one.at > MAX_WAIVER:
        refused = f"runs for more than {MAX_WAIVER.days} days"
    return [_Act(one.id, actor, one.at, one.expires_at, refused) for actor in one.by]


def _count(facts: Facts, acts: list[_Act], count: int) -> Votes:
    needed = count + author_unknown(facts)
    if not acts:
        return Votes((), needed, None, ())
    persons = _persons([act.by for act in acts])
    own = identities_of(*facts.authors)
    best: dict[frozenset[str], Voice] = {}
    considered = []
    lapsed: dict[frozenset[str], frozenset[str]] = {}
    for act in sorted(acts, key=lambda one: (one.at, one.id, one.by.subject)):
        person = next(one for one in persons if one & _names(act.by))
        judged = _judged(act, facts.now, own=bool(person & own))
        if judged.refused is None and act.unseen:
            lapsed[person] = act.unseen
            words = f"given before this failed: {listed(sorted(act.unseen))}"
            judged = Considered(act.id, Cause.WAITING_FOR_PERSON, words)
        considered.append(judged)
        if judged.refused is None and (person not in best or best[person].until < act.until):
            best[person] = Voice(shown(act.by), act.at, act.until)
    voices = tuple(sorted(best.values(), key=lambda one: (one.at, one.name)))
    ends = sorted((one.until for one in voices), reverse=True)
    until = ends[needed - 1] if 0 < needed <= len(ends) else None
    gone = {person: unseen for person, unseen in lapsed.items() if person not in best}
    unseen = tuple(sorted(frozenset().union(*gone.values())))
    return Votes(voices, needed, until, tuple(considered), len(gone), unseen)


def _judged(act: _Act, now: datetime, *, own: bool) -> Considered:
    if act.refused:
        return Considered(act.id, act.cause, act.refused)
    if act.at > now:
        return Considered(act.id, Cause.WAITING_FOR_PERSON, "given after this was asked")
    if act.until <= now:
        return Considered(act.id, Cause.STALE, "has ended")
    if act.by.role not in _ROLES:
        return Considered(act.id, Cause.WAITING_FOR_PERSON, f"{shown(act.by)} is no approver")
    if own:
        return Considered(act.id, Cause.WAITING_FOR_PERSON, f"{shown(act.by)} is author or requester of this release")
    return Considered(act.id)


def _persons(actors: Iterable[Actor]) -> list[frozenset[str]]:
    """Put accounts that share an identity together; each person is the set of all their names."""
    found: list[frozenset[str]] = []
    for actor in actors:
        names = _names(actor)
        same = [one for one in found if one & names]
        found = [one for one in found if not one & names]
        found.append(names.union(*same))
    return found


def _names(actor: Actor) -> frozenset[str]:
    """Give all names of an account; one whose address names nobody is still somebody of their own."""
    return identities_of(actor.subject, *actor.identities) or frozenset({actor.subject})
