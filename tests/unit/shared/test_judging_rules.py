"""Each kind of rule: what it finds in evidence, in the request and in streams, and which cause it tells."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.encoding import JsonValue
from shared.judging.judge import judge
from shared.judging.values import Basis, Cause, Decision, Facts, Piece, StreamFact
from tests.helpers.facts import (
    NOW,
    OTHER_COMMIT,
    actor,
    ago,
    facts,
    green_tests,
    ingested,
    link,
    piece,
    red_tests,
    request,
    scan,
    stream,
    waiver,
)
from tests.helpers.judged import NOTHING_MISSING, TESTS, about, only, policy
from tests.helpers.worlds import covered

ANNE, BERT = actor("anne"), actor("bert")


# --- require ---


def test_green_signed_tests_let_a_release_go() -> None:
    found = judge(facts(green_tests()), (policy(f"t HOLD: {TESTS}"),))
    assert found.decision is Decision.ALLOW
    assert found.proceed
    assert found.headline == "Nothing has failed. The one proof is here."
    assert found.confidence == 1.0
    assert found.oldest_evidence_seconds == 600
    assert found.valid_until == NOW + timedelta(hours=24)


@pytest.mark.parametrize(
    ("known", "cause", "says"),
    [
        (facts(red_tests()), Cause.FAILED, "3 tests failed"),
        (
            facts(green_tests(evidence={"totalTests": 9, "passed": 10, "failed": 0})),
            Cause.CONTRADICTED,
            "totalTests is 9",
        ),
        (facts(green_tests(held="key_revoked")), Cause.REVOKED, "its key was revoked"),
        (facts(green_tests(held="forked")), Cause.HELD, "its stream parted in two"),
        (facts(green_tests(basis=Basis.POSTED, collector=None)), Cause.UNSIGNED, "posted"),
        (facts(green_tests(), links=(link(signed=False),)), Cause.UNSIGNED, "posted"),
        (facts(green_tests("unit")), Cause.NEAR_MISS, 'there is one named "unit"'),
        (facts(green_tests(commits=frozenset({OTHER_COMMIT}))), Cause.NEAR_MISS, "for commit 1234567"),
        (
            facts(green_tests(commits=frozenset(), digests=frozenset({"e" * 64}))),
            Cause.NEAR_MISS,
            "for digest sha256:eeeeeee",
        ),
        (facts(streams=(stream(waiting=14, oldest_waiting_at=ago(minutes=23)),)), Cause.ON_ITS_WAY, "14 reports"),
        (facts(streams=(stream(silent=True, heard_at=ago(minutes=21)),)), Cause.ON_ITS_WAY, "last heard 17:24"),
        (facts(), Cause.NOT_REPORTED, "ci-07 brings it and has nothing"),
        (facts(streams=()), Cause.MISSING, "no collector is known that brings it"),
    ],
)
def test_each_reason_why_tests_are_not_met_is_told_by_its_cause(known: Facts, cause: Cause, says: str) -> None:
    found = about(known, f"t HOLD: {TESTS}")
    assert (found.met, found.cause) == (False, cause)
    assert says in found.reason
    assert found.next_action
    assert found.then_decision is Decision.ALLOW


def test_the_words_of_the_contract_for_what_is_on_its_way() -> None:
    late = stream(waiting=14, oldest_waiting_at=NOW.replace(minute=22), heard_at=NOW.replace(minute=24), silent=True)
    found = about(facts(streams=(late,)), f"t HOLD: {TESTS}")
    assert found.reason == 'no "Unit Tests" for 9f3c8b7; ci-07 has 14 reports waiting since 17:22, last heard 17:24'
    assert found.next_action.startswith("restart carnet-collector on ci-07")


def test_a_red_group_among_green_ones_is_told_and_the_tests_of_all_are_counted() -> None:
    known = facts(green_tests("a"), red_tests("b"), red_tests("c"))
    found = judge(known, (policy("t BLOCK: require: {type: TEST_RESULTS}"),))
    assert found.decision is Decision.BLOCK
    assert found.headline == "6 tests failed."
    assert found.severity == "critical"


def test_what_is_too_old_says_how_old_it_may_be() -> None:
    old = scan(received_at=ago(days=9), observed_at=ago(days=9))
    found = judge(facts(old), (policy("s HOLD: require: {type: SECURITY_SCAN}"),))
    assert only(found).cause is Cause.STALE
    assert "9 days old, more than 7 days" in only(found).reason
    assert found.stale == ("s",)


def test_an_old_scan_that_found_something_has_failed_and_is_not_merely_old() -> None:
    old = scan(critical=2, received_at=ago(days=9), observed_at=ago(days=9))
    assert about(facts(old), "s BLOCK: require: {type: SECURITY_SCAN}").cause is Cause.FAILED


def test_outcome_any_leaves_the_outcome_to_where() -> None:
    rule = 's HOLD: require: {type: SECURITY_SCAN, outcome: any, where: "evidence.critical == 0"}'
    noisy = scan(evidence={"critical": 0, "high": 4, "medium": 0, "low": 0, "info": 0, "total": 4}, passed=False)
    assert about(facts(noisy), rule).met
    found = about(facts(scan(critical=1)), rule)
    assert found.cause is Cause.FAILED
    assert found.brief == "1 critical finding"


@pytest.mark.parametrize("change", [{"evidence": {"total": 0}}, {"cut": ("critical",)}])
def test_a_where_that_cannot_be_worked_out_is_an_error_and_not_met(change: dict[str, object]) -> None:
    rule = 's HOLD: require: {type: SECURITY_SCAN, where: "evidence.critical == 0"}'
    found = judge(facts(replace(scan(), **change)), (policy(rule),))  # type: ignore[arg-type]
    assert only(found).cause is Cause.ERROR
    assert "evidence.critical" in only(found).reason
    assert found.headline == "A rule could not be judged."


# --- expect ---


@pytest.mark.parametrize(
    ("claim", "evidence", "met"),
    [
        (True, None, True),
        (False, None, False),
        (None, None, False),
        (None, True, True),
        (False, True, False),
        (True, False, False),
        (None, False, False),
    ],
)
def test_of_a_claim_and_evidence_on_health_the_worse_one_counts(
    *, claim: bool | None, evidence: bool | None, met: bool
) -> None:
    pieces = () if evidence is None else (ingested("health", {"metrics": {"ready": evidence}}, passed=evidence),)
    known = facts(*pieces, request=request(ready=claim))
    assert about(known, 'h HOLD: expect: "health.ready"').met is met


def test_old_evidence_that_says_yes_leaves_the_word_to_the_claim_and_no_never_ages() -> None:
    yes = ingested("health", {"metrics": {"ready": True}}, observed_at=ago(hours=1))
    no = ingested("health", {"metrics": {"ready": False}}, passed=False, observed_at=ago(hours=1))
    rule = 'h HOLD: expect: "health.ready"'
    assert about(facts(yes, request=request(ready=True)), rule).met
    assert about(facts(yes), rule).cause is Cause.STALE
    assert about(facts(replace(yes, held="key_revoked", observed_at=NOW)), rule).cause is Cause.REVOKED
    assert about(facts(no, request=request(ready=True)), rule).cause is Cause.FAILED


def test_health_that_contradicts_itself_is_told_as_that_and_no_claim_or_waiver_goes_over_it() -> None:
    torn = ingested("health", {"metrics": {"ready": True}}, against=("said_worse",))
    known = facts(torn, request=request(ready=True), waivers=(waiver("h", ANNE, BERT),))
    found = about(known, 'h HOLD: expect: "health.ready"')
    assert (found.cause, found.waivers_needed) == (Cause.CONTRADICTED, 0)


def test_rollback_that_is_available_and_not_verified_is_said_in_those_words() -> None:
    known = facts(green_tests(), request=request(rollback_available=True, rollback_verified=False))
    rules = (f"t HOLD: {TESTS}", 'v ALLOW_WITH_CANARY: expect: "rollback.verified"')
    found = judge(known, (policy(*rules),))
    assert found.decision is Decision.ALLOW_WITH_CANARY
    assert found.findings[1].reason == "rollback is available, not verified"
    assert found.headline == "Nothing has failed. The one proof is here."
    assert not found.proceed
    assert judge(replace(known, request=replace(known.request, canary=True)), (policy(*rules),)).proceed


def test_what_nobody_says_is_missing_and_not_an_error() -> None:
    found = about(facts(), 'r HOLD: expect: "rollback.available"')
    assert found.cause is Cause.MISSING
    assert "rollback.available" in found.reason


def test_an_expression_that_cannot_be_worked_out_is_an_error_of_its_rule_alone() -> None:
    found = judge(facts(green_tests()), (policy('c HOLD: expect: "context.size > 3"', f"t HOLD: {TESTS}"),))
    assert [one.cause for one in found.findings] == [Cause.ERROR, None]
    assert "policy check" in found.findings[0].next_action


def test_an_expression_that_is_false_is_told_by_its_title() -> None:
    found = judge(facts(), (policy("""s HOLD: expect: "service.name == 'billing'\""""),))
    assert found.headline == "S holds: no."


def test_a_digest_that_nothing_links_says_how_it_is_linked() -> None:
    found = about(facts(green_tests(), links=()), 'l HOLD: expect: "artifact.linked"')
    assert found.cause is Cause.MISSING
    assert "carnet artifact --sha256" in found.next_action
    assert about(facts(links=(link(signed=False),)), 'l HOLD: expect: "artifact.linked"').slots == {Basis.POSTED: 1}


def test_an_expression_over_evidence_sees_all_groups_of_its_type() -> None:
    rule = 'e HOLD: expect: "evidence.TEST_RESULTS.totalTests >= 20 && evidence.TEST_RESULTS.signed"'
    assert about(facts(green_tests("a"), green_tests("b")), rule).met
    assert about(facts(green_tests("a")), rule).cause is Cause.FAILED
    assert about(facts(), rule).cause is Cause.NOT_REPORTED
    assert about(facts(green_tests("a", held="forked"), green_tests("b"), green_tests("c")), rule).cause is Cause.HELD


def test_an_expression_that_names_a_contradicted_type_is_contradicted() -> None:
    rule = 'e HOLD: expect: "evidence.TEST_RESULTS.failed == 0 || true"'
    bad = green_tests(evidence={"totalTests": 9, "passed": 10, "failed": 0})
    assert about(facts(bad), rule).cause is Cause.CONTRADICTED


# --- evidence that can be read in several ways ---

HELD_BESIDE = {"id": "sha256:b", "source_key": "b", "content": "b", "stream": "str_2", "held": "forked"}
OLD = {"received_at": ago(hours=1), "observed_at": ago(hours=1)}


@pytest.mark.parametrize(
    ("rule", "beside"),
    [
        ('require: {type: COVERAGE, where: "evidence.coverage >= 80"}', covered(50.0, **HELD_BESIDE)),
        ('require: {type: COVERAGE, where: "group.size < 2"}', covered(90.0, **HELD_BESIDE)),
        ('expect: "evidence.COVERAGE.coverage >= 80.0"', covered(50.0, **HELD_BESIDE)),
        ('expect: "evidence.COVERAGE.ageSeconds < 1800"', covered(90.0, **HELD_BESIDE, **OLD)),
        ('expect: "evidence.COVERAGE.signed"', covered(90.0, **HELD_BESIDE, basis=Basis.DECLARED)),
        ("expect: \"evidence.COVERAGE.basis == 'measured'\"", covered(90.0, **HELD_BESIDE, basis=Basis.CARRIED)),
        (
            'expect: "evidence.COVERAGE.linesTotal + evidence.SBOM.componentCount < 1500"',
            covered(90.0, **HELD_BESIDE),
        ),
    ],
)
def test_what_a_rule_asks_must_be_so_however_its_evidence_is_read(rule: str, beside: Piece) -> None:
    rule = f"c HOLD: {rule}"
    parts = piece("SBOM", "syft", {"componentCount": 3})
    assert about(facts(covered(90.0), parts), rule).met
    found = about(facts(covered(90.0), parts, beside), rule)
    assert found.cause is Cause.FAILED
    assert beside.id in {one.id for one in found.considered}
    assert not about(facts(covered(90.0), parts, replace(beside, held=None)), rule).met


def test_what_two_types_in_doubt_say_together_is_asked_too() -> None:
    rule = 'c HOLD: expect: "evidence.COVERAGE.linesTotal + evidence.SBOM.componentCount < 2003"'
    parts = [piece("SBOM", "syft", {"componentCount": 2}), piece("SBOM", "syft", {"componentCount": 1}, **HELD_BESIDE)]
    lines = [covered(90.0), covered(90.0, **HELD_BESIDE | {"id": "sha256:c", "stream": "str_3"})]
    assert about(facts(parts[0], *lines), rule).met
    assert about(facts(*parts, lines[0]), rule).met
    assert about(facts(*parts, *lines), rule).cause is Cause.FAILED


def test_a_target_is_as_old_and_as_well_known_as_the_worst_way_to_read_it() -> None:
    ready: dict[str, JsonValue] = {"metrics": {"ready": True}}
    fresh = ingested("health", ready, source="a")
    later = ingested("health", ready, source="b", id="sha256:b", content="b", held="forked", received_at=ago(minutes=9))
    rule = 'h HOLD: expect: "health.ageSeconds < 300"'
    assert about(facts(fresh), rule).met
    assert about(facts(fresh, replace(later, observed_at=ago(minutes=9))), rule).cause is Cause.FAILED


# --- collection ---


def test_a_stream_that_lacks_nothing_and_was_heard_lately_is_enough() -> None:
    assert about(facts(), NOTHING_MISSING).met


@pytest.mark.parametrize(
    ("streams", "cause"),
    [
        ((), Cause.MISSING),
        ((stream(delivered=False, recent=False),), Cause.MISSING),
        ((stream(lacking=3),), Cause.MISSING),
        ((stream(lacking=3, waiting=3),), Cause.ON_ITS_WAY),
        ((stream(), stream("ci-08", lacking=3)), Cause.MISSING),
        ((stream(heard_at=ago(minutes=16)),), Cause.STALE),
        ((stream(heard_at=None),), Cause.STALE),
        ((stream(forked=True),), Cause.CONTRADICTED),
        ((stream(abandoned=True),), Cause.MISSING),
        ((stream(), stream("other", delivered=False, recent=False, bound=True, lacking=1)), Cause.MISSING),
    ],
)
def test_nothing_missing_holds_only_if_no_stream_lacks_anything(streams: tuple[object, ...], cause: Cause) -> None:
    assert about(facts(streams=streams), NOTHING_MISSING).cause is cause


def test_a_gap_that_is_closed_and_a_collector_that_took_its_leave_hold_nothing_up() -> None:
    assert about(facts(streams=(stream(closed=3),)), NOTHING_MISSING).met
    assert about(facts(streams=(stream(retired=True, heard_at=ago(days=3)),)), NOTHING_MISSING).met


@pytest.mark.parametrize(
    ("collectors", "streams", "says"),
    [
        ("[ci-99]", (stream(),), "no stream of a collector named ci-99 is known"),
        ('["lab-*"]', (stream(),), "no stream of a collector named lab-* is known"),
        ('["*"]', (stream("other", delivered=False, recent=False),), "no stream of a collector feeds this service"),
        ('["*"]', (stream(delivered=False, recent=True, retired=True),), "no stream of a collector feeds this service"),
        ('["*"]', (), "no stream of a collector named * is known"),
        ("[ci-07]", (stream(delivered=False, recent=False),), None),
        ('["ci-*"]', (stream(delivered=False, recent=False, bound=True),), None),
    ],
)
def test_a_glob_is_no_feed_and_a_collector_that_is_named_and_not_known_is_missed(
    collectors: str, streams: tuple[StreamFact, ...], says: str | None
) -> None:
    found = about(facts(streams=streams), f"c HOLD: collection: {{maxHeartbeatAge: 15m, collectors: {collectors}}}")
    assert found.met is (says is None)
    assert says is None or (found.cause is Cause.MISSING and says in found.reason)


def test_a_fork_is_told_before_a_collector_that_is_not_known() -> None:
    rule = "c HOLD: collection: {maxHeartbeatAge: 15m, collectors: [ci-99]}"
    assert about(facts(streams=(stream(forked=True),)), rule).cause is Cause.CONTRADICTED


def test_collectors_that_a_rule_names_must_be_well_too() -> None:
    rule = 'c HOLD: collection: {maxHeartbeatAge: 15m, gaps: none, collectors: ["lab-*"]}'
    other = stream("lab-1", delivered=False, recent=False, lacking=1)
    assert about(facts(streams=(stream(), other)), NOTHING_MISSING).met
    assert not about(facts(streams=(stream(), other)), rule).met
