"""What people's signed acts say, as judging knows it: approvals and waivers.

Pure. The one way from statements to these values, for whoever gathers facts and for whoever judges again. Invariant:
who acted, on what, and until when is what was signed; which identities of a person are verified is the receiver's word.
"""

from __future__ import annotations

from collections.abc import Iterable

from shared import passports
from shared.errors import Code, MalformedError
from shared.judging.values import Actor, Approval, Target, Waiver
from shared.passports import Place
from shared.predicates import Person
from shared.statement import Statement


def approval_of(read: Statement, identities: frozenset[str]) -> Approval:
    """Give a verified approval; `identities` are those that are verified of the person, lower-case.

    Raises `MalformedError` (`wrong_type`) for anything else. Its id is the attestation id.
    """
    content = read.as_(passports.Approval)
    return Approval(
        id=read.verified.id_text,
        target=_target(content.target),
        digest=_digits(content.artifact),
        rules=frozenset(content.rules),
        by=_actor(content.by, identities),
        at=content.approved_at,
        expires_at=content.expires_at,
        findings=frozenset(content.findings),
    )


def waiver_of(read: Statement, identities: Iterable[frozenset[str]]) -> Waiver:
    """Give a verified waiver; `identities` are those of each person that it names, in this order.

    Raises `MalformedError`: `wrong_type` for anything else, `invalid_field` where they are not as many.
    """
    content, known = read.as_(passports.Waiver), tuple(identities)
    if len(known) != len(content.by):
        raise MalformedError(Code.INVALID_FIELD, f"{len(known)} people, where a waiver names {len(content.by)}", None)
    return Waiver(
        id=read.verified.id_text,
        rule=content.rule,
        target=_target(content.target),
        digest=_digits(content.artifact),
        reason=content.reason,
        by=tuple(_actor(person, names) for person, names in zip(content.by, known, strict=True)),
        at=content.waived_at,
        expires_at=content.expires_at,
    )


def _actor(person: Person, identities: frozenset[str]) -> Actor:
    return Actor(person.subject, person.role, identities)


def _target(place: Place) -> Target:
    return Target(place.service, place.namespace, place.environment)


def _digits(artifact: str) -> str:
    return artifact.removeprefix("sha256:")
