"""The whole answer: people, modes, what would change it, the watch window, the baseline (policy.md sections 3 to 6)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.judging.baseline import baseline
from shared.judging.judge import judge, smallest, undecided
from shared.judging.values import Cause, Decision, Deployed, Facts, Mode, Target
from tests.helpers.facts import (
    NOW,
    OTHER_COMMIT,
    actor,
    ago,
    approval,
    facts,
    green_tests,
    ingested,
    link,
    red_tests,
    request,
    scan,
    stream,
    waiver,
)
from tests.helpers.judged import NOTHING_MISSING, TESTS, about, only, policy

ANNE, BERT = actor("anne"), actor("bert")


# --- approvals ---

TWO = "two REQUIRE_APPROVAL: approvals: {count: 2, maxAge: 72h}"


def test_one_of_two_approvals_waits_for_another_person_and_says_who() -> None:
    found = judge(facts(approvals=(approval(ANNE, "two"),)), (policy(TWO),))
    assert found.decision is Decision.REQUIRE_APPROVAL
    assert only(found).cause is Cause.WAITING_FOR_PERSON
    assert only(found).reason == "1 of 2 approvals (anne@acme 17:41)"
    assert only(found).who == "an approver other than author@acme"


def test_two_approvals_let_it_go_no_longer_than_they_hold() -> None:
    soon = NOW + timedelta(hours=2)
    known = facts(approvals=(approval(ANNE, "two"), approval(BERT, "two", expires_at=soon)))
    found = judge(known, (policy(TWO),))
    assert found.decision is Decision.ALLOW
    assert found.valid_until == soon


def test_an_unknown_author_is_said_and_costs_one_more() -> None:
    known = facts(approvals=(approval(ANNE, "two"), approval(BERT, "two")), authors=frozenset())
    assert "author unknown" in about(known, TWO).reason


def test_an_approval_lifts_a_finding_that_asks_for_one_and_no_other() -> None:
    rules = (f"soft REQUIRE_APPROVAL: {TESTS}", f"hard HOLD: {TESTS}")
    known = facts(red_tests(), approvals=(approval(ANNE, "soft", "hard"),))
    soft, hard = judge(known, (policy(*rules),)).findings
    assert judge(facts(red_tests()), (policy(*rules),)).findings[0].next_action.endswith("signed in as an approver")
    assert (soft.cause, soft.waived_by) == (Cause.WAIVED, ("anne@acme",))
    assert hard.cause is Cause.FAILED


# --- waivers ---


def test_a_waiver_lifts_a_hold_and_its_failure_is_still_the_headline() -> None:
    found = judge(facts(red_tests(), waivers=(waiver("t", ANNE),)), (policy(f"t HOLD: {TESTS}"),))
    assert found.decision is Decision.ALLOW
    assert found.headline == "3 tests failed, lifted by anne@acme. 1 rule is lifted by a person."
    assert only(found).waived_until == NOW + timedelta(hours=24)
    assert found.confidence == 0.0


def test_a_block_takes_two_to_waive() -> None:
    rule = f"t BLOCK: {TESTS}"
    assert about(facts(red_tests(), waivers=(waiver("t", ANNE),)), rule).cause is Cause.FAILED
    assert about(facts(red_tests(), waivers=(waiver("t", ANNE), waiver("t", BERT))), rule).cause is Cause.WAIVED


@pytest.mark.parametrize(
    ("known", "rule"),
    [
        (facts(red_tests()), f"t HOLD waivable=false: {TESTS}"),
        (facts(), "t HOLD: approvals: {count: 1}"),
        (facts(streams=()), "t HOLD: collection: {maxHeartbeatAge: 15m, gaps: none}"),
        (facts(green_tests(evidence={"totalTests": 9, "passed": 10, "failed": 0})), f"t HOLD: {TESTS}"),
        (facts(green_tests(evidence={"totalTests": 9, "passed": 10, "failed": 0})), f"t REQUIRE_APPROVAL: {TESTS}"),
    ],
)
def test_what_no_waiver_can_lift_stays(known: Facts, rule: str) -> None:
    lifted = replace(known, waivers=(waiver("t", ANNE), waiver("t", BERT)), approvals=(approval(ANNE, "other"),))
    found = about(lifted, rule)
    assert not found.lifted
    assert not found.waivers_needed


# --- modes ---


@pytest.mark.parametrize("asked", Mode)
@pytest.mark.parametrize("configured", Mode)
def test_a_weaker_mode_never_wins_and_is_answered_with_a_warning(asked: Mode, configured: Mode) -> None:
    modes = list(Mode)
    known = facts(red_tests(), request=request(mode=asked))
    found = judge(known, (policy(f"t HOLD: {TESTS}", mode=configured.value),))
    assert found.mode is max(asked, configured, key=modes.index)
    assert found.requested_mode is asked
    assert found.proceed is (found.mode is not Mode.ENFORCE)
    weaker = modes.index(asked) < modes.index(configured)
    assert any(one.startswith("weaker_mode") for one in found.warnings) is weaker


def test_of_two_policies_the_stronger_decision_and_mode_win() -> None:
    mild = policy(f"a ALLOW_WITH_CANARY: {TESTS}", mode="shadow", name="mild")
    hard = policy(f"b BLOCK: {TESTS}", name="hard", validity="1h")
    found = judge(facts(red_tests(), request=request(mode=Mode.SHADOW)), (mild, hard))
    assert (found.decision, found.mode) == (Decision.BLOCK, Mode.ENFORCE)
    assert [one.name for one in found.policies] == ["mild", "hard"]
    assert found.valid_until == NOW + timedelta(hours=1)


@pytest.mark.parametrize("mode", Mode)
def test_no_rules_hold(mode: Mode) -> None:
    known = facts(green_tests(), request=request(mode=mode))
    for policies in ((), (replace(policy(f"t HOLD: {TESTS}"), rules=()),)):
        found = judge(known, policies)
        assert found.decision is Decision.HOLD
        assert not found.proceed
        assert found.headline == "No rule judges this release."


def test_what_could_not_be_judged_is_held_with_the_reason() -> None:
    found = undecided(
        facts(green_tests(), request=request(mode=Mode.SHADOW)), (policy(f"t HOLD: {TESTS}"),), "it broke"
    )
    assert (found.decision, found.proceed) == (Decision.HOLD, False)
    assert found.headline == "A rule could not be judged."
    assert only(found).reason == "it broke"
    assert found.policies[0].name == "p"


def test_a_service_without_a_policy_is_told_so_and_what_is_spelt_alike() -> None:
    known = (Target("checkout-apl", None, "production"), Target("billing", None, "staging"))
    (warning,) = judge(facts(green_tests(), known_targets=known), (baseline(Mode.ENFORCE),)).warnings
    assert warning == "no_policy: no policy covers checkout-api in production; spelt alike: checkout-apl in production"


def test_advice_that_was_not_followed_what_is_lost_and_whose_clock_is_ahead_are_warned_of() -> None:
    early = green_tests(observed_at=NOW + timedelta(minutes=5))
    red = red_tests("b")
    known = facts(early, red, request=request(mode=Mode.ADVISORY), streams=(stream(closed=3),))
    found = judge(known, (policy(f"t HOLD: {TESTS}", "b HOLD: require: {type: TEST_RESULTS, name: b}", mode="shadow"),))
    assert found.warnings == (
        "advisory: the pipeline goes on; in enforce the answer would be HOLD",
        "known_lost: 3 entries of ci-07 will not come",
        "skew: the clock of col_1 is 15 minutes ahead of ours",
    )


def test_waivers_that_are_needed_are_one_more_where_the_author_is_unknown() -> None:
    assert about(facts(red_tests()), f"t BLOCK: {TESTS}").waivers_needed == 2
    assert about(facts(red_tests(), authors=frozenset()), f"t BLOCK: {TESTS}").waivers_needed == 3


# --- what would change it ---


def test_then_decision_is_what_is_left_and_the_smallest_set_is_all_of_the_strongest() -> None:
    rules = (f"a HOLD: {TESTS}", "b HOLD: approvals: {count: 1}", 'c ALLOW_WITH_CANARY: expect: "rollback.verified"')
    found = judge(facts(), (policy(*rules),))
    assert [one.then_decision for one in found.findings] == [Decision.HOLD] * 3
    assert [one.rule for one in smallest(found.findings)] == ["a", "b"]
    less = judge(facts(green_tests()), (policy(*rules),))
    assert less.findings[1].then_decision is Decision.ALLOW_WITH_CANARY
    assert [one.rule for one in smallest(less.findings)] == ["b"]


def test_where_nothing_speaks_against_it_nothing_would_change_it() -> None:
    assert smallest(judge(facts(green_tests()), (policy(f"t HOLD: {TESTS}"),)).findings) == ()


# --- the watch window ---


@pytest.mark.parametrize(
    ("minutes_ago", "decision"),
    [(5, Decision.ROLLBACK_RECOMMENDED), (25, Decision.ROLLBACK_RECOMMENDED), (45, Decision.ALLOW)],
)
def test_health_that_fails_in_the_watch_window_recommends_to_roll_back(minutes_ago: int, decision: Decision) -> None:
    at = ago(minutes=minutes_ago)
    bad = ingested("health", {"metrics": {"ready": False}}, passed=False, observed_at=at, received_at=at)
    known = facts(green_tests(), bad, deployed=Deployed(ago(minutes=30)))
    assert judge(known, (policy(f"t HOLD: {TESTS}"),)).decision is decision
    assert judge(replace(known, deployed=None), (policy(f"t HOLD: {TESTS}"),)).decision is Decision.ALLOW


def test_health_that_came_back_recommends_nothing() -> None:
    bad = ingested(
        "health", {"metrics": {"ready": False}}, passed=False, observed_at=ago(minutes=5), received_at=ago(minutes=5)
    )
    good = ingested("health", {"metrics": {"ready": True}}, id="sha256:good", content="good", arrival=2)
    known = facts(green_tests(), bad, good, deployed=Deployed(ago(minutes=30)))
    assert judge(known, (policy(f"t HOLD: {TESTS}"),)).decision is Decision.ALLOW


# --- the baseline ---


def test_the_second_seeds_example_is_held_by_the_baseline() -> None:
    asked = request(
        mode=Mode.SHADOW, ready=True, require_healthy_target=True, rollback_available=True, rollback_verified=False
    )
    found = judge(facts(request=asked), (baseline(Mode.SHADOW),))
    assert found.decision is Decision.HOLD
    assert found.proceed
    assert [one.rule for one in found.blockers] == ["tests", "rollback-verified"]
    assert found.headline.startswith("Nothing has failed. 1 of 5 proofs is not here yet")


def test_smoke_that_was_ingested_for_the_digest_is_tests_enough_for_the_baseline() -> None:
    asked = request(ready=True, require_healthy_target=True, rollback_available=True, rollback_verified=True)
    smoke = ingested("smoke", {"status": "passed"}, digests=frozenset({asked.digest}))
    found = judge(facts(smoke, request=asked), (baseline(Mode.ENFORCE),))
    assert found.decision is Decision.ALLOW, [(one.rule, one.reason) for one in found.blockers]


def test_two_commits_of_one_digest_contradict_in_the_baseline_and_cannot_be_waived() -> None:
    both = (link(), link(id="sha256:other", commit=OTHER_COMMIT))
    known = facts(
        green_tests(), links=both, waivers=tuple(waiver(rule, ANNE) for rule in ("tests", "nothing-contradicted"))
    )
    found = {one.rule: one for one in judge(known, (baseline(Mode.ENFORCE),)).findings}
    assert found["nothing-contradicted"].cause is Cause.CONTRADICTED
    assert not found["nothing-contradicted"].lifted
    assert not found["tests"].lifted


def test_the_order_of_facts_means_nothing() -> None:
    known = facts(
        green_tests(),
        red_tests("b"),
        scan(),
        streams=(stream(), stream("b", lacking=1)),
        approvals=(approval(ANNE, "two"), approval(BERT, "two")),
    )
    rules = policy(f"a HOLD: {TESTS}", "b HOLD: require: {type: TEST_RESULTS}", TWO, NOTHING_MISSING)
    turned = replace(known, evidence=known.evidence[::-1], streams=known.streams[::-1], approvals=known.approvals[::-1])
    assert judge(turned, (rules,)) == judge(known, (rules,))
