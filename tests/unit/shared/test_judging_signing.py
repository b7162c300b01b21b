"""What somebody signs: the release as it was found on their passport, and nothing that fails since."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.judging.judge import judge
from shared.judging.values import Basis, Cause, Decision, Facts, Finding, Piece
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
from tests.helpers.judged import NOTHING_MISSING, TESTS, policy, signed
from tests.helpers.worlds import covered

ANNE, BERT, CLEO = actor("anne"), actor("bert"), actor("cleo")
TWO = "two REQUIRE_APPROVAL: approvals: {count: 2}"
T = f"t ALLOW_WITH_CANARY: {TESTS}"
COVERED = 'c ALLOW_WITH_CANARY: require: {type: COVERAGE, where: "evidence.coverage >= 80.0"}'
CLEAN = 's ALLOW_WITH_CANARY: require: {type: SECURITY_SCAN, outcome: any, where: "evidence.critical == 0"}'
TRIED = 'r ALLOW_WITH_CANARY: expect: "rollback.verified"'
ASKED = "r ALLOW_WITH_CANARY: expect: \"release.releaseId == '1'\""
UNTRIED = ingested("rollback", {"metrics": {"available": True, "verified": False}}, source_key="argo")
HIGH = 'h ALLOW_WITH_CANARY: expect: "evidence.SECURITY_SCAN.high == 0"'

MIXED = 'm ALLOW_WITH_CANARY: expect: "rollback.verified && evidence.SECURITY_SCAN.medium == 0"'
BOTH = 'b ALLOW_WITH_CANARY: expect: "evidence.TEST_RESULTS.failed == 0 && evidence.SECURITY_SCAN.medium == 0"'
FEW = 'f ALLOW_WITH_CANARY: require: {type: SECURITY_SCAN, outcome: any, where: "evidence.high <= 5"}'
DENIED = request(rollback_verified=False)


def mediums(count: int) -> Piece:
    return scan(id="sha256:m", content="m", evidence={"critical": 0, "high": 0, "medium": count, "total": count})


def highs(name: str, count: int) -> Piece:
    said = {"critical": 0, "high": count, "medium": 0, "total": count}
    return scan(id=name, source_key=name, content=name, sequence=ord(name), evidence=said)


def people(known: Facts, seen: Facts, *rules: str) -> Finding:
    """What two people find asked of them who approved when `seen` was what was known."""
    known = replace(known, approvals=(approval(ANNE, "two"), approval(BERT, "two")))
    judged = policy(*rules, TWO)
    return judge(signed(known, judged, seen=seen), (judged,)).findings[-1]


@pytest.mark.parametrize(
    ("rule", "seen", "now"),
    [
        # It was met.
        (T, facts(green_tests()), facts(red_tests())),
        (T, facts(green_tests()), facts()),
        (T, facts(green_tests()), facts(green_tests(held="key_revoked"))),
        (T, facts(green_tests()), facts(green_tests(basis=Basis.DECLARED))),
        (NOTHING_MISSING, facts(), facts(streams=(stream(lacking=1),))),
        # It was awaited, and failed.
        (T, facts(), facts(red_tests())),
        (COVERED, facts(), facts(covered(61.2))),
        (TRIED, facts(), facts(UNTRIED)),
        (TRIED, facts(), facts(request=request(rollback_verified=False))),
        (HIGH, facts(), facts(scan(id="sha256:a", evidence={"high": 1, "critical": 0}))),
        # It failed, and fails otherwise.
        (T, facts(red_tests()), facts(red_tests(), red_tests(id="b", source_key="b", content="b"))),
        (T, facts(red_tests()), facts(red_tests(id="sha256:again", content="again"))),
        (COVERED, facts(covered(61.2)), facts(covered(1.0, id="sha256:worse"))),
        (CLEAN, facts(scan(1)), facts(scan(1), scan(2, id="b", source_key="b"))),
        (T, facts(red_tests()), facts(red_tests(), links=(link(), link(id="sha256:other", commit=OTHER_COMMIT)))),
        (NOTHING_MISSING, facts(streams=(stream(lacking=1),)), facts(streams=(stream(lacking=1, forked=True),))),
        (ASKED, facts(), facts(request=request(release_id="3"))),
        # It was not met for another reason, or fails by a sum, or is merely not linked.
        (MIXED, facts(scan(), request=DENIED), facts(mediums(50), request=DENIED)),
        (BOTH, facts(red_tests(), scan()), facts(red_tests(), mediums(50))),
        (BOTH, facts(), facts(mediums(50))),
        (BOTH, facts(), facts(green_tests(held="key_revoked"), mediums(50))),
        (FEW, facts(highs("a", 6)), facts(highs("a", 6), highs("b", 5), highs("c", 5))),
        (T, facts(), facts(red_tests(), links=())),
    ],
)
def test_what_fails_after_somebody_signed_takes_their_yes_away(rule: str, seen: Facts, now: Facts) -> None:
    assert people(seen, seen, rule).met
    found = people(now, seen, rule)
    assert (found.met, found.cause) == (False, Cause.WAITING_FOR_PERSON)
    named = rule.split(maxsplit=1)[0]
    assert found.reason == f"0 of 2 approvals; 2 given before this failed: {named}"
    assert {(one.refused, one.detail) for one in found.considered} == {
        (Cause.WAITING_FOR_PERSON, f"given before this failed: {named}")
    }
    assert people(now, now, rule).met, "they sign again"


@pytest.mark.parametrize(
    ("rule", "seen", "now"),
    [
        # It is met now.
        (T, facts(red_tests()), facts(green_tests())),
        (T, facts(), facts(green_tests())),
        # It is waited for, for whatever reason.
        (T, facts(), facts(streams=())),
        (T, facts(), facts(streams=(stream(silent=True),))),
        (T, facts(), facts(streams=(stream(waiting=3),))),
        (T, facts(streams=()), facts(green_tests("Other Tests"))),
        (T, facts(), facts(green_tests(reports=3), streams=())),
        (NOTHING_MISSING, facts(streams=(stream(lacking=1),)), facts(streams=(stream(lacking=9),))),
        (NOTHING_MISSING, facts(streams=(stream(lacking=1),)), facts(streams=(stream(heard_at=ago(hours=1)),))),
        # What failed is the same, or less.
        (T, facts(red_tests(), red_tests(id="b", source_key="b", content="b")), facts(red_tests())),
        (T, facts(red_tests()), facts(red_tests(id="sha256:again"))),
        (T, facts(red_tests()), facts(red_tests(), green_tests(id="b", source_key="b"))),
        (T, facts(red_tests()), facts(red_tests(held="key_revoked"))),
        (COVERED, facts(covered(61.2)), facts(covered(61.2), covered(70.0, passed=True, id="b", run="run-0"))),
        # The same no, said again.
        (TRIED, facts(UNTRIED), facts(replace(UNTRIED, id="sha256:later", received_at=ago(seconds=5)))),
    ],
)
def test_what_is_met_by_now_or_waited_for_or_was_seen_takes_nobodys_yes_away(
    rule: str, seen: Facts, now: Facts
) -> None:
    assert people(now, seen, rule).met


def test_what_is_waived_after_somebody_signed_was_not_seen_by_them() -> None:
    waived = facts(red_tests(), waivers=(waiver("t", CLEO),))
    assert not people(waived, facts(green_tests()), T).met
    assert people(waived, facts(red_tests()), T).met


def test_once_what_failed_is_met_the_yes_counts_again_and_the_answer_says_so() -> None:
    rules = policy(f"t HOLD: {TESTS}", TWO)
    known = facts(red_tests(), approvals=(approval(ANNE, "two"), approval(BERT, "two")))
    failed, waits = judge(known, (rules,)).findings
    assert failed.then_decision is Decision.ALLOW
    assert waits.then_decision is Decision.HOLD
    assert judge(replace(known, evidence=(green_tests(),)), (rules,)).decision is Decision.ALLOW


def test_an_act_that_would_not_count_anyway_says_so_first() -> None:
    ended = approval(ANNE, "two", expires_at=NOW - timedelta(minutes=1))
    own = approval(actor("author"), "two")
    found = judge(facts(approvals=(ended, own)), (policy(T, TWO),)).findings[-1]
    assert found.reason == "0 of 2 approvals"
    assert {one.detail for one in found.considered} == {
        "has ended",
        "author@acme is author or requester of this release",
    }


def test_another_version_of_the_policy_is_another_question() -> None:
    known = facts(red_tests(), approvals=(approval(ANNE, "two"), approval(BERT, "two")))
    given = signed(known, policy(T, TWO))
    assert judge(given, (policy(T, TWO),)).findings[-1].met
    assert not judge(given, (policy(T, TWO, validity="1h"),)).findings[-1].met
    met = replace(given, evidence=(green_tests(),))
    assert judge(met, (policy(T, TWO, validity="1h"),)).findings[-1].met


def test_of_more_failures_than_a_passport_tells_nobodys_yes_counts_and_the_answer_says_so() -> None:
    many = [red_tests(id=f"sha256:{at}", source_key=f"{at}", content=f"{at}") for at in range(1001)]
    few, known = facts(*many[:900]), facts(*many)
    assert people(few, few, T).met
    assert "no approval counts while more than 1000 things fail" in people(known, known, T).reason
    found = judge(known, (policy(*[f"t{at} HOLD: {TESTS}" for at in range(20)], TWO),)).findings
    assert sum(len(one.marks) for one in found) <= 1000


def test_one_of_very_many_failures_that_is_mended_takes_nobodys_yes_away() -> None:
    many = [red_tests(id=f"sha256:{at}", source_key=f"{at}", content=f"{at}") for at in range(102)]
    assert people(facts(*many[1:]), facts(*many), T).met


@pytest.mark.parametrize(
    ("rule", "signed_then", "joined"),
    [
        (FEW, facts(highs("a", 6), highs("b", 5)), highs("c", 5)),
        (BOTH, facts(red_tests(), scan()), green_tests(id="sha256:b", source_key="b", content="b")),
    ],
)
def test_a_green_report_takes_a_yes_away_while_it_is_there(rule: str, signed_then: Facts, joined: Piece) -> None:
    """Were it gone altogether, the release would be what they signed: no mark tells the two apart (docs/adr/0009)."""
    assert not people(replace(signed_then, evidence=(*signed_then.evidence, joined)), signed_then, rule).met
    assert people(signed_then, signed_then, rule).met
