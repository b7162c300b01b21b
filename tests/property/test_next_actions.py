"""Every next action does what it promises: followed to the letter, the decision becomes `thenDecision`.

Each world has one thing wrong with it, of every cause that a kind of rule can find. Following an action adds to what is
known, as it would be outside (`tests.helpers.doing`); what was wrong stays there, as it does outside.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.judging.judge import smallest
from shared.judging.values import STRENGTH, Basis, Cause, Decision, Deployed, Facts
from tests.helpers import judged
from tests.helpers.doing import World, follow, later, ways
from tests.helpers.facts import (
    OTHER_COMMIT,
    actor,
    ago,
    approval,
    changed,
    facts,
    green_tests,
    ingested,
    link,
    red_tests,
    request,
    scan,
    stream,
)
from tests.helpers.worlds import LATE, POLICY, WORLDS, good

TORN = green_tests(evidence={"totalTests": 3, "passed": 4, "failed": 0, "errors": 0, "skipped": 0})
TESTS = 't HOLD: require: {type: TEST_RESULTS, name: "Unit Tests", signed: true, where: "evidence.failed == 0"}'
ANY_TESTS = "t HOLD: require: {type: TEST_RESULTS}"
SCANS = 't BLOCK: require: {type: SECURITY_SCAN, outcome: any, where: "evidence.critical == 0"}'
READY = 't HOLD: expect: "health.ready"'
COUNTED = 't HOLD: expect: "evidence.TEST_RESULTS.passed > 0 && evidence.SECURITY_SCAN.critical == 0"'
PEOPLE = "t REQUIRE_APPROVAL: approvals: {count: 2}"
STREAMS = "t HOLD: collection: {maxHeartbeatAge: 15m, gaps: none}"
GLOBBED = "t HOLD: collection: {maxHeartbeatAge: 15m, gaps: none, collectors: [ci-99]}"
NOT_READY = ingested("health", {"metrics": {"ready": False}}, passed=False)
IS_READY = ingested("health", {"metrics": {"ready": True}})
OF_ITS_OWN = red_tests().id
OLD: dict[str, object] = {"received_at": ago(days=8), "observed_at": ago(days=8)}
UNLINKED = facts(green_tests(), links=())
POSTED_LINK = facts(green_tests(), links=(link(signed=False),))
TWO_COMMITS = (link(), link(id="sha256:other", commit=OTHER_COMMIT))
ONE_OF_TWO = green_tests(reports=2)
SIGNED_LINK_HELD = facts(green_tests(), links=(link(held="forked"),))
ANOTHER: dict[str, object] = {"id": "sha256:another", "source_key": "another", "content": "another"}
POSTED: dict[str, object] = {"basis": Basis.POSTED, "collector": None, "stream": None, "sequence": None, "source": "ci"}


@dataclass(frozen=True)
class Case:
    """A rule, the cause that it finds, and what is known."""

    rule: str
    cause: Cause
    known: Facts

    @property
    def world(self) -> World:
        return World(self.known, judged.policy(*([self.rule] if self.rule else [])))


def streams(*these: object) -> Facts:
    return facts(streams=these)


def approvals(*by: str, **changes: object) -> tuple[object, ...]:
    return tuple(approval(actor(one), "t", **changes) for one in by)


CASES = (
    # A report, signed.
    Case(TESTS, Cause.FAILED, facts(red_tests())),
    Case(TESTS, Cause.FAILED, facts(red_tests(reports=2), changed(red_tests(reports=2), ANOTHER))),
    Case(TESTS, Cause.FAILED, facts(red_tests(basis=Basis.DECLARED))),
    Case(TESTS, Cause.FAILED, facts(red_tests(held="forked"), changed(green_tests(sequence=0), ANOTHER))),
    Case(TESTS, Cause.CONTRADICTED, facts(TORN)),
    Case(TESTS, Cause.CONTRADICTED, facts(green_tests(), request=request(source_sha=OTHER_COMMIT))),
    Case(TESTS, Cause.CONTRADICTED, facts(green_tests(), links=TWO_COMMITS)),
    Case(TESTS, Cause.CONTRADICTED, facts(red_tests(), request=request(source_sha=OTHER_COMMIT))),
    Case(TESTS, Cause.CONTRADICTED, facts(changed(TORN, {"basis": Basis.DECLARED}))),
    Case('t HOLD: expect: "!artifact.contradicted"', Cause.CONTRADICTED, facts(TORN)),
    Case('t HOLD: expect: "!artifact.contradicted"', Cause.CONTRADICTED, facts(links=TWO_COMMITS)),
    Case(TESTS, Cause.REVOKED, facts(green_tests(held="key_revoked"))),
    Case(TESTS, Cause.HELD, facts(green_tests(held="forked"))),
    Case(TESTS, Cause.HELD, SIGNED_LINK_HELD),
    Case(TESTS, Cause.UNSIGNED, facts(green_tests(basis=Basis.DECLARED))),
    Case(TESTS, Cause.UNSIGNED, facts(changed(green_tests(), POSTED))),
    Case(TESTS, Cause.UNSIGNED, POSTED_LINK),
    Case(TESTS[:-1] + ", maxAge: 7d}", Cause.STALE, facts(changed(green_tests(), OLD))),
    Case(TESTS, Cause.STALE, facts(green_tests(expires_at=ago(hours=1)))),
    Case(TESTS, Cause.NEAR_MISS, facts(green_tests("unit tests"))),
    Case(TESTS, Cause.NEAR_MISS, facts(green_tests(commits=frozenset({OTHER_COMMIT})))),
    Case(TESTS, Cause.NEAR_MISS, facts(green_tests(commits=frozenset(), digests=frozenset({"e" * 64})))),
    Case(TESTS, Cause.NEAR_MISS, UNLINKED),
    Case(TESTS, Cause.ON_ITS_WAY, facts(streams=(LATE,))),
    Case(TESTS, Cause.ON_ITS_WAY, facts(streams=(stream(waiting=3),))),
    Case(TESTS, Cause.ON_ITS_WAY, facts(ONE_OF_TWO)),
    Case(TESTS, Cause.NOT_REPORTED, facts()),
    Case(TESTS, Cause.NOT_REPORTED, facts(links=())),
    Case(TESTS, Cause.MISSING, facts(streams=())),
    Case(TESTS, Cause.ERROR, facts(green_tests(cut=("failed",)))),
    # A report, whoever says it.
    Case(ANY_TESTS, Cause.FAILED, facts(changed(red_tests(), POSTED))),
    Case(ANY_TESTS, Cause.FAILED, facts(changed(red_tests(voice="gone"), POSTED))),
    Case(ANY_TESTS, Cause.FAILED, facts(changed(red_tests(run=None, source_key=OF_ITS_OWN), POSTED))),
    Case(ANY_TESTS, Cause.FAILED, facts(red_tests(), red_tests("Other Tests", source_key="o"))),
    Case(ANY_TESTS, Cause.FAILED, facts(red_tests(), green_tests("Other Tests", held="forked", source_key="o"))),
    Case(ANY_TESTS, Cause.MISSING, facts(streams=())),
    Case(ANY_TESTS, Cause.MISSING, facts(streams=(), links=())),
    Case(ANY_TESTS, Cause.NEAR_MISS, UNLINKED),
    Case(ANY_TESTS, Cause.HELD, facts(green_tests(), links=(link(signed=False, held="key_revoked"),))),
    Case(SCANS, Cause.FAILED, facts(scan(critical=2))),
    Case(SCANS, Cause.STALE, facts(changed(scan(), OLD))),
    Case("t HOLD: require: {type: smoke}", Cause.MISSING, facts(streams=())),
    Case("t REQUIRE_APPROVAL: require: {type: COVERAGE}", Cause.MISSING, facts()),
    Case('t REQUIRE_APPROVAL: require: {type: TEST_RESULTS, name: "Unit Tests"}', Cause.FAILED, facts(red_tests())),
    # An expression.
    Case(READY, Cause.FAILED, facts(NOT_READY)),
    Case(READY, Cause.FAILED, facts(request=request(ready=False))),
    Case(READY, Cause.FAILED, facts(IS_READY, request=request(ready=False))),
    Case(READY, Cause.STALE, facts(changed(IS_READY, {"received_at": ago(hours=1)}))),
    Case(READY, Cause.REVOKED, facts(changed(IS_READY, {"held": "key_revoked"}))),
    Case(READY, Cause.CONTRADICTED, facts(changed(IS_READY, {"against": ("said_worse",)}))),
    Case(READY, Cause.MISSING, facts()),
    Case('t HOLD: expect: "rollback.available && rollback.verified"', Cause.MISSING, facts()),
    Case('t HOLD: expect: "artifact.linked"', Cause.MISSING, facts(links=())),
    Case('t HOLD: expect: "context.signed == true"', Cause.ERROR, facts()),
    Case(COUNTED, Cause.MISSING, facts(streams=())),
    Case(COUNTED, Cause.MISSING, facts(green_tests(), streams=())),
    Case(COUNTED, Cause.FAILED, facts(green_tests(), scan(critical=1))),
    Case(COUNTED, Cause.HELD, facts(green_tests(held="forked"), scan())),
    Case(COUNTED, Cause.REVOKED, facts(green_tests(held="key_revoked"), scan())),
    Case(COUNTED, Cause.STALE, facts(green_tests(), changed(scan(), OLD))),
    Case(COUNTED, Cause.NEAR_MISS, facts(green_tests(commits=frozenset({OTHER_COMMIT})), scan())),
    Case(COUNTED, Cause.ON_ITS_WAY, facts(ONE_OF_TWO, scan())),
    Case(COUNTED, Cause.ON_ITS_WAY, facts(scan(), streams=(LATE,))),
    Case(COUNTED, Cause.NOT_REPORTED, facts(scan())),
    Case(COUNTED, Cause.ERROR, facts(green_tests(cut=("passed",)), scan())),
    Case(COUNTED, Cause.CONTRADICTED, facts(TORN, scan())),
    # People.
    Case(PEOPLE, Cause.WAITING_FOR_PERSON, facts()),
    Case(PEOPLE, Cause.WAITING_FOR_PERSON, facts(approvals=approvals("anne"))),
    Case(PEOPLE, Cause.WAITING_FOR_PERSON, facts(authors=frozenset())),
    Case(PEOPLE, Cause.WAITING_FOR_PERSON, facts(approvals=approvals("anne", "bert", at=ago(days=4)))),
    # Streams.
    Case(STREAMS, Cause.MISSING, streams(stream(lacking=2))),
    Case(STREAMS, Cause.ON_ITS_WAY, streams(stream(lacking=2, waiting=2))),
    Case(STREAMS, Cause.ON_ITS_WAY, streams(stream(lacking=2, silent=True, heard_at=ago(minutes=10)))),
    Case(STREAMS, Cause.STALE, streams(stream(lacking=2, silent=True, heard_at=ago(hours=1)))),
    Case(STREAMS, Cause.STALE, streams(stream(heard_at=ago(hours=1)))),
    Case(STREAMS, Cause.STALE, streams(stream(heard_at=ago(hours=1)), stream("ci-08", heard_at=ago(hours=1)))),
    Case(STREAMS, Cause.CONTRADICTED, streams(stream(forked=True))),
    Case(STREAMS, Cause.MISSING, streams(stream("old", abandoned=True), stream())),
    Case(STREAMS, Cause.MISSING, streams(stream("old", abandoned=True, lacking=2), stream())),
    Case(STREAMS, Cause.MISSING, streams()),
    Case(GLOBBED, Cause.MISSING, streams(stream())),
    # What no rule asks.
    Case("", Cause.ERROR, facts()),
    Case('t HOLD: expect: "true"', Cause.FAILED, facts(NOT_READY, deployed=Deployed(ago(minutes=5)))),
)


@pytest.mark.parametrize("case", CASES, ids=lambda one: f"{one.rule[:40]}-{one.cause.value}")
def test_every_next_action_has_the_effect_that_is_promised(case: Case) -> None:
    world = case.world
    (finding,) = world.judged.blockers
    assert finding.cause is case.cause
    assert finding.then_decision is Decision.ALLOW
    done = list(ways(world, finding))
    assert done, "an action that nothing follows from"
    for after in done:
        found = after.judged
        assert found.decision is finding.then_decision, (finding.next_action, found.blockers)
    assert later(world).judged.decision is finding.otherwise, "it would have gone by itself"


def test_every_cause_is_followed() -> None:
    assert {case.cause for case in CASES} == set(Cause) - {Cause.WAIVED}


# --- what is needed, and nothing less ---

Change = Callable[[Facts], Facts]
APART = {
    "unit-tests": (Cause.FAILED, Cause.REVOKED, Cause.UNSIGNED, Cause.NEAR_MISS, Cause.CONTRADICTED),
    "nothing-missing": (Cause.STALE, Cause.MISSING, Cause.CONTRADICTED),
}
"""Causes of rules that share facts with others: those that can be mended without mending another."""
BROKEN: dict[str, list[Change]] = {}
for _rule, _cause, _break, _ in WORLDS:
    if _cause in APART.get(_rule, Cause):
        BROKEN.setdefault(_rule, []).append(_break)
OPEN = st.lists(st.sampled_from(sorted(BROKEN)), min_size=1, max_size=3, unique=True)


@settings(max_examples=40)
@given(OPEN, st.data())
def test_all_that_is_open_is_needed_for_allow_and_the_smallest_set_for_any_change(
    rules: list[str], data: st.DataObject
) -> None:
    known = good()
    for rule in rules:
        known = data.draw(st.sampled_from(BROKEN[rule]))(known)
    # Whoever approved saw all of it: else their yes counts only once it is met again.
    known = judged.signed(known, POLICY)
    world = World(known, POLICY)
    found = world.judged
    assert {one.rule for one in found.blockers} == set(rules)
    least = {one.rule for one in smallest(found.findings)}
    for size in range(len(rules) + 1):
        for some in itertools.combinations(found.blockers, size):
            done = world
            for finding in some:
                done = follow(done, finding)
            left = [one.otherwise for one in found.blockers if one not in some]
            decided = done.judged.decision
            assert decided is min(left, key=STRENGTH.index, default=Decision.ALLOW), [one.next_action for one in some]
            assert (decided is Decision.ALLOW) == (size == len(rules))
            assert (decided is not found.decision) == (least <= {one.rule for one in some})
            if size == 1:
                assert decided is some[0].then_decision


SEVERAL = [one for one in CASES if "; and " in one.world.judged.blockers[0].next_action]


@pytest.mark.parametrize("case", SEVERAL)
def test_where_several_steps_are_told_none_of_them_is_too_many(case: Case) -> None:
    (finding,) = case.world.judged.blockers
    steps = finding.next_action.split("; or ")[0].split("; and ")
    for left_out in range(len(steps)):
        rest = "; and ".join(step for at, step in enumerate(steps) if at != left_out)
        for after in ways(case.world, replace(finding, next_action=rest)):
            assert after.judged.decision is finding.otherwise, f"without: {steps[left_out]}"
