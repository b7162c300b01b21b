"""What people may do about a decision: on what an approval is given, what can be waived, and by whom.

Pure. Source: policy.md section 5. Invariants: nobody approves or waives their own release, under whatever name of
theirs; what no waiver can lift is refused when it is asked for, and judging would not lift it either.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from receiver.core.passport import unpack
from shared.encoding import parse_object
from shared.errors import CarnetError, Code, MalformedError, StateError, UntrustedError
from shared.judging import people
from shared.judging.identities import identities_of, same_person
from shared.judging.policy import APPROVAL_AGE, WATCH, Approvals, Collection, Policy
from shared.judging.values import Decision, Facts, Mode, Request, Target, Waiver
from shared.passports import Found, Passport

APPROVED_FOR = APPROVAL_AGE
WAIVED_FOR = timedelta(hours=24)
MOST = people.MAX_WAIVER
"""How long an approval or a waiver may hold."""


def given_on(passport: Passport) -> tuple[str, ...]:
    """Name the rules that an approval on this passport speaks of; raises `StateError` where none waits for people.

    Those are what asks for approvals, and what asks for nothing else than a person's yes.
    """
    rules = tuple(dict.fromkeys(one.rule for one in passport.findings if _waits(one)))
    if not rules:
        raise StateError(
            Code.CONFLICT,
            f"nothing on {passport.passport_id} waits for an approval",
            "see its findings; what failed can be waived, rule by rule",
        )
    return rules


def lifted_by(passport: Passport) -> tuple[str, ...]:
    """Give the fingerprints of the findings that an approval on this passport lifts."""
    found = (one.fingerprint for one in passport.findings if _waits(one))
    return tuple(dict.fromkeys(one for one in found if one is not None))


def seen_on(passport: Passport) -> tuple[str, ...]:
    """Give all that whoever approves on this passport has seen: what they lift, and everything that is not met."""
    marks = (mark for one in passport.findings for mark in one.marks)
    return tuple(dict.fromkeys((*lifted_by(passport), *marks)))


def _waits(finding: Found) -> bool:
    if finding.met or finding.cause in {"waived", "contradicted"}:
        return False
    return finding.decision == Decision.REQUIRE_APPROVAL or finding.cause == "waiting_for_person"


def authors_of(docket: bytes) -> frozenset[str]:
    """Give the identities of author and requester that were known when a packed docket was judged."""
    try:
        facts = parse_object(unpack(docket)).get("facts")
        found = facts.get("authors") if isinstance(facts, dict) else None
    except (CarnetError, ValueError):
        found = None
    if not isinstance(found, list):
        raise StateError(Code.CONFLICT, "what this passport rests on is damaged", "run carnet-receiver fsck")
    return identities_of(*(str(one) for one in found))


def refuse_own(authors: frozenset[str], identities: Iterable[str]) -> None:
    """Refuse whoever wrote or asked for a release; raises `UntrustedError` (`forbidden`)."""
    own = same_person(authors, identities)
    if own:
        raise UntrustedError(
            Code.FORBIDDEN,
            f"this release is your own: you are its author or requester ({min(own)})",
            "somebody else with the role approver decides about it",
        )


def until(asked: datetime | None, usual: timedelta, now: datetime) -> datetime:
    """Say until when something holds; raises `MalformedError` (`invalid_field`) for a time that cannot be."""
    ends = now + usual if asked is None else asked
    if not now < ends <= now + MOST:
        raise MalformedError(
            Code.INVALID_FIELD, "expiresAt: it is past, or too far away", f"at most {MOST.days} days from now"
        )
    return ends


def waivable(passport: Passport, policies: Iterable[Policy], rule: str) -> Found:
    """Give the finding that a waiver would lift.

    Raises `StateError`: `not_found` for a rule that found nothing here, `conflict` for one that is met or that nobody
    can waive.
    """
    found = next((one for one in passport.findings if one.rule == rule and not one.met), None)
    if found is None:
        known = {one.rule for one in passport.findings}
        if rule in known:
            raise _conflict(f"{rule} is met", "there is nothing to waive")
        raise StateError(
            Code.NOT_FOUND,
            f"no rule {rule!r} was judged on {passport.passport_id}",
            f"one of {', '.join(sorted(known))}",
        )
    if found.cause == "contradicted":
        raise _conflict(f"{rule} is contradicted, which no waiver lifts", "clear up which of both is right")
    judged_by = tuple(policies)
    if rule != WATCH and not any(one.id == rule for policy in judged_by for one in policy.rules):
        raise _conflict(f"{rule} is no rule of a policy, so nobody waives it", found.next_action)
    for policy in judged_by:
        for one in policy.rules:
            if one.id == rule and isinstance(one.test, Approvals | Collection):
                raise _conflict(f"{rule} is about people or collection, which no waiver lifts", found.next_action)
            if one.id == rule and not one.waivable:
                raise _conflict(f"{rule} is marked as not waivable in {policy.name}", found.next_action)
    return found


def voices(
    passport: Passport, authors: frozenset[str], waivers: tuple[Waiver, ...], rule: str, now: datetime
) -> people.Votes:
    """Count who waived a rule of a release, as judging will."""
    place = passport.target
    target = Target(place.service, place.namespace, place.environment)
    request = Request(target, passport.artifact.removeprefix("sha256:"), Mode(passport.requested_mode))
    otherwise = next(Decision(one.decision) for one in passport.findings if one.rule == rule and not one.met)
    return people.waivers(Facts(request, now, waivers=waivers, authors=authors), rule, otherwise)


def _conflict(detail: str, hint: str) -> StateError:
    return StateError(Code.CONFLICT, detail, hint or None)
