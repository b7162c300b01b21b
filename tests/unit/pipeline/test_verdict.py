"""What an answer of a gate means: only a decision that bears it, about this very question, lets a pipeline go on."""

from __future__ import annotations

import pytest

from collector.pipeline.verdict import DECISIONS, Exit, may_come, outcome
from shared.encoding import JsonObject

SERVICE: JsonObject = {"name": "checkout-api", "environment": "production"}
ARTIFACT: JsonObject = {"digest": "sha256:" + "a1" * 32}
ASKED: JsonObject = {"mode": "enforce", "service": SERVICE, "artifact": ARTIFACT}
ALLOW: JsonObject = {
    "decision": "ALLOW",
    "proceed": True,
    "mode": "enforce",
    "service": {**SERVICE, "namespace": None},
    "artifact": ARTIFACT,
    "policy": {"name": "readiness", "version": 3},
}


def ends(answer: JsonObject, *, asked: JsonObject = ASKED, fail_on: str | None = None, policy: bool = False) -> Exit:
    return outcome(asked, answer, fail_on, require_policy=policy)


def test_an_allow_about_what_was_asked_goes_on() -> None:
    assert ends(ALLOW) is ends(ALLOW, policy=True) is Exit.PROCEED


@pytest.mark.parametrize(
    "odd",
    [
        {"proceed": "true"},
        {"proceed": 1},
        {"proceed": None},
        {"decision": "BLOCK"},
        {"decision": "ALLOW_WITH_CANARY"},
        {"decision": "CERTAINLY"},
        {"decision": None},
        {"mode": "relaxed"},
        {"service": {**SERVICE, "environment": "staging"}},
        {"service": {**SERVICE, "namespace": "apps"}},
        {"service": "checkout-api"},
        {"artifact": {"digest": "sha256:" + "b2" * 32}},
        {"artifact": None},
    ],
)
def test_no_other_answer_does(odd: JsonObject) -> None:
    assert ends({**ALLOW, **odd}) is Exit.STOP


def test_a_canary_goes_on_where_one_was_asked_for() -> None:
    canary: JsonObject = {**ALLOW, "decision": "ALLOW_WITH_CANARY"}
    assert ends(canary, asked={**ASKED, "canary": True}) is Exit.PROCEED
    assert ends({**ALLOW, "decision": "HOLD"}, asked={**ASKED, "canary": True}) is Exit.STOP


@pytest.mark.parametrize("mode", ["shadow", "advisory"])
def test_what_does_not_enforce_stops_only_where_it_is_told_to(mode: str) -> None:
    for index, decision in enumerate(DECISIONS):
        answer: JsonObject = {**ALLOW, "decision": decision, "mode": mode}
        assert ends(answer) is Exit.PROCEED
        assert ends(answer, fail_on="HOLD") is (Exit.STOP if index <= DECISIONS.index("HOLD") else Exit.PROCEED)


@pytest.mark.parametrize("policy", [None, {"name": "built-in", "version": 0}, {"name": "x", "version": "3"}])
def test_without_a_policy_of_ones_own_it_stops_where_one_is_required(policy: JsonObject | None) -> None:
    answer: JsonObject = {**ALLOW, "policy": policy}
    assert (ends(answer), ends(answer, policy=True)) == (Exit.PROCEED, Exit.STOP)


def open_(*causes: tuple[str, str]) -> JsonObject:
    return {"blockers": [{"cause": cause, "decision": decision} for cause, decision in causes]}


def test_waiting_helps_only_where_everything_that_stops_may_come() -> None:
    waits = [
        ("missing", "HOLD"),
        ("on_its_way", "BLOCK"),
        ("stale", "HOLD"),
        ("waiting_for_person", "REQUIRE_APPROVAL"),
    ]
    assert may_come(open_(*waits), canary=False)
    for cause in ("failed", "contradicted", "revoked", "held", "unsigned", "near_miss", "error"):
        assert not may_come(open_(*waits, (cause, "HOLD")), canary=False)
    careful = ("failed", "ALLOW_WITH_CANARY")
    assert not may_come(open_(*waits, careful), canary=False)
    assert may_come(open_(*waits, careful), canary=True)
    assert not may_come({"blockers": []}, canary=False)
    assert not may_come({"blockers": "none"}, canary=False)
