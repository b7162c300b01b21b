"""What a release is made of: what is wanted, who may want it, the signed statement, and what it lets be again.

Invariants: only what is held is released; what is taken back lets be only what no other revocation stands against.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from receiver.core.accounts import Role, includes
from receiver.core.holding import Standing
from receiver.core.placing import Status
from receiver.core.revocation import MAX_REASON_CHARS, What
from receiver.core.trail import Act
from receiver.keys_at_hand import RoleSigners
from receiver.store import (
    attestations,
    audit,
    collectors,
    disputes,
    held_rotations,
    intake,
    register,
    releases,
    revocations,
    rotations,
    standing,
    workspaces,
)
from receiver.store.collectors import CollectorStatus
from receiver.store.engine import Tx
from shared import dsse, statement
from shared.encoding import JsonObject, canonical, digest_text, parse_payload, sha256
from shared.errors import Code, MalformedError, StateError, UntrustedError
from shared.predicates import RELEASE, Person, Release
from shared.statement import subject_sha256

SALT_BYTES = 16
MAX_ATTESTATIONS = 1000
_TOLD = 20


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to count again: attestations (ids of 32 bytes), or the register number of a revocation; not both."""

    attestations: tuple[bytes, ...]
    revocation: int | None
    reason: str

    @property
    def digest(self) -> bytes:
        """Names what is wanted, whoever wants it and why."""
        fields: JsonObject = {
            "attestations": [digest_text(one) for one in sorted(set(self.attestations))],
            "revocation": self.revocation,
        }
        return sha256(canonical(fields))


@dataclass(frozen=True, slots=True)
class Released:
    """How it stands: the register number of the release, None as long as a second person is needed; who, and when."""

    number: int | None
    by: tuple[Person, ...]
    reason: str
    at: datetime
    second_reason: str | None = None


def same(one: Person, other: Person) -> bool:
    """Say whether two are one person."""
    return one.subject == other.subject


def alone() -> UntrustedError:
    """Give the refusal of whoever has no second person."""
    return UntrustedError(
        Code.FORBIDDEN, "nobody releases alone", "another person with the role approver or admin says the same"
    )


def check_role(who: Person) -> None:
    """Refuse whoever may not release; raises `UntrustedError` (`forbidden`)."""
    if who.role not in set(Role) or not includes(Role(who.role), Role.APPROVER):
        raise UntrustedError(
            Code.FORBIDDEN, f"{who.subject} is {who.role}", "the role approver or admin is needed to release"
        )


def already(tx: Tx, signers: RoleSigners, wanted: Wanted) -> Released | None:
    """Find out whether all of it was released before: the same again is answered, and changes nothing."""
    workspace_id = signers.workspace_id
    if wanted.revocation is not None:
        number = revocations.get(tx, workspace_id, wanted.revocation).taken_back
    else:
        stood = _standings(tx, workspace_id, wanted.attestations)
        numbers = {one.released_by for one in stood if one is not None}
        number = None if None in numbers or None in stood else max((n for n in numbers if n is not None), default=None)
    if number is None:
        return None
    envelope = dsse.parse(register.envelope_at(tx, workspace_id, number))
    signed = Release.from_wire(parse_payload(envelope.payload).get("predicate"))
    return Released(number, signed.by, signed.reason, signed.released_at, signed.second_reason)


def _standings(tx: Tx, workspace_id: str, ids: Sequence[bytes]) -> list[Standing | None]:
    """Say how attestations and rotations stand; None for what is not here."""
    turned = {one: rotations.find(tx, workspace_id, one) for one in ids}
    numbers = [attestations.number_of(tx, workspace_id, one) for one in ids]
    rows = attestations.numbered(tx, workspace_id, [n for n in numbers if n is not None])
    stood = standing.of_rows(tx, workspace_id, rows)
    return [
        held_rotations.standing(row) if (row := turned[one]) is not None else None if n is None else stood[n]
        for one, n in zip(ids, numbers, strict=True)
    ]


def check_request(wanted: Wanted) -> None:
    """Refuse what cannot be asked for; raises `MalformedError` (`invalid_field`)."""
    if not 1 <= len(wanted.reason) <= MAX_REASON_CHARS or not wanted.reason.isprintable():
        raise _invalid("reason: one is needed", f"1 to {MAX_REASON_CHARS} printable characters")
    if (wanted.revocation is None) == (not wanted.attestations):
        raise _invalid("attestations, revocation: one of both is needed", "release attestations, or take one back")
    named = wanted.attestations
    if len(named) > MAX_ATTESTATIONS or len(set(named)) != len(named):
        raise _invalid(f"attestations: {len(named)} of them", f"1 to {MAX_ATTESTATIONS} different ones at a time")


def check(tx: Tx, workspace_id: str, wanted: Wanted) -> None:
    """Refuse what is not here or not held; raises `StateError` (`not_found`, `conflict`)."""
    for named, stands in zip(wanted.attestations, _standings(tx, workspace_id, wanted.attestations), strict=True):
        if stands is None:
            raise StateError(Code.NOT_FOUND, f"there is no attestation {digest_text(named)} in this workspace")
        if stands.status is not Status.HELD:
            raise _conflict(f"{digest_text(named)} is not held")
        turned = rotations.find(tx, workspace_id, named)
        if turned is not None and len(wanted.attestations) > 1:
            # What the one lets be good decides of the other.
            raise _invalid(f"attestations: {digest_text(named)} is a rotation", "release rotations one at a time")
        why = None if turned is None else held_rotations.refusal(tx, workspace_id, turned)
        if why is not None:
            raise _conflict(f"the rotation {digest_text(named)} cannot be released: {why}")


def sign(
    tx: Tx,
    signers: RoleSigners,
    wanted: Wanted,
    by: tuple[Person, Person],
    now: datetime,
    random: Callable[[int], bytes],
    origin: str | None,
    said_second: str | None = None,
) -> Released:
    """Sign and keep what two people say; `said_second` is the reason in the words of the second one."""
    workspace_id = signers.workspace_id
    second = None if said_second == wanted.reason else said_second
    check(tx, workspace_id, wanted)
    place = register.next_place(tx, workspace_id)
    signed = Release(
        audience=signers.audience,
        key_id=signers.decision.public.key_id,
        salt=random(SALT_BYTES).hex(),
        register_=place,
        attestations=tuple(digest_text(one) for one in wanted.attestations),
        revocation=wanted.revocation,
        reason=wanted.reason,
        second_reason=second,
        by=by,
        released_at=now,
    )
    envelope = statement.sign(RELEASE, (subject_sha256(wanted.digest.hex()),), signed, signers.decision)
    register.add(tx, workspace_id, place.number, RELEASE, envelope, now)
    if wanted.revocation is None:
        releases.release(tx, workspace_id, wanted.attestations, place.number, now)
        for turned in [rotations.find(tx, workspace_id, one) for one in wanted.attestations]:
            if turned is not None:
                held_rotations.let_count(tx, workspace_id, turned, now)
    else:
        releases.take_back(tx, workspace_id, wanted.revocation, place.number, now)
        _restore(tx, workspace_id, wanted.revocation, now)
    detail = told(wanted) | {"by": [one.subject for one in by], "reason": wanted.reason, "register": place.number}
    detail |= {} if second is None else {"secondReason": second}
    action = "held.release" if wanted.revocation is None else "revocation.take_back"
    audit.add(tx, workspace_id, Act(now, by[1].subject, action, detail, origin))
    return Released(place.number, by, wanted.reason, now, second)


def _restore(tx: Tx, workspace_id: str, number: int, now: datetime) -> None:
    """Let keys and collector be what they were, as far as no other revocation of them stands.

    What the keys signed in the meantime takes its places, as if it came now.

    A token stays ended, as do the hourly ones of a collector: what a token posted counts again, and a new one is
    easily made.
    """
    row = revocations.get(tx, workspace_id, number)
    good: dict[str, list[str]] = {}
    for ended in revocations.keys_of(tx, workspace_id, number):
        key = (ended.collector_id, ended.key_id)
        before = revocations.state_until_revoked(tx, workspace_id, *key)
        if before is not None and key not in revocations.ends(tx, workspace_id, (ended.collector_id,), ()).keys:
            collectors.set_key_state(tx, workspace_id, (ended.key_id,), before)
            good.setdefault(ended.collector_id, []).append(ended.key_id)
    if row.what is What.COLLECTOR and not revocations.of_subject(tx, workspace_id, What.COLLECTOR, row.subject):
        status = revocations.status_until_revoked(tx, workspace_id, row.subject)
        if status is None:
            enrolled = collectors.get(tx, workspace_id, row.subject).enrolment is not None
            status = CollectorStatus.ACTIVE if enrolled else CollectorStatus.PENDING
        collectors.set_status(tx, workspace_id, row.subject, status)
    disputes.settle(tx, workspace_id, {one.collector_id for one in revocations.keys_of(tx, workspace_id, number)}, now)
    workspace = workspaces.get(tx, workspace_id)
    for collector_id, key_ids in good.items():
        intake.settle(tx, workspace, collector_id, key_ids, now)


def told(wanted: Wanted) -> JsonObject:
    """Give what the audit trail is told of it."""
    if wanted.revocation is not None:
        return {"revocation": wanted.revocation}
    named = wanted.attestations
    return {"attestations": [digest_text(one) for one in named[:_TOLD]], "count": len(named)}


def _invalid(detail: str, hint: str) -> MalformedError:
    return MalformedError(Code.INVALID_FIELD, detail, hint)


def _conflict(detail: str) -> StateError:
    return StateError(Code.CONFLICT, detail, "see carnet-receiver held list for what is held now")
