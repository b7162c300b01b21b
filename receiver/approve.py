"""Approve a release: a person's yes to the findings of one passport, signed as the receiver's record of it.

Invariants: nobody approves their own release; an approval speaks of the findings of its passport and of nothing else;
the same person's yes to the same passport is one act, however often it is said.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from receiver import persons
from receiver.core.approving import APPROVED_FOR, given_on, seen_on, until
from receiver.core.trail import Act
from receiver.keys_at_hand import RoleSigners
from receiver.persons import Case, Doing, Somebody
from receiver.store import answered, approvals, audit, passports, register
from receiver.store import approvals as approval_rows
from receiver.store.engine import Store, Tx
from shared import statement
from shared.encoding import JsonObject, digest_text
from shared.errors import Code, StateError
from shared.passports import APPROVAL, Approval
from shared.statement import subject_sha256

# Named here because whoever calls a use case looks neither below it nor into the store.
Answered: TypeAlias = answered.Answered
ApprovalRow: TypeAlias = approval_rows.ApprovalRow
Reply: TypeAlias = answered.Reply


@dataclass(frozen=True, slots=True)
class Yes:
    """What somebody says yes to: a passport, until when, and what they say about it."""

    passport_id: str
    comment: str | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Approved:
    """An approval as it stands; `created` where it is new, `successor` where the passport is no longer in force."""

    row: ApprovalRow
    created: bool
    successor: str | None


def approve(store: Store, signers: RoleSigners, yes: Yes, doing: Doing, reply: Reply[Approved]) -> Answered:
    """Approve, or find what this request was answered before.

    Raises `StateError` (`not_found`, `conflict`) for a passport that is not here, has ended, or waits for nobody;
    `UntrustedError` (`forbidden`) for whoever may not, the author above all; `MalformedError` for a time that cannot
    be, and for a key that came with another body.
    """
    workspace_id = signers.workspace_id
    return store.write(lambda tx: reply.give(tx, workspace_id, doing.now, lambda: _approve(tx, signers, yes, doing)))


def _approve(tx: Tx, signers: RoleSigners, yes: Yes, doing: Doing) -> Approved:
    workspace_id, now = signers.workspace_id, doing.now
    row = passports.get(tx, workspace_id, yes.passport_id)
    case = persons.case_of(tx, workspace_id, row)
    who = persons.approver(tx, doing, case)
    if row.valid_until <= now:
        raise StateError(Code.CONFLICT, f"{row.passport_id} has ended", "ask the gate again, and look at its answer")
    rules = given_on(case.passport)
    later = passports.at_place(tx, workspace_id, row.release_key, row.place + 1)
    successor = None if later is None else later.passport_id
    for one in approvals.of_release(tx, workspace_id, row.service, row.environment, row.digest):
        if (one.passport_id, one.email) == (row.passport_id, who.person.subject) and now < one.expires_at:
            return Approved(one, created=False, successor=successor)
    return Approved(_sign(tx, signers, yes, doing, case, who, rules), created=True, successor=successor)


def _sign(
    tx: Tx,
    signers: RoleSigners,
    yes: Yes,
    doing: Doing,
    case: Case,
    who: Somebody,
    rules: tuple[str, ...],
) -> ApprovalRow:
    workspace_id, now, row = signers.workspace_id, doing.now, case.row
    place = register.next_place(tx, workspace_id)
    findings = seen_on(case.passport)
    signed = Approval(
        audience=signers.audience,
        key_id=signers.decision.public.key_id,
        salt=doing.random(persons.SALT_BYTES).hex(),
        register_=place,
        passport_id=row.passport_id,
        passport=digest_text(case.id),
        target=case.passport.target,
        artifact=case.passport.artifact,
        rules=rules,
        findings=findings,
        comment=yes.comment,
        by=who.person,
        approved_at=now,
        expires_at=until(yes.expires_at, APPROVED_FOR, now),
    )
    envelope = statement.sign(APPROVAL, (subject_sha256(row.digest.hex()),), signed, signers.decision)
    register.add(tx, workspace_id, place.number, APPROVAL, envelope, now)
    made = ApprovalRow(
        place.number,
        envelope.id,
        row.passport_id,
        row.service,
        row.namespace,
        row.environment,
        row.digest,
        rules,
        findings,
        who.person.subject,
        who.person.role,
        who.identities,
        now,
        signed.expires_at,
    )
    approvals.add(tx, workspace_id, made)
    detail: JsonObject = {"passport": row.passport_id, "rules": [*rules], "register": place.number}
    audit.add(tx, workspace_id, Act(now, who.person.subject, "release.approve", detail, doing.origin))
    return made
