"""Judging as a whole: monotone, blind to order, true to its promises, and right about the one thing that is wrong."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.judging.headline import headline
from shared.judging.judge import judge, smallest
from shared.judging.policy import Policy
from shared.judging.text import LINES, WIDTH, page
from shared.judging.values import STRENGTH, Basis, Cause, Decision, Facts, Finding, Mode, Piece, StreamFact
from tests.helpers import judged
from tests.helpers.facts import (
    NOW,
    actor,
    ago,
    by_chain,
    green_tests,
    ingested,
    link,
    red_tests,
    request,
    scan,
    stream,
    waiver,
)
from tests.helpers.worlds import POLICY, WORLDS, covered, good, noises, with_, without

CLEO, DORA = actor("cleo"), actor("dora")


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
    known = judged.signed(noises()[noise](break_(good())), POLICY)
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


@settings(max_examples=60)
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

LOW = 50.0
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
                covered(LOW),
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
        evidence=by_chain({one.id: one for one in evidence}.values()),
        links=(link(signed=signed),),
        request=request(ready=ready, rollback_verified=ready),
        streams=(stream(lacking=lacking),),
    ),
    st.lists(pieces(), max_size=8),
    st.booleans(),
    st.sampled_from([None, True, False]),
    st.sampled_from([0, 0, 1]),
)


def _passes_its_rule(piece: Piece) -> bool:
    """Whether no rule of the policy has anything against it; what one has may hide something older that is better."""
    metrics = piece.evidence.get("metrics")
    says_no = isinstance(metrics, dict) and False in metrics.values()
    is_young = NOW - piece.received_at < timedelta(days=7)
    return piece.passed and piece.evidence.get("coverage") != LOW and not says_no and is_young


def _worse(known: Facts, data: st.DataObject) -> Facts:
    """The same world after evidence that passed was lost, and some was held, grew old or lost its signature."""
    worse = list(known.evidence)
    for index in sorted(data.draw(st.sets(st.sampled_from(range(len(worse))))) if worse else (), reverse=True):
        one = worse[index]
        how = data.draw(st.sampled_from(["lose", "hold", "age", "unsign"]))
        if how == "lose" and _passes_its_rule(one):
            del worse[index]
        elif how == "hold":
            worse[index] = replace(one, held="key_revoked")
        elif how == "age":
            worse[index] = replace(one, observed_at=one.observed_at - timedelta(days=30))
        elif how == "unsign" and one.basis is Basis.MEASURED:
            worse[index] = replace(one, basis=Basis.DECLARED)
    return replace(known, evidence=tuple(worse))


@settings(max_examples=150)
@given(WORLD, st.data())
def test_losing_or_distrusting_evidence_never_makes_a_decision_better(known: Facts, data: st.DataObject) -> None:
    worse = _worse(known, data)
    before, after = judge(known, (POLICY,)), judge(worse, (POLICY,))
    assert strength(after.decision) <= strength(before.decision)
    # Nor does it bring back anybody's yes: what they must have seen only grows.
    marks = [{mark for one in found.findings for mark in one.marks} for found in (before, after)]
    assert marks[0] <= marks[1]
    given_then = judged.signed(known, POLICY, seen=worse)
    signed = replace(worse, approvals=given_then.approvals)
    assert strength(judge(signed, (POLICY,)).decision) <= strength(judge(given_then, (POLICY,)).decision)


@settings(max_examples=60)
@given(WORLD, st.randoms(use_true_random=False))
def test_the_order_in_which_facts_are_given_means_nothing(known: Facts, random: object) -> None:
    turned = list(known.evidence)
    random.shuffle(turned)  # type: ignore[attr-defined]
    assert judge(replace(known, evidence=tuple(turned)), (POLICY,)) == judge(known, (POLICY,))


@settings(max_examples=60)
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


# --- rules, evidence, policies and modes, all of them ---

Change = Callable[[Facts], Facts]
TORN = green_tests(evidence={"totalTests": 3, "passed": 4, "failed": 0, "errors": 0, "skipped": 0})


class State(NamedTuple):
    """How the facts stand that a rule looks at, and what becomes of it: met, or not, and then by whom it is lifted."""

    change: Change
    met: bool
    waivable: bool = False


def _health(*, ready: bool, **changes: object) -> Change:
    piece = ingested("health", {"metrics": {"ready": ready}}, passed=ready, **changes)
    return lambda w: with_(w, piece)


def _streams(*streams: StreamFact) -> Change:
    return lambda w: replace(w, streams=streams)


KINDS: dict[str, tuple[str, tuple[State, ...]]] = {
    "require": (
        'require: {type: TEST_RESULTS, name: "Unit Tests", signed: true, where: "evidence.failed == 0"}',
        (
            State(lambda w: w, met=True),
            State(lambda w: with_(w, red_tests()), met=False, waivable=True),
            State(lambda w: with_(w, green_tests(held="forked")), met=False, waivable=True),
            State(lambda w: with_(w, green_tests(basis=Basis.DECLARED)), met=False, waivable=True),
            State(lambda w: without(w, "TEST_RESULTS"), met=False, waivable=True),
            State(lambda w: with_(w, TORN), met=False),
        ),
    ),
    "expect": (
        'expect: "health.ready"',
        (
            State(lambda w: w, met=True),
            State(_health(ready=False), met=False, waivable=True),
            State(_health(ready=True, held="key_revoked"), met=False, waivable=True),
            State(_health(ready=True, received_at=ago(hours=1)), met=False, waivable=True),
            State(lambda w: without(w, "health"), met=False, waivable=True),
            State(_health(ready=True, against=("said_worse",)), met=False),
        ),
    ),
    "approvals": (
        "approvals: {count: 2}",
        (
            State(lambda w: w, met=True),
            State(lambda w: replace(w, approvals=w.approvals[:1]), met=False),
            State(lambda w: replace(w, approvals=()), met=False),
            State(lambda w: replace(w, authors=w.authors | {"anne@acme"}), met=False),
        ),
    ),
    "collection": (
        "collection: {maxHeartbeatAge: 15m, gaps: none}",
        (
            State(lambda w: w, met=True),
            State(_streams(stream(lacking=1)), met=False),
            State(_streams(stream(heard_at=ago(hours=1))), met=False),
            State(_streams(stream(forked=True)), met=False),
            State(_streams(), met=False),
        ),
    ),
}
CASES = tuple((kind, state) for kind, (_, states) in KINDS.items() for state in states)
OTHERWISE = tuple(one for one in Decision if one is not Decision.ALLOW)
RULES = {kind: judged.policy(f"t HOLD: {text}").rules[0] for kind, (text, _) in KINDS.items()}


def _policy(name: str, kind: str, otherwise: Decision = Decision.HOLD, mode: Mode = Mode.ENFORCE) -> Policy:
    return replace(POLICY, name=name, mode=mode, rules=(replace(RULES[kind], otherwise=otherwise),))


def _known(*states: State) -> Facts:
    """The good world, where each state is, and both people approved by either policy."""
    known = replace(
        good(), approvals=tuple(replace(one, rules=frozenset({"t", "p/t", "q/t"})) for one in good().approvals)
    )
    for state in states:
        known = state.change(known)
    return known


def _strongest(*decided: Decision) -> Decision:
    return min(decided, key=strength)


@pytest.mark.parametrize(("kind", "state"), CASES)
def test_two_policies_decide_what_the_stronger_of_them_does_in_every_state_of_what_they_look_at(
    kind: str, state: State
) -> None:
    for other, besides in CASES:
        if other == kind and besides is not state:
            continue
        policies = (_policy("p", kind, Decision.BLOCK), _policy("q", other, Decision.REQUIRE_APPROVAL))
        known = judged.signed(_known(state, besides), *policies)
        one = Decision.ALLOW if state.met else Decision.BLOCK
        two = Decision.ALLOW if besides.met else Decision.REQUIRE_APPROVAL
        found = judge(known, policies)
        assert found.decision is _strongest(one, two)
        # An exception to the rule of one policy is none to that of the other, which has the same id.
        waived = judge(replace(known, waivers=(waiver("t", CLEO, DORA),)), policies).decision
        assert waived is _strongest(Decision.ALLOW if state.waivable else one, two)
        waived = judge(replace(known, waivers=(waiver("q/t", CLEO, DORA),)), policies).decision
        assert waived is _strongest(one, Decision.ALLOW if besides.waivable else two)
        for finding in found.findings:
            rest = [other.otherwise for other in found.blockers if other is not finding]
            assert finding.lifted or finding.then_decision is _strongest(Decision.ALLOW, *rest)


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_two_rules_are_to_decide_the_stronger_wins_whichever_policy_it_is_of(kind: str) -> None:
    open_ = KINDS[kind][1][1]
    for other, one, two in itertools.product(KINDS, OTHERWISE, OTHERWISE):
        if other == kind:
            continue
        policies = (_policy("p", kind, one), _policy("q", other, two))
        known = judged.signed(_known(open_, KINDS[other][1][1]), *policies)
        assert judge(known, policies).decision is _strongest(one, two)


@pytest.mark.parametrize(("kind", "state"), CASES)
def test_beside_a_policy_without_rules_nothing_is_better_than_hold(kind: str, state: State) -> None:
    bare = judged.policy(name="bare")
    for otherwise in OTHERWISE:
        policies = (_policy("p", kind, otherwise), bare)
        expected = Decision.HOLD if state.met else _strongest(Decision.HOLD, otherwise)
        assert judge(judged.signed(_known(state), *policies), policies).decision is expected
        assert judge(judged.signed(_known(state), *policies[::-1]), policies[::-1]).decision is expected


@pytest.mark.parametrize("decided", Decision)
def test_in_every_mode_of_caller_and_policies_the_strictest_says_whether_the_pipeline_goes_on(
    decided: Decision,
) -> None:
    state = KINDS["require"][1][0 if decided is Decision.ALLOW else 1]
    otherwise = Decision.HOLD if decided is Decision.ALLOW else decided
    for asked, one, two, canary in itertools.product(Mode, Mode, Mode, (True, False)):
        policies = (_policy("p", "require", otherwise, one), _policy("q", "approvals", Decision.BLOCK, two))
        known = _known(state)
        known = replace(known, request=replace(known.request, mode=asked, canary=canary))
        found = judge(judged.signed(known, *policies), policies)
        assert found.decision is decided
        assert found.mode is max(asked, one, two, key=list(Mode).index)
        goes = decided is Decision.ALLOW or (canary and decided is Decision.ALLOW_WITH_CANARY)
        assert found.proceed is (goes or Mode.ENFORCE not in {asked, one, two})
        assert found.evaluated_at == NOW
