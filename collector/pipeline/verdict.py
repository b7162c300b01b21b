"""What a gate's answer means for the pipeline that asked: whether it goes on, and whether waiting may help. Pure.

Source: policy.md section 3, wire.md section 4. Invariant: a field that is missing or of another kind never lets a
pipeline go on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import IntEnum

from shared.encoding import JsonObject, JsonValue

DECISIONS = ("BLOCK", "ROLLBACK_RECOMMENDED", "HOLD", "REQUIRE_APPROVAL", "ALLOW_WITH_CANARY", "ALLOW")
"""Strongest first."""
MODES = ("shadow", "advisory", "enforce")
MAY_COME = frozenset({"missing", "on_its_way", "not_reported", "stale", "waiting_for_person"})
"""Causes that pass by themselves, or by what others do meanwhile."""


class Exit(IntEnum):
    """How `carnet gate` ends."""

    PROCEED = 0
    STOP = 1
    USAGE = 2
    NOT_ASKED = 3
    NOT_AUTHORISED = 4


def outcome(question: JsonObject, answer: JsonObject, fail_on: str | None, *, require_policy: bool) -> Exit:
    """Say how it ends by an answer; `fail_on` is a decision that stops a pipeline in any mode, or a stronger one.

    Whoever answers says `proceed`; it is believed only of this very question, and where the decision bears it.
    """
    if not is_about(question, answer) or not goes_on(question, answer):
        return Exit.STOP
    if require_policy and not has_policy(answer):
        return Exit.STOP
    if fail_on is not None and DECISIONS.index(str(answer["decision"])) <= DECISIONS.index(fail_on):
        return Exit.STOP
    return Exit.PROCEED


def is_about(question: JsonObject, answer: JsonObject) -> bool:
    """Say whether an answer names the service, the environment and the artifact that were asked about."""
    asked, told = _part(question, "service"), _part(answer, "service")
    same_place = all(told.get(name) == asked.get(name) for name in ("name", "namespace", "environment"))
    return same_place and _part(answer, "artifact").get("digest") == _part(question, "artifact").get("digest")


def goes_on(question: JsonObject, answer: JsonObject) -> bool:
    """Say whether an answer lets the pipeline go on, and its decision and mode bear it."""
    decision, mode = answer.get("decision"), answer.get("mode")
    if answer.get("proceed") is not True or decision not in DECISIONS or mode not in MODES:
        return False
    allows = decision == "ALLOW" or (decision == "ALLOW_WITH_CANARY" and question.get("canary") is True)
    return allows or mode != "enforce"


def _part(whole: JsonObject, name: str) -> JsonObject:
    found = whole.get(name)
    return found if isinstance(found, dict) else {}


def has_policy(answer: JsonObject) -> bool:
    """Say whether a policy of the receiver's own judged, and not the one that is built in."""
    policy = answer.get("policy")
    return isinstance(policy, dict) and isinstance(version := policy.get("version"), int) and version > 0


def may_come(answer: JsonObject, *, canary: bool) -> bool:
    """Say whether everything that keeps the pipeline may come by waiting, and there is something.

    What asks for a canary alone keeps none that rolls one out.
    """
    open_ = [one for one in blockers(answer) if not (canary and one.get("decision") == "ALLOW_WITH_CANARY")]
    causes = [one.get("cause") for one in open_]
    return bool(causes) and all(cause in MAY_COME for cause in causes)


def blockers(answer: JsonObject) -> Iterator[Mapping[str, JsonValue]]:
    """Give what is open."""
    found = answer.get("blockers")
    for one in found if isinstance(found, list) else []:
        if isinstance(one, dict):
            yield one
