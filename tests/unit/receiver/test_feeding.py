"""A stream as judging knows it: which is bound, what still waits, what is settled; what is remembered has an end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from receiver.core.completeness import Heard, Lack, Standing, State
from receiver.core.feeding import Ties, counts_as_bound, fact_of, is_bound
from receiver.core.ranges import Ranges
from receiver.gather import Memory
from receiver.store.gate_statements import Statements
from shared.judging.values import StreamFact, Target
from shared.predicates import Limits
from shared.statement import subject_commit
from tests.helpers import build
from tests.helpers.build import NOW
from tests.helpers.fleet import make_receiver
from tests.helpers.posts import Pipeline
from tests.helpers.releases import Sends, gathered, ingest

TARGET = Target("checkout-api", None, "production")
HEARD = Heard(NOW, issued_at=NOW - timedelta(minutes=2), waiting=3)
NOTHING = Ties(delivered=True, bound=False, brings=frozenset())


def fact(standing: Standing, holes: dict[Lack, Ranges] | None = None, **more: object) -> StreamFact:
    state = State(standing, 9, holes or {}, None, **more)  # type: ignore[arg-type]
    return fact_of(bytes(16), ("col_1", "ci-07"), HEARD, state, NOTHING, NOW - timedelta(hours=1))


@pytest.mark.parametrize(
    ("limits", "bound"),
    [
        pytest.param(Limits(), False, id="every service names none"),
        pytest.param(Limits(services=("checkout-*",)), True, id="by a glob"),
        pytest.param(Limits(services=("checkout-*", "*")), False, id="every service besides"),
        pytest.param(Limits(services=("billing",)), False, id="another service"),
        pytest.param(Limits(services=("checkout-api",), environments=("staging",)), False, id="another environment"),
    ],
)
def test_a_collector_is_bound_by_the_service_that_an_admin_named(limits: Limits, *, bound: bool) -> None:
    assert is_bound(limits, TARGET) is bound


@pytest.mark.parametrize(
    ("standing", "days", "bound"),
    [
        (Standing.LIVE, 0, True),
        (Standing.SILENT, 90, True),
        (Standing.ABANDONED, 13, True),
        (Standing.ABANDONED, 15, False),
        (Standing.RETIRED, 0, False),
        (Standing.ENDED, 0, False),
    ],
)
def test_of_a_bound_collector_a_stream_counts_until_it_was_left_behind(
    standing: Standing, days: int, *, bound: bool
) -> None:
    assert counts_as_bound(State(standing, 9, {}, None), HEARD, NOW + timedelta(days=days)) is bound


def test_it_was_heard_when_the_receipt_was_issued_that_its_heartbeat_names() -> None:
    assert fact(Standing.LIVE).heard_at == HEARD.issued_at


@pytest.mark.parametrize(
    ("standing", "waiting"), [(Standing.LIVE, 3), (Standing.SILENT, 3), (Standing.ABANDONED, 0), (Standing.RETIRED, 0)]
)
def test_what_waits_is_on_its_way_while_its_collector_goes_on(standing: Standing, waiting: int) -> None:
    found = fact(standing)
    assert (found.waiting, found.oldest_waiting_at is not None) == (waiting, waiting > 0)


def test_what_is_not_here_is_lacking_for_whatever_reason_until_people_close_it() -> None:
    holes: dict[Lack, Ranges] = {kind: ((at, at),) for at, kind in enumerate(Lack)}
    found = fact(Standing.LIVE, holes)
    assert (found.lacking, found.closed) == (len(Lack) - 1, 1)


def test_a_stream_that_was_left_behind_is_settled_once_people_closed_all_that_it_lacks_and_its_end() -> None:
    lost: dict[Lack, Ranges] = {Lack.KNOWN_LOST: ((1, 2),)}
    for open_ in (fact(Standing.ABANDONED), fact(Standing.ABANDONED, lost)):
        assert (open_.abandoned, open_.retired) == (True, False), "what was lost before says nothing of its end"
    for settled in (fact(Standing.ABANDONED, lost, is_over=True), fact(Standing.ABANDONED, is_over=True)):
        assert (settled.abandoned, settled.retired) == (False, True)
    assert fact(Standing.ABANDONED, {Lack.MISSING: ((4, 4),)}, is_over=True).abandoned
    forked = fact(Standing.ABANDONED, is_over=True, two_holders=True)
    assert (forked.abandoned, forked.retired, forked.closed) == (False, False, 1)


def test_two_who_sign_with_one_key_are_a_fork() -> None:
    assert fact(Standing.LIVE, two_holders=True).forked
    assert not fact(Standing.LIVE).forked


def test_statements_are_forgotten_when_they_are_too_many(tmp_path: Path) -> None:
    receiver = make_receiver(tmp_path)
    sends = Sends(receiver)
    sends.deliver(sends.built(), *(sends.captured() for _ in range(9)))
    small = Memory(statements=Statements(max_bytes=3_000))
    for _ in range(2):
        assert gathered(receiver, memory=small) == gathered(receiver)
    assert small.statements.size <= 3_000
    receiver.store.close()


def test_what_is_remembered_grows_with_what_comes_and_is_what_would_be_read_anew(tmp_path: Path) -> None:
    receiver = make_receiver(tmp_path)
    sends, pipeline, kept = Sends(receiver), Pipeline(receiver), Memory()
    elsewhere = build.collected().context.model_copy(update={"commit": "c" * 40})
    near = subject_commit("c" * 40)
    steps: list[Callable[[], object]] = [
        lambda: sends.deliver(sends.built(), sends.captured()),
        lambda: sends.deliver(*(sends.captured(near, context=elsewhere) for _ in range(3))),
        lambda: ingest(pipeline, {"type": "smoke", "status": "passed"}),
        lambda: sends.deliver(sends.captured(near, context=elsewhere, claim=build.claim(name="Another"))),
        lambda: sends.deliver(sends.captured(claim=build.claim(name="Another"))),
    ]
    seen = set[int]()
    for step in steps:
        step()
        found = gathered(receiver, memory=kept)
        assert found == gathered(receiver)
        seen.add(len(found.facts.evidence))
    assert len(seen) > 3, "each step brought something that is looked at"
    receiver.store.close()


def test_what_is_remembered_of_a_database_is_not_believed_of_an_older_copy_of_it(tmp_path: Path) -> None:
    receiver = make_receiver(tmp_path)
    sends, kept = Sends(receiver), Memory()
    sends.deliver(sends.built())
    receiver.store.close()
    before = replace(sends.spool)
    older = receiver.copied(tmp_path / "older")
    receiver.reopen()
    counts = {"totalTests": 3, "passed": 0, "failed": 3, "errors": 0, "skipped": 0}
    red = build.claim(passed=False, evidence=counts)
    elsewhere = build.collected().context.model_copy(update={"commit": "c" * 40})
    sends.deliver(*(sends.captured() for _ in range(3)), sends.captured(claim=build.claim(name="Lost")))
    lost = gathered(receiver, memory=kept)
    assert {one.name for one in lost.facts.evidence} > {"Lost"}
    receiver.store.close()
    # The database is the older one from now on; the numbers that were lost are given again.
    sends.receiver, sends.spool = older, before
    assert gathered(older, memory=kept) == gathered(older)
    sends.deliver(sends.captured(claim=red), sends.captured(subject_commit("c" * 40), context=elsewhere))
    found = gathered(older, memory=kept)
    assert found == gathered(older)
    assert [one.passed for one in found.facts.evidence if one.name == "Unit Tests"] == [False, True]
    sends.deliver(*(sends.captured(claim=red) for _ in range(4)))
    assert gathered(older, memory=kept) == gathered(older)
    older.store.close()
