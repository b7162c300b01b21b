"""How stored evidence stands, and the acts that change that: what tests of held evidence start from."""

from __future__ import annotations

from datetime import datetime, timedelta

from receiver import lookup, release, revoke
from receiver.caller import operator
from receiver.core.impact import Effect
from receiver.core.placing import Status
from receiver.core.revocation import Asked, Loss, What
from receiver.lookup import Filters
from receiver.release import Wanted
from shared import dsse
from tests.helpers.build_acts import ALICE, BOB
from tests.helpers.fleet import Receiver

HOUR = timedelta(hours=1)
ACCEPTED = ("accepted", None)
REVOKED = ("held", "key_revoked")
RETIRED = ("held", "key_retired")
FORKED = ("held", "forked")
Stands = tuple[str, str | None]


def stands(receiver: Receiver, *entries: bytes) -> list[Stands]:
    """How entries stand now, as every read gives it."""
    found = [lookup.attestation(receiver.store, receiver.workspace_id, dsse.parse(one).id) for one in entries]
    return [(one.standing.status.value, one.standing.code and one.standing.code.value) for one in found]


def listed(receiver: Receiver, status: Status = Status.HELD) -> set[bytes]:
    """The ids of everything that stands so, by the list."""
    found = lookup.attestations(receiver.store, receiver.workspace_id, Filters(status=status, record=None), 200)
    return {one.row.id for one in found.items}


def ids(*entries: bytes) -> set[bytes]:
    return {dsse.parse(one).id for one in entries}


def asked(what: What, named: str, kind: Loss = Loss.COMPROMISED, since: datetime | None = None) -> Asked:
    return Asked(what, named, kind, since, "as ticket 17 says")


def end(
    receiver: Receiver, what: What, named: str, kind: Loss = Loss.COMPROMISED, since: datetime | None = None
) -> Effect:
    """Revoke something, as the operator."""
    by = operator(receiver.audience)
    wanted = asked(what, named, kind, since)
    return revoke.revoke(receiver.store, receiver.signers, wanted, by, receiver.now, receiver.random)


def let_go(receiver: Receiver, *entries: bytes) -> release.Released:
    """Release entries, as two people."""
    wanted = Wanted(tuple(dsse.parse(one).id for one in entries), None, "looked at by both")
    return release.release(receiver.store, receiver.signers, wanted, (ALICE, BOB), receiver.now, receiver.random)


def take_back(receiver: Receiver, number: int | None) -> release.Released:
    """Take a revocation back, as two people."""
    wanted = Wanted((), number, "it was in the drawer")
    return release.release(receiver.store, receiver.signers, wanted, (ALICE, BOB), receiver.now, receiver.random)
