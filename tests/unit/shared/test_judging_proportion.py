"""Judging takes as much longer as there is more to judge, of rules and of evidence, and beyond a bound nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING

import pytest

from shared.errors import Code, MalformedError
from shared.judging.alone import alone
from shared.judging.binding import SUBJECT
from shared.judging.effort import Effort
from shared.judging.judge import judge
from shared.judging.ordering import Entry, report_slot
from shared.judging.policy import Policy
from shared.judging.policyfile import read_policy
from shared.judging.replacing import left
from shared.judging.values import Basis, Facts, Piece
from tests.helpers.facts import changed, facts, green_tests, red_tests

if TYPE_CHECKING:
    from _typeshed import TraceFunction

OF_JUDGING = "/shared/judging/"
"""The folder of which steps count."""


def policy(rules: int) -> tuple[Policy, ...]:
    asked = "".join(
        f"  - {{id: r{at}, require: {{type: TEST_RESULTS, where: 'evidence.failed == 0 && evidence.passed > {at}'}},"
        " otherwise: HOLD}\n"
        for at in range(rules)
    )
    people = "  - {id: people, approvals: {count: 1}, otherwise: REQUIRE_APPROVAL}\n"
    text = (
        "apiVersion: carnet/v1\nkind: GatePolicy\nmetadata: {name: big}\n"
        f'scope: {{services: ["*"], environments: ["*"]}}\nmode: enforce\nrules:\n{asked}{people}'
    )
    return (read_policy(text.encode(), 1),)


def held(at: int) -> dict[str, object]:
    return {"held": "forked" if at % 2 else None}


def of_many_runs(at: int) -> dict[str, object]:
    return {"run": f"run-{at // 2}", "reports": (None, 2)[at % 4 // 2]}


def repeating(at: int) -> dict[str, object]:
    return {"repeat_of": f"sha256:{at - 1:06}" if at else None}


def posted(at: int) -> dict[str, object]:
    by = {"basis": Basis.POSTED, "collector": None, "stream": None, "sequence": None}
    return {**by, "source": "jenkins", "run": f"run-{at}"}


WORLDS = [held, of_many_runs, repeating, posted]


def known(pieces: int, of: Callable[[int], dict[str, object]]) -> Facts:
    """One in three red, each a report of its own."""
    made: list[Piece] = []
    for at in range(pieces):
        own: dict[str, object] = {"id": f"sha256:{at:06}", "source_key": f"k{at}", "content": f"c{at}", "arrival": at}
        tests = green_tests() if at % 3 else red_tests()
        made.append(changed(tests, {**own, "sequence": at, **of(at)}))
    return facts(*made)


def steps(facts: Facts, policies: tuple[Policy, ...]) -> int:
    """How many instructions of judging are executed for a judgement, once each piece is known by itself."""
    for one in facts.evidence:
        alone(one)
    taken = 0

    def trace(frame: FrameType, event: str, _: object) -> TraceFunction | None:
        nonlocal taken
        if event == "call":
            if OF_JUDGING not in frame.f_code.co_filename:
                return None
            frame.f_trace_opcodes, frame.f_trace_lines = True, False
        elif event == "opcode":
            taken += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        judge(facts, policies)
    finally:
        sys.settrace(before)
    return taken


def test_twice_as_many_rules_take_twice_the_steps() -> None:
    of = known(40, held)
    assert steps(of, policy(48)) < 2.1 * steps(of, policy(24))


@pytest.mark.parametrize("world", WORLDS)
def test_twice_as_much_evidence_takes_twice_the_steps(world: Callable[[int], dict[str, object]]) -> None:
    asked = policy(2)
    assert steps(known(240, world), asked) < 2.4 * steps(known(120, world), asked)


def test_what_would_take_too_many_comparisons_is_told_and_not_judged() -> None:
    """The gate makes a HOLD of it, with what is told as the reason."""
    entries = [Entry(one, SUBJECT, one) for one in known(40, of_many_runs).evidence]
    every = range(len(entries))
    enough = Effort()
    left(entries, every, every, report_slot, enough)
    assert 0 < enough.spent < 40 * 40
    left(entries, every, every, report_slot, Effort(enough.spent))
    with pytest.raises(MalformedError, match="too many runs and senders") as told:
        left(entries, every, every, report_slot, Effort(enough.spent - 1))
    assert told.value.code is Code.TOO_LARGE
    assert told.value.hint
