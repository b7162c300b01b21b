"""Waive a rule for one release: one signed statement a person, which holds once enough people made one.

Invariants: nobody waives for their own release; what no waiver lifts is refused here; how many people are needed is
counted as judging counts it, so two who waive a blocking rule make two statements that name the same rule, release and
digest.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from receiver import persons
from receiver.core import approving
from receiver.core.approving import WAIVED_FOR, until
from receiver.core.passport import release_key
from receiver.core.trail import Act
from receiver.keys_at_hand import RoleSigners
from receiver.persons import Case, Doing, Somebody
from receiver.store import answered, audit, gate_people, passports, policies, register, waivers
from receiver.store import waivers as waiver_rows
from receiver.store.engine import Store, Tx
from receiver.store.passports import PassportRow
from receiver.store.waivers import Waiving
from shared import statement
from shared.encoding import JsonObject
from shared.errors import Code, StateError
from shared.judging import baseline
from shared.judging.policy import Policy
from shared.judging.policyfile import read_policy
from shared.judging.values import Mode, Target
from shared.passports import WAIVER
from shared.passports import Waiver as Signed
from shared.statement import subject_sha256

# Named here because whoever calls a use case looks neither below it nor into the store.
Answered: TypeAlias = answered.Answered
Reply: TypeAlias = answered.Reply
WaiverRow: TypeAlias = waiver_rows.WaiverRow


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rule is not to count, for which digest (hex) at which target, why, and until when."""

    rule: str
    target: Target
    digest: str
    reason: str
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Waived:
    """A waiver as it stands: how many people are needed, who has waived so far, and until when enough of them did."""

    row: WaiverRow
    passport_id: str
    created: bool
    needed: int
    by: tuple[str, ...]
    until: datetime | None


def waive(store: Store, signers: RoleSigners, wanted: Wanted, doing: Doing, reply: Reply[Waived]) -> Answered:
    """Waive, or find what this request was answered before.

    Raises `StateError` (`not_found`, `conflict`) where nothing was decided for this release, the rule is not among its
    findings, is met, or can be waived by nobody; `UntrustedError` (`forbidden`) for whoever may not, the author above
    all; `MalformedError` for a time that cannot be, and for a key that came with another body.
    """
    workspace_id = signers.workspace_id
    return store.write(lambda tx: reply.give(tx, workspace_id, doing.now, lambda: _waive(tx, signers, wanted, doing)))


def _waive(tx: Tx, signers: RoleSigners, wanted: Wanted, doing: Doing) -> Waived:
    workspace_id, now = signers.workspace_id, doing.now
    row = passports.in_force(tx, workspace_id, release_key(wanted.target, wanted.digest))
    if row is None:
        raise StateError(
            Code.NOT_FOUND, "nothing was decided for this digest at this target", "ask the gate first: carnet gate"
        )
    case = persons.case_of(tx, workspace_id, row)
    who = persons.approver(tx, doing, case)
    approving.waivable(case.passport, _policies(tx, workspace_id, case), wanted.rule)
    ends = until(wanted.expires_at, WAIVED_FOR, now)
    made = _before(tx, workspace_id, row, wanted, who, ends, now)
    created = made is None
    if made is None:
        made = _sign(tx, signers, wanted, doing, case, who, ends)
    standing = gate_people.waivers(tx, workspace_id, row.digest, now)
    votes = approving.voices(case.passport, case.authors, standing, wanted.rule, now)
    names = tuple(one.name for one in votes.voices)
    return Waived(made, row.passport_id, created, votes.needed, names, votes.until)


def _policies(tx: Tx, workspace_id: str, case: Case) -> list[Policy]:
    """Give the policies that a passport was judged by."""
    passport = case.passport
    return [
        baseline.baseline(Mode(passport.mode))
        if one.version == baseline.VERSION
        else read_policy(policies.text_of(tx, workspace_id, one.name, one.version).encode(), one.version)
        for one in passport.policies
    ]


def _before(
    tx: Tx, workspace_id: str, row: PassportRow, wanted: Wanted, who: Somebody, ends: datetime, now: datetime
) -> WaiverRow | None:
    """Find the waiver of the same person that holds as long: the same again is answered, and changes nothing."""
    for one in waivers.of_release(tx, workspace_id, row.service, row.environment, row.digest):
        same = (one.rule, one.namespace) == (wanted.rule, row.namespace)
        mine = who.person.subject in {by.subject for by in one.by}
        if same and mine and (ends <= one.expires_at or (wanted.expires_at is None and now < one.expires_at)):
            return one
    return None


def _sign(
    tx: Tx,
    signers: RoleSigners,
    wanted: Wanted,
    doing: Doing,
    case: Case,
    who: Somebody,
    ends: datetime,
) -> WaiverRow:
    workspace_id, now, row = signers.workspace_id, doing.now, case.row
    place = register.next_place(tx, workspace_id)
    signed = Signed(
        audience=signers.audience,
        key_id=signers.decision.public.key_id,
        salt=doing.random(persons.SALT_BYTES).hex(),
        register_=place,
        rule=wanted.rule,
        target=case.passport.target,
        artifact=case.passport.artifact,
        reason=wanted.reason,
        by=(who.person,),
        waived_at=now,
        expires_at=ends,
    )
    envelope = statement.sign(WAIVER, (subject_sha256(wanted.digest),), signed, signers.decision)
    register.add(tx, workspace_id, place.number, WAIVER, envelope, now)
    made = WaiverRow(
        place.number,
        envelope.id,
        wanted.rule,
        row.service,
        row.namespace,
        row.environment,
        row.digest,
        wanted.reason,
        (Waiving(who.person.subject, who.person.role, who.identities),),
        now,
        ends,
    )
    waivers.add(tx, workspace_id, made)
    detail: JsonObject = {
        "passport": row.passport_id,
        "rule": wanted.rule,
        "reason": wanted.reason,
        "register": place.number,
    }
    audit.add(tx, workspace_id, Act(now, who.person.subject, "rule.waive", detail, doing.origin))
    return made
