"""Two people release what is held, or take a revocation back: whose word counts, how long, and what is again then."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from receiver import access, fsck, lookup, people, release, revoke
from receiver.caller import Caller, operator
from receiver.core.accounts import Role
from receiver.core.admit import KeyState
from receiver.core.revocation import Asked, Loss, What
from receiver.core.tokens import Kind, Scope
from receiver.lookup import CollectorStatus
from receiver.release import Released, Wanted
from receiver.store import accounts, audit, collectors, register
from receiver.store.accounts import Account
from shared import dsse
from shared.encoding import parse_payload
from shared.errors import UntrustedError
from shared.predicates import RELEASE, Person
from tests.helpers.fleet import NOW, Receiver, Spool, make_receiver, told

HOUR = timedelta(hours=1)
ACCEPTED, REVOKED = ("accepted", None), ("held", "key_revoked")


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Receiver:
    """Made once, since that takes longer than a test."""
    made = make_receiver(tmp_path_factory.mktemp("fresh"))
    made.store.close()
    return made


@pytest.fixture
def receiver(fresh: Receiver, tmp_path: Path) -> Iterator[Receiver]:
    made = fresh.copied(tmp_path / "copy")
    yield made
    assert fsck.check(made.store) == []
    made.store.close()


def person(receiver: Receiver, name: str, role: Role = Role.APPROVER) -> Person:
    """Somebody with an account, as signing in says who it is; nobody has the password."""
    email = f"{name}@acme.example"
    account = Account(email, role, "no password", receiver.now)
    receiver.store.write(lambda tx: accounts.add(tx, receiver.workspace_id, account))
    return Person(issuer=receiver.audience.receiver, subject=email, method=people.METHOD, role=role.value)


def token(receiver: Receiver, label: str, days: int = 90) -> Caller:
    issued = access.issue(
        receiver.store,
        receiver.workspace_id,
        Kind.API_KEY,
        [Scope.ADMIN],
        label,
        receiver.now,
        receiver.random,
        days,
    )
    return access.authenticate(receiver.store, issued.token, receiver.now)


def end(receiver: Receiver, what: What, named: str, kind: Loss = Loss.COMPROMISED) -> int:
    asked = Asked(what, named, kind, None, "as ticket 17 says")
    by = operator(receiver.audience)
    done = revoke.revoke(receiver.store, receiver.signers, asked, by, receiver.now, receiver.random)
    assert done.revocation is not None
    return done.revocation


def take_back(receiver: Receiver, number: int) -> None:
    by = (operator(receiver.audience), person(receiver, f"second-{number}"))
    wanted = Wanted((), number, "it was in the drawer")
    release.release(receiver.store, receiver.signers, wanted, by, receiver.now, receiver.random)


def say(receiver: Receiver, entry: bytes, by: Person | Caller, why: str = "looked at") -> Released:
    wanted = Wanted((dsse.parse(entry).id,), None, why)
    return release.propose(receiver.store, receiver.signers, wanted, by, receiver.now, receiver.random)


def stands(receiver: Receiver, entry: bytes) -> tuple[str, str | None]:
    found = lookup.attestation(receiver.store, receiver.workspace_id, dsse.parse(entry).id)
    return found.standing.status.value, None if found.standing.code is None else found.standing.code.value


@pytest.fixture
def spool(receiver: Receiver) -> Spool:
    return receiver.enrol()[0]


@pytest.fixture
def held(receiver: Receiver, spool: Spool) -> bytes:
    """Something that is held, since its key was always in other hands."""
    entry = spool.entry()
    assert told(receiver.take(receiver.let_in(spool), "first", [entry])) == [ACCEPTED]
    end(receiver, What.KEY, spool.key.public.key_id)
    receiver.now += HOUR
    return entry


# --- the first one's word ---


def test_the_first_persons_word_waits_a_week_for_the_second(receiver: Receiver, held: bytes) -> None:
    alice, bob = person(receiver, "alice"), person(receiver, "bob")
    assert (say(receiver, held, alice).number, say(receiver, held, alice).number) == (None, None)
    assert stands(receiver, held) == REVOKED
    receiver.now += timedelta(days=8)
    assert say(receiver, held, bob).by == (bob,)  # the first one's word has lapsed
    done = say(receiver, held, alice)
    assert done.by == (bob, alice)
    assert stands(receiver, held) == ACCEPTED
    assert say(receiver, held, bob).number == done.number


def test_a_first_word_that_knew_less_is_no_word(receiver: Receiver, spool: Spool, held: bytes) -> None:
    alice, bob = person(receiver, "alice"), person(receiver, "bob")
    assert say(receiver, held, alice).number is None
    receiver.now += HOUR
    end(receiver, What.COLLECTOR, spool.collector_id)
    assert say(receiver, held, bob).number is None
    assert stands(receiver, held) == REVOKED
    assert say(receiver, held, alice).number is not None
    assert stands(receiver, held) == ACCEPTED


def disabled(receiver: Receiver, email: str) -> None:
    people.disable(receiver.store, receiver.workspace_id, email, receiver.now)


def demoted(receiver: Receiver, email: str) -> None:
    people.set_role(receiver.store, receiver.workspace_id, email, Role.OPERATOR, receiver.now)


def ended(receiver: Receiver, email: str) -> None:
    account = Account(email, Role.APPROVER, "no password", receiver.now, receiver.now)
    receiver.store.write(lambda tx: accounts.save(tx, receiver.workspace_id, account))


@pytest.mark.parametrize("change", [disabled, demoted, ended])
def test_the_word_of_somebody_who_may_not_say_it_any_more_is_no_word(
    receiver: Receiver, held: bytes, change: Callable[[Receiver, str], None]
) -> None:
    alice, bob, carol = (person(receiver, name) for name in ("alice", "bob", "carol"))
    assert say(receiver, held, alice).number is None
    change(receiver, alice.subject)
    assert say(receiver, held, bob).by == (bob,)
    assert stands(receiver, held) == REVOKED
    assert say(receiver, held, carol).by == (bob, carol)
    assert stands(receiver, held) == ACCEPTED


def test_the_word_of_a_token_that_has_expired_is_no_word(receiver: Receiver, held: bytes) -> None:
    first, bob = token(receiver, "alice", days=1), person(receiver, "bob")
    assert say(receiver, held, first).number is None
    receiver.now += timedelta(days=2)
    assert say(receiver, held, bob).number is None
    assert stands(receiver, held) == REVOKED


def test_the_word_of_somebody_nobody_knows_here_is_no_word(receiver: Receiver, held: bytes) -> None:
    alice, bob = person(receiver, "alice"), person(receiver, "bob")
    stranger = alice.model_copy(update={"issuer": "elsewhere", "subject": "eve@acme.example"})
    assert say(receiver, held, stranger).number is None
    assert say(receiver, held, bob).by == (bob,)


def test_a_token_and_a_person_are_two(receiver: Receiver, held: bytes) -> None:
    assert say(receiver, held, token(receiver, "alice")).number is None
    assert say(receiver, held, person(receiver, "bob")).number is not None
    assert stands(receiver, held) == ACCEPTED


@pytest.mark.parametrize("second", ["the reports were compared", "looked at"])
def test_the_statement_has_the_reasons_of_both(receiver: Receiver, held: bytes, second: str) -> None:
    say(receiver, held, person(receiver, "alice"))
    done = say(receiver, held, person(receiver, "bob"), second)
    said = None if second == "looked at" else second
    assert (done.reason, done.second_reason) == ("looked at", said)
    (row,) = receiver.store.read(lambda tx: list(register.rows(tx, receiver.workspace_id, RELEASE)))
    signed = parse_payload(row.parts.payload)["predicate"]
    assert isinstance(signed, dict)
    assert (signed["reason"], signed.get("secondReason")) == ("looked at", said)
    trail = receiver.store.read(lambda tx: [one.act.detail for one in audit.rows(tx, receiver.workspace_id)])
    assert trail[-1].get("secondReason") == said
    again = say(receiver, held, person(receiver, "carol"))
    assert (again.number, again.second_reason) == (done.number, said)


# --- what is taken back ---


def test_taking_back_a_wider_revocation_leaves_the_narrower_one(receiver: Receiver, spool: Spool) -> None:
    entry = spool.entry()
    receiver.take(receiver.let_in(spool), "first", [entry])
    receiver.now = NOW + HOUR
    narrow, wide = (end(receiver, What.KEY, spool.key.public.key_id, kind) for kind in (Loss.LOST, Loss.COMPROMISED))
    take_back(receiver, wide)
    assert stands(receiver, entry) == ACCEPTED
    with pytest.raises(UntrustedError):
        receiver.let_in(spool)
    take_back(receiver, narrow)
    receiver.let_in(spool)


def state(receiver: Receiver, spool: Spool) -> tuple[CollectorStatus, KeyState]:
    view = lookup.collector(receiver.store, receiver.workspace_id, spool.collector_id)
    return view.collector.status, view.keys[0].key.state


@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize("before", [CollectorStatus.ACTIVE, CollectorStatus.RETIRED])
def test_of_two_revocations_of_a_collector_each_stands_until_it_is_taken_back(
    receiver: Receiver, spool: Spool, before: CollectorStatus, *, newest_first: bool
) -> None:
    early, late = spool.entry(), spool.entry()
    receiver.take(receiver.let_in(spool), "first", [early, late])
    receiver.store.write(lambda tx: collectors.set_status(tx, receiver.workspace_id, spool.collector_id, before))
    receiver.now = NOW + HOUR
    first = end(receiver, What.COLLECTOR, spool.collector_id, Loss.LOST)
    receiver.now = NOW + 2 * HOUR
    second = end(receiver, What.COLLECTOR, spool.collector_id, Loss.COMPROMISED)
    order = (second, first) if newest_first else (first, second)
    take_back(receiver, order[0])
    assert state(receiver, spool) == (CollectorStatus.REVOKED, KeyState.REVOKED)
    assert stands(receiver, early) == (ACCEPTED if newest_first else REVOKED)
    with pytest.raises(UntrustedError):
        receiver.let_in(spool)
    assert fsck.check(receiver.store) == []
    take_back(receiver, order[1])
    assert state(receiver, spool) == (before, KeyState.ACTIVE)
    assert [stands(receiver, one) for one in (early, late)] == [ACCEPTED, ACCEPTED]


@pytest.mark.parametrize("key_first", [True, False])
def test_a_key_stays_ended_as_long_as_its_collectors_or_its_own_revocation_stands(
    receiver: Receiver, spool: Spool, *, key_first: bool
) -> None:
    named = [(What.KEY, spool.key.public.key_id), (What.COLLECTOR, spool.collector_id)]
    order = zip(named if key_first else named[::-1], (Loss.LOST, Loss.COMPROMISED), strict=True)
    numbers = [end(receiver, *one, kind) for one, kind in order]
    take_back(receiver, numbers[0])
    assert state(receiver, spool)[1] is KeyState.REVOKED
    take_back(receiver, numbers[1])
    assert state(receiver, spool) == (CollectorStatus.ACTIVE, KeyState.ACTIVE)
    receiver.let_in(spool)
