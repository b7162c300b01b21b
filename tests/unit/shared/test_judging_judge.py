"""The whole answer: people, modes, what would change it, the watch window, the baseline (policy.md sections 3 to 6)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.judging.baseline import baseline
from shared.judging.judge import judge, smallest, undecided
from shared.judging.policy import WATCH, Policy
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
from tests.helpers.worlds import covered

ANNE, BERT = actor("anne"), actor("bert")
TORN = green_tests(evidence={"totalTests": 9, "passed": 10, "failed": 0})
BEATS = ingested("health", {"metrics": {"ready": True}})
TWO_COMMITS = (link(), link(id="sha256:other", commit=OTHER_COMMIT))
TWO_HELD = tuple(replace(one, held="forked") for one in TWO_COMMITS)


def approved(known: Facts, *policies: Policy) -> Facts:
    """The same facts after Anne approved what was found in them."""
    found = judge(known, policies).findings
    given = approval(
        ANNE,
        *(one.rule for one in found),
        findings=frozenset(one.fingerprint for one in found if one.fingerprint),
    )
    return replace(known, approvals=(given,))


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
    rules = policy(f"soft REQUIRE_APPROVAL: {TESTS}", f"hard HOLD: {TESTS}")
    before = judge(facts(red_tests()), (rules,)).findings
    assert before[0].next_action.endswith("signed in as an approver")
    assert [bool(one.fingerprint) for one in before] == [True, False]
    known = approved(facts(red_tests()), rules)
    soft, hard = judge(known, (rules,)).findings
    assert (soft.cause, soft.waived_by) == (Cause.WAIVED, ("anne@acme",))
    assert soft.fingerprint == before[0].fingerprint
    assert hard.cause is Cause.FAILED


COVERED = 'c REQUIRE_APPROVAL: require: {type: COVERAGE, where: "evidence.coverage >= 80.0"}'
WELL = 'c REQUIRE_APPROVAL: expect: "rollback.available && health.ready"'
WHOLE = "c REQUIRE_APPROVAL: collection: {maxHeartbeatAge: 15m, gaps: none}"
BOTH = 'c REQUIRE_APPROVAL: expect: "evidence.COVERAGE.coverage >= 80.0 && evidence.TEST_RESULTS.failed == 0"'


@pytest.mark.parametrize(
    ("rule", "seen", "then"),
    [
        (COVERED, facts(covered(61.2)), facts(covered(1.0, id="sha256:worse"))),
        (COVERED, facts(), facts(covered(1.0))),
        (COVERED, facts(covered(90.0, held="forked")), facts(covered(61.2))),
        (f"c REQUIRE_APPROVAL: {TESTS}", facts(red_tests()), facts(red_tests(), red_tests(id="b", source_key="b"))),
        (WELL, facts(request=request(ready=True)), facts(request=request(ready=False, rollback_available=True))),
        (WHOLE, facts(streams=(stream(lacking=1),)), facts(streams=(stream(lacking=2),))),
        (BOTH, facts(green_tests()), facts(red_tests(id="sha256:red"))),
    ],
)
def test_an_approval_lifts_the_findings_that_it_was_given_on_and_no_later_one_of_the_same_rule(
    rule: str, seen: Facts, then: Facts
) -> None:
    given = approved(seen, policy(rule))
    assert only(judge(given, (policy(rule),))).cause is Cause.WAIVED
    later = judge(replace(then, approvals=given.approvals), (policy(rule),))
    assert later.decision is Decision.REQUIRE_APPROVAL
    assert "without this finding" in only(later).considered[-1].detail


def test_an_approval_of_what_is_not_here_holds_whoever_is_silent_and_whatever_there_is_of_others() -> None:
    given = approved(facts(), policy(COVERED))
    elsewhere = covered(id="sha256:elsewhere", commits=frozenset({OTHER_COMMIT}))
    for known in (facts(elsewhere), facts(streams=()), facts(streams=(stream(silent=True),))):
        assert judge(replace(known, approvals=given.approvals), (policy(COVERED),)).decision is Decision.ALLOW


def test_an_approval_of_a_finding_is_none_of_what_another_policy_finds() -> None:
    known = facts(covered(61.2))
    given = approved(known, policy(COVERED))
    assert judge(given, (policy(COVERED, validity="1h"),)).decision is Decision.REQUIRE_APPROVAL
    assert judge(given, (policy(COVERED), policy(COVERED, name="q"))).decision is Decision.REQUIRE_APPROVAL


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
    ],
)
def test_what_no_waiver_can_lift_stays(known: Facts, rule: str) -> None:
    lifted = replace(known, waivers=(waiver("t", ANNE), waiver("t", BERT)), approvals=(approval(ANNE, "other"),))
    found = about(lifted, rule)
    assert not found.lifted
    assert not found.waivers_needed


@pytest.mark.parametrize(
    ("known", "rule"),
    [
        (facts(TORN), f"t HOLD: {TESTS}"),
        (facts(TORN), f"t REQUIRE_APPROVAL: {TESTS}"),
        # Whatever else is wrong, and would be told first.
        (facts(TORN), 't HOLD: expect: "evidence.COVERAGE.coverage >= 80.0 && evidence.TEST_RESULTS.failed == 0"'),
        (facts(TORN), 't HOLD: expect: "!artifact.contradicted && evidence.COVERAGE.coverage >= 80.0"'),
        (
            facts(TORN, covered(held="forked")),
            't HOLD: expect: "evidence.COVERAGE.signed && evidence.TEST_RESULTS.signed"',
        ),
        (facts(green_tests("b"), replace(TORN, held="forked")), "t HOLD: require: {type: TEST_RESULTS}"),
        (facts(links=TWO_COMMITS), f"t HOLD: {TESTS}"),
        (facts(links=TWO_COMMITS), 't HOLD: expect: "evidence.TEST_RESULTS.failed == 0"'),
        (facts(links=TWO_HELD), 't HOLD: expect: "artifact.linked"'),
        (facts(BEATS, links=TWO_COMMITS), "t HOLD: require: {type: [health, smoke]}"),
    ],
)
def test_what_contradicts_itself_is_told_first_and_nobody_lifts_it(known: Facts, rule: str) -> None:
    found = about(replace(known, waivers=(waiver("t", ANNE), waiver("t", BERT))), rule)
    assert (found.cause, found.waivers_needed, found.fingerprint) == (Cause.CONTRADICTED, 0, "")
    assert found.brief.startswith("the evidence contradicts itself")
    assert found.next_action


def test_what_contradicts_itself_keeps_nobody_from_waiving_what_does_not_rest_on_it() -> None:
    known = facts(TORN, BEATS, links=TWO_COMMITS, waivers=(waiver("t", ANNE),))
    assert about(known, "t HOLD: require: {type: health, maxAge: 30s}").cause is Cause.WAIVED
    assert about(known, 't HOLD: expect: "rollback.available"').cause is Cause.WAIVED


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
    waived = replace(known, waivers=(waiver("no-rules", ANNE, BERT),))
    for policies, says in (((), "No policy judges this release."), ((policy(),), "The policy p has no rules.")):
        found = judge(waived, policies)
        assert found.decision is Decision.HOLD
        assert not found.proceed
        assert found.headline == says
        assert only(found).then_decision is Decision.ALLOW


@pytest.mark.parametrize("first", [True, False])
def test_a_policy_without_rules_holds_whatever_others_beside_it_decide(*, first: bool) -> None:
    bare, other = policy(name="bare"), policy(f"t ALLOW_WITH_CANARY: {TESTS}", name="other")
    policies = (bare, other) if first else (other, bare)
    for known, then in ((facts(green_tests()), Decision.ALLOW), (facts(red_tests()), Decision.ALLOW_WITH_CANARY)):
        found = judge(known, policies)
        assert found.decision is Decision.HOLD
        (none,) = smallest(found.findings)
        assert (none.rule, none.then_decision) == ("no-rules" if first else "bare/no-rules", then)
        assert [one.then_decision for one in found.blockers if one is not none] == [Decision.HOLD] * (
            then is not Decision.ALLOW
        )
        assert any(one.startswith("no_rules: bare") for one in found.warnings)


def test_rules_of_two_policies_that_have_one_id_are_told_apart_and_lifted_apart() -> None:
    both = (policy(f"t HOLD: {TESTS}"), policy(f"t HOLD: {TESTS}", name="q"))
    assert [one.rule for one in judge(facts(red_tests()), both).findings] == ["t", "q/t"]
    for rule, open_ in (("t", "q/t"), ("q/t", "t")):
        found = judge(facts(red_tests(), waivers=(waiver(rule, ANNE),)), both)
        assert [one.rule for one in found.blockers] == [open_]
        assert found.blockers[0].then_decision is Decision.ALLOW
    lifted = judge(facts(red_tests(), waivers=(waiver("t", ANNE), waiver("q/t", ANNE))), both)
    assert lifted.decision is Decision.ALLOW


def test_people_who_approved_by_one_policy_are_not_those_that_another_asks_for() -> None:
    ask = "two REQUIRE_APPROVAL: approvals: {count: 1}"
    known = facts(approvals=(approval(ANNE, "two"),))
    (open_,) = judge(known, (policy(ask), policy(ask, name="q"))).blockers
    assert open_.rule == "q/two"
    assert "approve q/two" in open_.next_action


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


def test_health_that_contradicts_itself_in_the_watch_window_is_lifted_by_no_waiver() -> None:
    torn = ingested("health", {"metrics": {"ready": True}}, against=("said_worse",))
    known = facts(torn, deployed=Deployed(ago(minutes=30)), waivers=(waiver(WATCH, ANNE, BERT),))
    watched = judge(known, (policy("t HOLD: expect: \"service.name != ''\""),))
    assert watched.decision is Decision.ROLLBACK_RECOMMENDED
    assert watched.blockers[0].cause is Cause.CONTRADICTED
    failed = replace(torn, against=(), passed=False)
    assert judge(replace(known, evidence=(failed,)), (policy(f"t ALLOW_WITH_CANARY: {TESTS}"),)).findings[1].lifted


def test_a_deployment_is_watched_also_where_no_rule_judges_it() -> None:
    bad = ingested("health", {"metrics": {"ready": False}}, passed=False)
    known = facts(bad, deployed=Deployed(ago(minutes=30)))
    assert judge(known, (policy(),)).decision is Decision.ROLLBACK_RECOMMENDED
    assert judge(replace(known, waivers=(waiver(WATCH, ANNE, BERT),)), (policy(),)).decision is Decision.HOLD


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
