"""Who may approve a release or waive a rule, what that says, how many it takes, and what the register has then."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from receiver import approve, comment, fsck, waive
from receiver.caller import Caller
from receiver.core import approving
from receiver.core.accounts import Role
from receiver.core.passport import release_key
from receiver.facts import facts_of
from receiver.store import accounts, approvals, audit, comments, gate_people, passports, register
from receiver.store.accounts import Account
from receiver.store.passports import PassportRow
from shared import dsse
from shared.encoding import parse_payload
from shared.errors import CarnetError, MalformedError, StateError, UntrustedError
from shared.judging.judge import judge
from shared.judging.policyfile import read_policy
from shared.judging.values import Decision
from shared.passports import APPROVAL, WAIVER, Approval, Waiver
from tests.helpers import acting
from tests.helpers.acting import doing, somebody
from tests.helpers.decided import AUTHOR, DIGEST, POLICY, TARGET, decided, facts
from tests.helpers.fleet import Receiver, make_receiver

HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Receiver:
    """Made once, since that takes longer than a test; it has one passport of everything that is not there."""
    made = make_receiver(tmp_path_factory.mktemp("fresh"))
    decided(made.store, made.signers, facts(made.now), random=made.random)
    made.store.close()
    return made


@pytest.fixture
def receiver(fresh: Receiver, tmp_path: Path) -> Iterator[Receiver]:
    made = fresh.copied(tmp_path / "copy")
    yield made
    assert fsck.check(made.store) == []
    made.store.close()


def passport(receiver: Receiver) -> PassportRow:
    found = receiver.store.read(lambda tx: passports.in_force(tx, receiver.workspace_id, release_key(TARGET, DIGEST)))
    assert found is not None
    return found


def says_yes(receiver: Receiver, caller: Caller, **changes: object) -> approve.Approved:
    yes = replace(approve.Yes(passport(receiver).passport_id), **changes)  # type: ignore[arg-type]
    return acting.approves(receiver, caller, yes)


def waives(receiver: Receiver, caller: Caller, rule: str, **changes: object) -> waive.Waived:
    wanted = replace(waive.Wanted(rule, TARGET, DIGEST, "known and accepted"), **changes)  # type: ignore[arg-type]
    return acting.waives(receiver, caller, wanted)


def nothing_more(receiver: Receiver) -> int:
    """The last number of the register."""
    return receiver.store.read(lambda tx: register.next_place(tx, receiver.workspace_id).number) - 1


def test_an_approval_is_signed_for_the_findings_of_its_passport_that_wait_for_people(receiver: Receiver) -> None:
    row, last = passport(receiver), nothing_more(receiver)
    done = says_yes(receiver, somebody(receiver, "anna", identities=("Octo-Anna",)), comment="looked at it")
    assert (done.created, done.successor) == (True, None)
    assert done.row.rules == ("two-people", "by-hand")
    assert done.row.identities == ("anna@acme.example", "octo-anna")
    assert done.row.number == last + 1
    envelope = dsse.parse(
        receiver.store.read(lambda tx: register.envelope_at(tx, receiver.workspace_id, done.row.number))
    )
    dsse.verify(envelope, receiver.signers.decision.public)
    assert envelope.id == done.row.id
    signed = Approval.from_wire(parse_payload(envelope.payload).get("predicate"))
    assert (signed.passport_id, signed.artifact, signed.rules) == (row.passport_id, f"sha256:{DIGEST}", done.row.rules)
    assert (signed.target.service, signed.target.namespace, signed.target.environment) == (
        TARGET.service, TARGET.namespace, TARGET.environment,
    )  # fmt: skip
    assert (signed.by.subject, signed.by.role, signed.comment) == ("anna@acme.example", "approver", "looked at it")
    assert signed.expires_at == receiver.now + approving.APPROVED_FOR
    kept = receiver.store.read(
        lambda tx: approvals.of_release(tx, receiver.workspace_id, row.service, row.environment, row.digest)
    )
    assert kept == [done.row]
    acts = receiver.store.read(lambda tx: [one.act for one in audit.rows(tx, receiver.workspace_id)])
    assert (acts[-1].action, acts[-1].actor) == ("release.approve", "anna@acme.example")


def test_the_same_yes_again_is_the_same_approval_and_another_persons_is_another(receiver: Receiver) -> None:
    anna, bert = somebody(receiver, "anna"), somebody(receiver, "bert")
    first, again, other = says_yes(receiver, anna), says_yes(receiver, anna), says_yes(receiver, bert)
    assert (again.row, again.created) == (first.row, False)
    assert (other.created, other.row.number) == (True, first.row.number + 1)


def test_however_often_the_gate_is_asked_nobody_stops_being_the_author(receiver: Receiver) -> None:
    # Twenty passports are looked at, whose requests name nobody here; the oldest of them tells by whom it was judged.
    def authors() -> frozenset[str]:
        asks = facts(receiver.now).request
        return receiver.store.read(lambda tx: facts_of(tx, receiver.workspace_id, asks, receiver.now)).facts.authors

    while passport(receiver).place < 18:
        decided(receiver.store, receiver.signers, facts(receiver.now), random=receiver.random)
    assert not authors()
    decided(receiver.store, receiver.signers, facts(receiver.now), random=receiver.random)
    assert authors() == {AUTHOR}


def test_two_who_approved_are_enough_for_the_judge(receiver: Receiver) -> None:
    for name in ("anna", "bert"):
        says_yes(receiver, somebody(receiver, name))
    acts = receiver.store.read(
        lambda tx: gate_people.approvals(tx, receiver.workspace_id, bytes.fromhex(DIGEST), receiver.now)
    )
    judged = judge(replace(facts(receiver.now), approvals=acts), (read_policy(POLICY.encode(), 1),))
    assert next(one for one in judged.findings if one.rule == "two-people").met


def test_who_may_approve_no_more_has_approved_and_waived_nothing_until_they_may_again(receiver: Receiver) -> None:
    anna = somebody(receiver, "anna")
    says_yes(receiver, anna)
    waives(receiver, anna, "tests")

    def acts(role: Role) -> int:
        changed = Account("anna@acme.example", role, "no password", receiver.now)
        receiver.store.write(lambda tx: accounts.save(tx, receiver.workspace_id, changed))
        found = receiver.store.read(
            lambda tx: [
                *gate_people.approvals(tx, receiver.workspace_id, bytes.fromhex(DIGEST), receiver.now),
                *gate_people.waivers(tx, receiver.workspace_id, bytes.fromhex(DIGEST), receiver.now),
            ]
        )
        return len(found)

    assert {role: acts(role) for role in Role} == {
        Role.VIEWER: 0, Role.OPERATOR: 0, Role.APPROVER: 2, Role.ADMIN: 2, Role.AUDITOR: 0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "identities"),
    [("author", ()), ("another", (AUTHOR,)), ("Author", ()), ("else", ("AUTHOR@acme.example", "x"))],
)
def test_nobody_approves_or_waives_their_own_release_under_whatever_name_of_theirs(
    receiver: Receiver, name: str, identities: tuple[str, ...]
) -> None:
    last, caller = nothing_more(receiver), somebody(receiver, name.lower(), Role.ADMIN, identities)
    with pytest.raises(UntrustedError, match="your own"):
        says_yes(receiver, caller)
    with pytest.raises(UntrustedError, match="your own"):
        waives(receiver, caller, "tests")
    assert nothing_more(receiver) == last


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR, Role.AUDITOR])
def test_who_is_no_approver_decides_nothing(receiver: Receiver, role: Role) -> None:
    caller = somebody(receiver, "anna", role)
    for act in (lambda: says_yes(receiver, caller), lambda: waives(receiver, caller, "tests")):
        with pytest.raises(UntrustedError, match="no approver"):
            act()


def test_no_token_approves_whatever_it_may_do_besides(receiver: Receiver) -> None:
    token = replace(somebody(receiver, "anna", Role.ADMIN), person=None)
    with pytest.raises(UntrustedError, match="by people"):
        says_yes(receiver, token)


def test_an_account_that_is_no_more_approves_nothing_with_a_session_that_is_left(receiver: Receiver) -> None:
    caller = somebody(receiver, "anna", Role.ADMIN)
    gone = Account("anna@acme.example", Role.ADMIN, "x", receiver.now, disabled_at=receiver.now)
    receiver.store.write(lambda tx: accounts.save(tx, receiver.workspace_id, gone))
    with pytest.raises(UntrustedError, match="no approver"):
        says_yes(receiver, caller)


def test_a_passport_that_has_ended_is_approved_by_nobody(receiver: Receiver) -> None:
    caller = somebody(receiver, "anna")
    receiver.now = passport(receiver).valid_until
    with pytest.raises(StateError, match="has ended"):
        says_yes(receiver, caller)


def test_who_approves_a_passport_that_was_superseded_is_told_by_which(receiver: Receiver) -> None:
    old = passport(receiver)
    receiver.now += HOUR
    decided(receiver.store, receiver.signers, facts(receiver.now), random=receiver.random)
    done = says_yes(receiver, somebody(receiver, "anna"), passport_id=old.passport_id)
    assert (done.row.passport_id, done.successor) == (old.passport_id, passport(receiver).passport_id)


def test_where_nothing_waits_for_people_nothing_is_approved(receiver: Receiver) -> None:
    text = POLICY.replace("metadata: {name: production}", "metadata: {name: no-people}").split("  - {id: two-people")[0]
    decided(receiver.store, receiver.signers, facts(receiver.now), text, receiver.random)
    with pytest.raises(StateError, match="waits for an approval"):
        says_yes(receiver, somebody(receiver, "anna"))


def test_a_waiver_of_what_holds_needs_one_person_and_is_signed_for_a_day(receiver: Receiver) -> None:
    done = waives(receiver, somebody(receiver, "anna"), "tests")
    assert (done.created, done.needed, done.by) == (True, 1, ("anna@acme.example",))
    assert done.until == done.row.expires_at == receiver.now + timedelta(hours=24)
    envelope = dsse.parse(
        receiver.store.read(lambda tx: register.envelope_at(tx, receiver.workspace_id, done.row.number))
    )
    dsse.verify(envelope, receiver.signers.decision.public)
    signed = Waiver.from_wire(parse_payload(envelope.payload).get("predicate"))
    assert (signed.rule, signed.artifact, signed.reason) == ("tests", f"sha256:{DIGEST}", "known and accepted")
    assert [one.subject for one in signed.by] == ["anna@acme.example"]


def test_what_blocks_is_waived_by_two_and_one_person_with_two_accounts_is_one(receiver: Receiver) -> None:
    anna, twin = somebody(receiver, "anna", identities=("octo",)), somebody(receiver, "anna2", identities=("Octo",))
    first, second = waives(receiver, anna, "findings"), waives(receiver, twin, "findings")
    assert (first.needed, first.until, second.until) == (2, None, None)
    third = waives(receiver, somebody(receiver, "bert"), "findings", expires_at=receiver.now + HOUR)
    assert (third.needed, len(third.by), third.until) == (2, 2, receiver.now + HOUR)
    acts = receiver.store.read(
        lambda tx: gate_people.waivers(tx, receiver.workspace_id, bytes.fromhex(DIGEST), receiver.now)
    )
    waived = replace(facts(receiver.now), waivers=acts)
    judged = judge(waived, (read_policy(POLICY.encode(), 1),))
    assert next(one for one in judged.findings if one.rule == "findings").lifted
    assert judged.decision is Decision.HOLD


def test_where_nobody_knows_the_author_one_person_more_is_needed(receiver: Receiver) -> None:
    unknown = replace(facts(receiver.now), authors=frozenset())
    decided(receiver.store, receiver.signers, unknown, random=receiver.random)
    first, second = (waives(receiver, somebody(receiver, name), "tests") for name in ("anna", "bert"))
    assert (first.needed, first.until, second.until is None) == (2, None, False)


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ("two-people", "people or collection"),
        ("nothing-missing", "people or collection"),
        ("fixed", "not waivable"),
        ("enforced", "is met"),
        ("no-such-rule", "no rule"),
    ],
)
def test_what_no_waiver_lifts_is_refused(receiver: Receiver, rule: str, why: str) -> None:
    last = nothing_more(receiver)
    with pytest.raises(StateError, match=why):
        waives(receiver, somebody(receiver, "anna"), rule)
    assert nothing_more(receiver) == last


def test_that_a_policy_has_no_rules_is_waived_by_nobody(receiver: Receiver) -> None:
    text = POLICY.replace("metadata: {name: production}", "metadata: {name: empty}").split("rules:")[0] + "rules: []\n"
    row = decided(receiver.store, receiver.signers, facts(receiver.now), text, receiver.random)
    assert row.decision == "HOLD"
    with pytest.raises(StateError, match="no rule"):
        waives(receiver, somebody(receiver, "anna"), "no-rules")


def test_nothing_is_waived_where_nothing_was_decided(receiver: Receiver) -> None:
    with pytest.raises(StateError, match="nothing was decided"):
        waives(receiver, somebody(receiver, "anna"), "tests", digest="e" * 64)
    with pytest.raises(StateError, match="nothing was decided"):
        waives(receiver, somebody(receiver, "bert"), "tests", target=replace(TARGET, namespace=None))


@pytest.mark.parametrize("ends", [timedelta(0), -HOUR, timedelta(days=90, seconds=1)])
def test_a_waiver_or_approval_that_ends_before_it_begins_or_in_the_far_future_is_refused(
    receiver: Receiver, ends: timedelta
) -> None:
    caller = somebody(receiver, "anna")
    for act in (
        lambda: waives(receiver, caller, "tests", expires_at=receiver.now + ends),
        lambda: says_yes(receiver, caller, expires_at=receiver.now + ends),
    ):
        with pytest.raises(MalformedError, match="expiresAt"):
            act()


def test_the_same_waiver_again_is_the_same_one_and_a_longer_one_is_another(receiver: Receiver) -> None:
    anna = somebody(receiver, "anna")
    first, again = waives(receiver, anna, "tests"), waives(receiver, anna, "tests")
    longer = waives(receiver, anna, "tests", expires_at=receiver.now + timedelta(days=90))
    assert (again.row, again.created) == (first.row, False)
    assert (longer.created, longer.until) == (True, receiver.now + timedelta(days=90))


def test_comments_stand_under_their_passport_in_their_order(receiver: Receiver) -> None:
    row, said = passport(receiver), ["is this ready?", "=yes"]
    reply: comment.Reply[comment.CommentRow] = comment.Reply(None, lambda _row: comment.Answered(201, b"{}"))
    for name, text in zip(("anna", "bert"), said, strict=True):
        comment.comment(receiver.store, row.passport_id, text, doing(receiver, somebody(receiver, name)), reply)
    kept = receiver.store.read(lambda tx: comments.of_passport(tx, receiver.workspace_id, row.passport_id))
    assert [(one.number, one.email, one.text) for one in kept] == [
        (1, "anna@acme.example", said[0]),
        (2, "bert@acme.example", said[1]),
    ]
    with pytest.raises(CarnetError, match="no such passport"):
        comment.comment(receiver.store, "pp_other", "x", doing(receiver, somebody(receiver, "carl")), reply)


def test_every_act_is_in_the_register_under_its_type(receiver: Receiver) -> None:
    says_yes(receiver, somebody(receiver, "anna"))
    waives(receiver, somebody(receiver, "bert"), "tests")
    types = receiver.store.read(lambda tx: [one.type for one in register.rows(tx, receiver.workspace_id)])
    assert types[-2:] == [APPROVAL, WAIVER]
