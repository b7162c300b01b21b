"""People who act on a release of a receiver in memory: signed in, they approve and waive."""

from __future__ import annotations

from receiver import approve, waive
from receiver.caller import Caller
from receiver.core.accounts import Role
from receiver.core.tokens import Kind
from receiver.persons import Doing
from receiver.store import accounts
from receiver.store.accounts import Account
from shared.predicates import Person
from tests.helpers.fleet import Receiver


def somebody(receiver: Receiver, name: str, role: Role = Role.APPROVER, identities: tuple[str, ...] = ()) -> Caller:
    """Somebody who is signed in, as recognising their session gives it."""
    email = f"{name}@acme.example"
    account = Account(email, role, "no password", receiver.now, identities=identities)
    receiver.store.write(lambda tx: accounts.add(tx, receiver.workspace_id, account))
    who = Person(issuer=receiver.audience.receiver, subject=email, method="password", role=role.value)
    return Caller(receiver.workspace_id, f"ses_{name}", frozenset(), None, 1, Kind.SESSION, person=who)


def doing(receiver: Receiver, caller: Caller) -> Doing:
    return Doing(caller, receiver.now, receiver.random)


def approves(receiver: Receiver, caller: Caller, yes: approve.Yes) -> approve.Approved:
    given: list[approve.Approved] = []

    def write(done: approve.Approved) -> approve.Answered:
        given.append(done)
        return approve.Answered(200, b"{}")

    approve.approve(receiver.store, receiver.signers, yes, doing(receiver, caller), approve.Reply(None, write))
    return given[0]


def waives(receiver: Receiver, caller: Caller, wanted: waive.Wanted) -> waive.Waived:
    given: list[waive.Waived] = []

    def write(done: waive.Waived) -> waive.Answered:
        given.append(done)
        return waive.Answered(200, b"{}")

    waive.waive(receiver.store, receiver.signers, wanted, doing(receiver, caller), waive.Reply(None, write))
    return given[0]
