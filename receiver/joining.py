"""Register a collector with its first key, and take it in by a registered statement of the decision key.

Two steps of one transaction, or of two where a person stands between them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from receiver.caller import OPERATOR, operator
from receiver.core.admit import KeyState, KnownKey
from receiver.core.trail import Act
from receiver.keys_at_hand import RoleSigners
from receiver.store import audit, collectors, invitations, register
from receiver.store.collectors import Collector, CollectorKey, CollectorStatus
from receiver.store.engine import Tx
from receiver.store.invitations import InvitationRow
from shared import statement
from shared.encoding import b64encode, base32_id, digest_text, sha256
from shared.keys import PublicKey
from shared.predicates import ENROLMENT, Enrolment, Person
from shared.statement import subject_sha256

ID_BYTES = 16
SALT_BYTES = 16

ANY_NAME = "*"
"""An invitation for this name is good for one collector of whatever name."""


@dataclass(frozen=True, slots=True)
class Joining:
    """Who is to be taken in: a pending collector, its key, and the id of the request that was carried in for it."""

    collector_id: str
    key: PublicKey
    request: bytes | None = None


def inviter(signers: RoleSigners, invited_by: str) -> Person:
    """Name who made an invitation, as a statement records it."""
    named = operator(signers.audience)
    return named if invited_by == OPERATOR else named.model_copy(update={"subject": invited_by, "method": "token"})


def take_in(
    tx: Tx,
    invitation: InvitationRow,
    key: PublicKey,
    now: datetime,
    random: Callable[[int], bytes],
    origin: str | None = None,
) -> str:
    """Register the collector that takes an invitation up, pending; gives its id."""
    workspace_id = invitation.workspace_id
    collector_id = base32_id("col_", random(ID_BYTES))
    row = Collector(collector_id, invitation.name, CollectorStatus.PENDING, invitation.limits, now)
    collectors.add(tx, workspace_id, row)
    collectors.add_key(tx, workspace_id, CollectorKey(collector_id, KnownKey(key, KeyState.PENDING), now))
    invitations.take_up(tx, workspace_id, invitation.token_id, collector_id)
    detail = {"name": invitation.name, "keyId": key.key_id, "invitation": invitation.token_id}
    audit.add(tx, workspace_id, Act(now, collector_id, "collector.enrol", detail, origin))
    return collector_id


def approve(
    tx: Tx, signers: RoleSigners, who: Joining, by: Person, now: datetime, random: Callable[[int], bytes]
) -> None:
    """Take a pending collector in: sign the enrolment, register it, and let the key be good from now."""
    workspace_id = signers.workspace_id
    row = collectors.get(tx, workspace_id, who.collector_id)
    place = register.next_place(tx, workspace_id)
    enrolment = Enrolment(
        audience=signers.audience,
        key_id=signers.decision.public.key_id,
        salt=random(SALT_BYTES).hex(),
        register_=place,
        collector_id=who.collector_id,
        name=row.name,
        public_key=b64encode(who.key.spki),
        collector_key_id=who.key.key_id,
        limits=row.limits,
        by=by,
        enrolled_at=now,
        request=None if who.request is None else digest_text(who.request),
    )
    subject = subject_sha256(sha256(who.key.spki).hex())
    envelope = statement.sign(ENROLMENT, (subject,), enrolment, signers.decision)
    register.add(tx, workspace_id, place.number, ENROLMENT, envelope, now)
    collectors.activate(tx, workspace_id, who.collector_id, place.number, now)
    detail = {"collector": who.collector_id, "keyId": who.key.key_id}
    audit.add(tx, workspace_id, Act(now, by.subject, "collector.approve", detail))
