"""Judging as a whole: monotone, blind to order, true to its promises, and right about the one thing that is wrong."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.judging.headline import headline
from shared.judging.judge import judge, smallest
from shared.judging.policy import Policy
from shared.judging.text import LINES, WIDTH, page
from shared.judging.values import STRENGTH, Basis, Cause, Decision, Facts, Finding, Mode, Piece
from tests.helpers.facts import (
    NOW,
    ago,
    green_tests,
    ingested,
    link,
    red_tests,
    request,
    scan,
    stream,
)
from tests.helpers.worlds import POLICY, WORLDS, covered, good, noises


def strength(decision: Decision) -> int:
    return STRENGTH.index(decision)


def test_nothing_is_wrong_with_the_good_world() -> None:
    found = judge(good(), (POLICY,))
    assert (found.decision, found.proceed) == (Decision.ALLOW, True)
    assert found.headline == "Nothing has failed. All 6 proofs are here."


@pytest.mark.parametrize("noise", range(len(noises())))
@pytest.mark.parametrize("world", range(len(WORLDS)))
def test_a_hundred_worlds_with_one_cause_each_are_named_by_headline_and_cause(world: int, noise: int) -> None:
    rule, cause, break_, says = WORLDS[world]
    known = noises()[noise](break_(good()))
    found = judge(known, (POLICY,))
    wrong = [one for one in found.blockers if one.rule == rule]
    assert [one.cause for one in wrong] == [cause]
    assert says in found.headline.lower()
    assert found.decision is wrong[0].otherwise
    assert wrong[0].reason
    assert wrong[0].next_action
    lines = page(known.request, found, "pp_01", "https://carnet.example/p/pp_01").split("\n")
    assert len(lines) <= LINES
    assert max(map(len, lines)) <= WIDTH


# --- promises ---


@settings(max_examples=60, deadline=None)
@given(st.sets(st.sampled_from(range(len(WORLDS))), min_size=1, max_size=4))
def test_mending_one_finding_has_the_effect_that_it_promises(chosen: set[int]) -> None:
    broken: dict[str, Callable[[Facts], Facts]] = {}
    for index in sorted(chosen):
        rule, _, break_, _ = WORLDS[index]
        # One cause a rule, and none that touches another rule's facts, so that one can be mended alone.
        if rule not in broken and not (rule == "unit-tests" and _touches_streams(break_)):
            broken[rule] = break_
    found = judge(_broken(broken), (POLICY,))
    for finding in found.blockers:
        rest = {rule: break_ for rule, break_ in broken.items() if rule != finding.rule}
        assert judge(_broken(rest), (POLICY,)).decision is finding.then_decision


def _touches_streams(break_: Callable[[Facts], Facts]) -> bool:
    return break_(good()).streams != good().streams


def _broken(broken: dict[str, Callable[[Facts], Facts]]) -> Facts:
    known = good()
    for break_ in broken.values():
        known = break_(known)
    return known


def _decided(findings: tuple[Finding, ...]) -> Decision:
    return min((one.otherwise for one in findings), key=strength, default=Decision.ALLOW)


@given(st.lists(st.sampled_from([one for one in Decision if one is not Decision.ALLOW]), max_size=6))
def test_no_smaller_set_than_the_smallest_changes_the_decision(otherwise: list[Decision]) -> None:
    open_ = tuple(
        Finding(f"r{index}", "", met=False, otherwise=one, cause=Cause.FAILED) for index, one in enumerate(otherwise)
    )
    least = smallest(open_)
    assert not open_ or _decided(tuple(one for one in open_ if one not in least)) is not _decided(open_)
    for size in range(len(least)):
        for some in itertools.combinations(open_, size):
            assert _decided(tuple(one for one in open_ if one not in some)) is _decided(open_)


# --- monotone ---

HELD = st.sampled_from([None, None, None, "key_revoked", "forked"])


@st.composite
def pieces(draw: st.DrawFn) -> Piece:
    index = draw(st.integers(0, 99))
    made = draw(
        st.sampled_from(
            [
                green_tests(),
                red_tests(),
                scan(),
                scan(critical=1),
                covered(),
                covered(50.0),
                ingested("health", {"metrics": {"ready": True}}),
                ingested("health", {"metrics": {"ready": False}}, passed=False),
                ingested("rollback", {"metrics": {"available": True, "verified": False}}),
            ]
        )
    )
    at = ago(minutes=draw(st.integers(0, 60 * 24 * 8)))
    return replace(
        made,
        id=f"sha256:{index}",
        content=f"{made.content}-{draw(st.integers(0, 3))}",
        source_key=f"{made.source_key}-{draw(st.integers(0, 1))}",
        sequence=None if made.sequence is None else index,
        arrival=index,
        received_at=at,
        observed_at=at,
        run=draw(st.sampled_from([None, "run-1", "run-2"])),
        held=draw(HELD),
    )


WORLD = st.builds(
    lambda evidence, signed, ready, lacking: replace(
        good(),
        evidence=tuple({one.id: one for one in evidence}.values()),
        links=(link(signed=signed),),
        request=request(ready=ready, rollback_verified=ready),
        streams=(stream(lacking=lacking),),
    ),
    st.lists(pieces(), max_size=8),
    st.booleans(),
    st.sampled_from([None, True, False]),
    st.sampled_from([0, 0, 1]),
)


@settings(max_examples=150, deadline=None)
@given(WORLD, st.data())
def test_losing_or_distrusting_evidence_never_makes_a_decision_better(known: Facts, data: st.DataObject) -> None:
    before = judge(known, (POLICY,)).decision
    worse = list(known.evidence)
    for index in sorted(data.draw(st.sets(st.sampled_from(range(len(worse))))) if worse else (), reverse=True):
        one = worse[index]
        how = data.draw(st.sampled_from(["lose", "hold", "age", "unsign"]))
        if how == "lose" and one.passed:
            del worse[index]
        elif how == "hold":
            worse[index] = replace(one, held="key_revoked")
        elif how == "age":
            worse[index] = replace(one, observed_at=one.observed_at - timedelta(days=30))
        elif how == "unsign" and one.basis is Basis.MEASURED:
            worse[index] = replace(one, basis=Basis.DECLARED)
    after = judge(replace(known, evidence=tuple(worse)), (POLICY,)).decision
    assert strength(after) <= strength(before)


@settings(max_examples=60, deadline=None)
@given(WORLD, st.randoms(use_true_random=False))
def test_the_order_in_which_facts_are_given_means_nothing(known: Facts, random: object) -> None:
    turned = list(known.evidence)
    random.shuffle(turned)  # type: ignore[attr-defined]
    assert judge(replace(known, evidence=tuple(turned)), (POLICY,)) == judge(known, (POLICY,))


@settings(max_examples=60, deadline=None)
@given(WORLD)
def test_a_headline_that_says_nothing_failed_stands_over_no_failure(known: Facts) -> None:
    found = judge(known, (POLICY,))
    failed = [
        one for one in found.findings if one.cause in {Cause.FAILED, Cause.CONTRADICTED} and one.rule != "verified"
    ]
    assert found.headline.startswith("Nothing has failed.") is not (
        bool(failed) or any(one.cause is Cause.ERROR for one in found.findings)
    )
    assert headline(found.findings) == found.headline


# --- rules, evidence and modes, all of them ---

STATES: dict[str, tuple[Callable[[Facts], Facts], bool]] = {
    "green": (lambda w: w, True),
    **{f"{index}": (WORLDS[index][2], False) for index in range(len(WORLDS)) if WORLDS[index][0] == "unit-tests"},
}


@pytest.mark.parametrize("otherwise", [one for one in Decision if one is not Decision.ALLOW])
@pytest.mark.parametrize("state", STATES)
def test_what_a_rule_decides_is_its_otherwise_in_every_state_and_every_mode(otherwise: Decision, state: str) -> None:
    break_, met = STATES[state]
    rule = replace(POLICY.rules[0], otherwise=otherwise)
    for asked, configured, canary in itertools.product(Mode, Mode, (True, False)):
        policy: Policy = replace(POLICY, rules=(rule,), mode=configured)
        known = break_(good())
        known = replace(known, request=replace(known.request, mode=asked, canary=canary))
        found = judge(known, (policy,))
        assert found.decision is (Decision.ALLOW if met else otherwise)
        enforced = Mode.ENFORCE in {asked, configured}
        goes = found.decision is Decision.ALLOW or (canary and found.decision is Decision.ALLOW_WITH_CANARY)
        assert found.proceed is (goes or not enforced)
        assert found.evaluated_at == NOW
