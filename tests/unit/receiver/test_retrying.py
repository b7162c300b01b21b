"""Past decisions are judged again in other processes as they are here, in their order, whatever happens to those."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

from receiver.core.past import Answer, Past
from receiver.core.retrial import Kept, Outcome, Portion, Question, Text
from receiver.retrying import Retriers
from shared.encoding import canonical
from shared.judging.docket import Docket, emit_docket
from shared.judging.values import Decision, Facts, Mode
from tests.helpers.facts import NOW, ago, facts, green_tests, request

RULES = '[{id: back, title: A way back, expect: "rollback.available", otherwise: BLOCK}]'
POLICY = (
    "apiVersion: carnet/v1\nkind: GatePolicy\nmetadata: {name: p}\n"
    f'scope: {{services: ["*"], environments: ["*"]}}\nmode: enforce\nrules: {RULES}\n'
)
QUESTION = Question((), Text(POLICY.encode(), 1))


def kept(number: int) -> Kept:
    """A decision that would be another one, but for each third; one in seven that cannot be read."""
    known: Facts = facts(request=request(digest=f"{number:064x}", rollback_available=number % 3 == 0))
    docket = canonical(emit_docket(Docket(known))) if number % 7 else b'{"facts":{}}'
    return Kept(
        f"pp_{number}", docket, (), Answer(Decision.ALLOW, proceed=True, mode=Mode.ENFORCE), NOW, deployed=False
    )


def portions(count: int) -> list[Portion]:
    return [Portion(tuple(kept(4 * at + each) for each in range(4)), {}) for at in range(count)]


def children() -> set[int]:
    """The processes that judge beside this one."""
    every = {int(one) for task in Path("/proc/self/task").iterdir() for one in (task / "children").read_text().split()}
    return {one for one in every if b"receiver.retrying" in Path(f"/proc/{one}/cmdline").read_bytes()}


class Lost:
    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> None:
        self.times += 1


@contextlib.contextmanager
def retriers(count: int, lost: Lost | None = None) -> Iterator[Retriers]:
    with contextlib.closing(Retriers(QUESTION.read(), QUESTION, count, lost or Lost())) as made:
        yield made


HERE: list[list[Outcome]] = []
with retriers(0) as alone:
    HERE += [found for _, found in alone.judge(portions(12))]


def test_what_is_judged_here_has_changes_and_what_cannot_be_read() -> None:
    found = [one for outcomes in HERE for one in outcomes]
    assert {one.unread for one in found} == {True, False}
    assert {one.change is None for one in found if not one.unread} == {True, False}


def test_what_cannot_be_judged_would_be_held_as_the_gate_holds_it() -> None:
    torn = [green_tests(id=f"sha256:{at}", sequence=at, received_at=ago(minutes=at)) for at in (1, 2)]
    answer = Answer(Decision.ALLOW, proceed=True, mode=Mode.ENFORCE)
    found = QUESTION.read().change(Past("pp_1", facts(*torn, request=request()), answer, NOW, deployed=False))
    assert found is not None
    assert (found.kind, found.after.proceed) == ("ALLOW -> HOLD", False)
    assert "known since later than" in found.why[0]


def test_other_processes_say_the_same_in_the_same_order_have_no_environment_and_end() -> None:
    lost = Lost()
    with retriers(2, lost) as made:
        judged = []
        for portion, found in made.judge(portions(12)):
            judged.append((portion, found))
            seen = children()
            assert 1 <= len(seen) <= 2
            assert {Path(f"/proc/{one}/environ").read_bytes() for one in seen} == {b""}
    assert judged == list(zip(portions(12), HERE, strict=True))
    assert (lost.times, children()) == (0, set())


def test_what_a_process_had_that_was_killed_is_judged_here_and_told_of() -> None:
    lost = Lost()

    def killing() -> Iterator[Portion]:
        for at, portion in enumerate(portions(12)):
            if at == 6:
                for one in children():
                    os.kill(one, signal.SIGKILL)
            yield portion

    with retriers(1, lost) as made:
        assert [found for _, found in made.judge(killing())] == HERE
    assert lost.times >= 1


def test_no_more_is_read_ahead_than_the_processes_can_be_at_work_on() -> None:
    taken = []

    def counting() -> Iterator[Portion]:
        for portion in portions(12):
            taken.append(portion)
            yield portion

    with retriers(1) as made:
        for number, _ in enumerate(made.judge(counting())):
            assert len(taken) <= number + 3
