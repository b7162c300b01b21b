"""Approvals and waivers: whose yes counts, by how many, until when (policy.md section 5)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.judging import people
from shared.judging.values import Decision, Target
from tests.helpers.facts import DIGEST, NOW, TARGET, actor, ago, approval, changed, facts, waiver

DAY = timedelta(hours=24)
ANNE, BERT, CLEO = actor("anne"), actor("bert"), actor("cleo")


def test_two_approvers_are_enough_where_two_are_asked_for() -> None:
    votes = people.approvals(facts(approvals=(approval(ANNE, "r"), approval(BERT, "r"))), "r", 2, DAY, {})
    assert votes.enough
    assert [one.name for one in votes.voices] == ["anne@acme", "bert@acme"]


def test_one_person_who_approves_twice_counts_once() -> None:
    again = approval(ANNE, "r", id="sha256:again", at=ago(minutes=1))
    votes = people.approvals(facts(approvals=(approval(ANNE, "r"), again)), "r", 2, DAY, {})
    assert not votes.enough
    assert len(votes.voices) == 1


def test_two_accounts_that_share_an_identity_are_one_person() -> None:
    other = actor("anne2", "approver", "anne@acme")
    votes = people.approvals(facts(approvals=(approval(ANNE, "r"), approval(other, "r"))), "r", 2, DAY, {})
    assert not votes.enough


@pytest.mark.parametrize("author", ["anne@acme", "anne-on-github", "ANNE@acme", "usr_anne"])
def test_nobody_approves_their_own_release_under_any_identity(author: str) -> None:
    anne = actor("anne", "approver", "anne-on-github")
    votes = people.approvals(facts(approvals=(approval(anne, "r"),), authors=frozenset({author})), "r", 1, DAY, {})
    assert not votes.enough
    assert "author or requester" in votes.considered[0].detail


def test_an_author_cannot_approve_through_a_second_account_of_theirs() -> None:
    first, second = actor("anne", "approver", "a-login"), actor("ann", "approver", "a-login")
    known = facts(approvals=(approval(first, "r"), approval(second, "r")), authors=frozenset({"ann@acme"}))
    assert not people.approvals(known, "r", 1, DAY, {}).voices


def test_an_unknown_author_costs_one_approver_more() -> None:
    known = facts(approvals=(approval(ANNE, "r"), approval(BERT, "r")), authors=frozenset())
    assert people.approvals(known, "r", 2, DAY, {}).needed == 3
    assert not people.approvals(known, "r", 2, DAY, {}).enough
    assert people.approvals(known, "r", 1, DAY, {}).enough


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"expires_at": NOW}, "ended"),
        ({"at": ago(hours=25)}, "ended"),
        ({"at": NOW + timedelta(minutes=1)}, "after this was asked"),
        ({"digest": "e" * 64}, "another target or digest"),
        ({"target": Target("checkout-api", "apps-checkout", "staging")}, "another target or digest"),
        ({"rules": frozenset({"other"})}, "without this finding"),
        ({"by": actor("anne", "operator")}, "no approver"),
        ({"by": actor("anne", "auditor")}, "no approver"),
    ],
)
def test_an_approval_that_does_not_hold_here_is_refused_and_says_why(change: dict[str, object], why: str) -> None:
    votes = people.approvals(facts(approvals=(changed(approval(ANNE, "r"), change),)), "r", 1, DAY, {})
    assert not votes.enough
    assert why in votes.considered[0].detail


@pytest.mark.parametrize(
    ("otherwise", "needed"),
    [
        (Decision.HOLD, 1),
        (Decision.ALLOW_WITH_CANARY, 1),
        (Decision.BLOCK, 2),
        (Decision.ROLLBACK_RECOMMENDED, 2),
    ],
)
def test_a_waiver_takes_one_approver_and_two_where_it_blocks(otherwise: Decision, needed: int) -> None:
    one = facts(waivers=(waiver("r", ANNE),))
    two = facts(waivers=(waiver("r", ANNE), waiver("r", BERT)))
    assert people.waivers(one, "r", otherwise).enough is (needed == 1)
    assert people.waivers(two, "r", otherwise).enough


def test_a_waiver_of_two_people_counts_both() -> None:
    assert people.waivers(facts(waivers=(waiver("r", ANNE, BERT),)), "r", Decision.BLOCK).enough


@pytest.mark.parametrize(
    "change",
    [
        {"rule": "other"},
        {"digest": "e" * 64},
        {"target": Target("checkout-api", "elsewhere", "production")},
        {"target": Target("other", "apps-checkout", "production")},
        {"expires_at": NOW},
        {"expires_at": NOW + timedelta(days=90)},
        {"by": (actor("author"),)},
    ],
)
def test_a_waiver_that_does_not_hold_here_lifts_nothing(change: dict[str, object]) -> None:
    assert not people.waivers(facts(waivers=(changed(waiver("r", ANNE), change),)), "r", Decision.HOLD).enough


def test_a_waiver_without_a_namespace_holds_in_each() -> None:
    wide = waiver("r", ANNE, target=Target(TARGET.service, None, TARGET.environment))
    assert people.waivers(facts(waivers=(wide,)), "r", Decision.HOLD).enough


def test_enough_ends_when_the_first_of_those_that_are_needed_ends() -> None:
    ends = {ANNE: 3, BERT: 1, CLEO: 2}
    given = tuple(waiver("r", one, expires_at=NOW + timedelta(hours=hours)) for one, hours in ends.items())
    assert people.waivers(facts(waivers=given), "r", Decision.BLOCK).until == NOW + timedelta(hours=2)


def test_the_order_of_acts_means_nothing() -> None:
    given = (approval(ANNE, "r"), approval(BERT, "r"), approval(CLEO, "r", digest="e" * 64))
    forward = people.approvals(facts(approvals=given), "r", 2, DAY, {})
    assert people.approvals(facts(approvals=given[::-1]), "r", 2, DAY, {}) == forward
    assert DIGEST not in {one.id for one in forward.considered}
