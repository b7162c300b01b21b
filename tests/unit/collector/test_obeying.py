"""What a receipt asks: obeyed once, within what the configuration allows, answered in the heartbeats that follow."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from collector.obeying import Asked, KeyNow, Obedience, beat_seconds, judge, overdue, to_do
from collector.spool import State
from shared.predicates import Heartbeat
from shared.requests import MAX_REQUESTS, Outcome, Request
from tests.fakes.simulated import Pair, pair
from tests.helpers import build
from tests.helpers.build import NOW

KEY, OTHER = "sha256:one", "sha256:two"
ROTATE = Request(kind="rotate-key", before=NOW + timedelta(days=7))
RESCAN = Request(kind="rescan")
RESEND = Request(kind="resend", since_sequence=3)
BEAT = Request(kind="heartbeat", seconds=300)


@pytest.fixture
async def both(tmp_path: Path) -> AsyncIterator[Pair]:
    async with pair(tmp_path / "state") as made:
        yield made


@pytest.mark.parametrize(
    ("request_", "allowed", "expected"),
    [
        (ROTATE, Obedience(), Outcome.UNDER_WAY),
        (ROTATE, Obedience(rotate_key=False), Outcome.NOT_ALLOWED),
        (RESCAN, Obedience(), Outcome.DONE),
        (RESCAN, Obedience(rescan=False), Outcome.NOT_ALLOWED),
        (RESEND, Obedience(), Outcome.PUT_OFF),
        (RESEND, Obedience(resend=False), Outcome.NOT_ALLOWED),
        (BEAT, Obedience(), Outcome.DONE),
        (BEAT, Obedience(heartbeat=False), Outcome.NOT_ALLOWED),
        (Request(kind="resend"), Obedience(), Outcome.NOT_KNOWN),
        (Request(kind="heartbeat"), Obedience(), Outcome.NOT_KNOWN),
        (Request(kind="read-file"), Obedience(), Outcome.NOT_KNOWN),
    ],
)
def test_each_kind_is_obeyed_as_far_as_the_configuration_allows(
    request_: Request, allowed: Obedience, expected: Outcome
) -> None:
    (found,) = judge([request_], {}, allowed, KeyNow(KEY), NOW)
    assert found == Asked(request_, expected, NOW, KEY)


def test_a_request_that_comes_again_is_not_obeyed_again() -> None:
    first = judge([RESCAN, BEAT], {}, Obedience(), KeyNow(KEY), NOW)
    assert to_do(first, {}, 2, KEY).rescan
    assert beat_seconds(first, {}, Obedience()) == 300
    known = {one.request: one for one in first}
    again = judge([RESCAN, BEAT], known, Obedience(), KeyNow(KEY), NOW + timedelta(hours=1))
    assert again == first
    assert not to_do(again, known, 2, KEY).rescan
    assert beat_seconds(again, known, Obedience()) is None


def test_a_rotation_is_asked_for_until_another_key_signs() -> None:
    first = judge([ROTATE], {}, Obedience(), KeyNow(KEY), NOW)
    known = {one.request: one for one in first}
    again = judge([ROTATE], known, Obedience(), KeyNow(KEY), NOW)
    found = to_do(again, known, 1, KEY)
    assert (found.rotate, found.rotate_before) == (True, ROTATE.before)
    (waits,) = judge([ROTATE], known, Obedience(), KeyNow(OTHER, introduced=False), NOW)
    assert waits.outcome is Outcome.UNDER_WAY
    assert not to_do([waits], known, 1, OTHER).rotate, "the new key signs; the receiver has only to learn of it"
    (done,) = judge([ROTATE], known, Obedience(), KeyNow(OTHER), NOW)
    assert done.outcome is Outcome.DONE
    assert not to_do([done], known, 1, OTHER).rotate
    assert judge([ROTATE], {ROTATE: done}, Obedience(), KeyNow("sha256:three"), NOW) == (done,)


def test_a_key_that_may_not_be_turned_over_now_is_put_off_until_it_may() -> None:
    (stuck,) = judge([ROTATE], {}, Obedience(), KeyNow(KEY, may_turn=False), NOW)
    assert stuck.outcome is Outcome.PUT_OFF
    assert not to_do([stuck], {}, 1, KEY).rotate
    (held,) = judge([ROTATE], {ROTATE: stuck}, Obedience(), KeyNow(OTHER, introduced=False, may_turn=False), NOW)
    assert held.outcome is Outcome.PUT_OFF, "a rotation that is held has not met it"
    (again,) = judge([ROTATE], {ROTATE: stuck}, Obedience(), KeyNow(KEY), NOW)
    assert again.outcome is Outcome.UNDER_WAY
    assert to_do([again], {ROTATE: stuck}, 1, KEY).rotate


def test_a_new_key_that_is_not_there_by_its_date_is_said_and_nothing_else() -> None:
    assert ROTATE.before is not None
    late = ROTATE.before
    waits, stuck = Asked(ROTATE, Outcome.UNDER_WAY, NOW, KEY), Asked(ROTATE, Outcome.PUT_OFF, NOW, KEY)
    assert overdue([waits, stuck], late - timedelta(seconds=1)) == []
    (one, other) = overdue([waits, stuck], late)
    assert one == other
    assert "2026-" in one
    for outcome in (Outcome.DONE, Outcome.NOT_ALLOWED):
        assert overdue([replace(waits, outcome=outcome)], late) == []
    assert overdue([replace(waits, request=RESCAN)], late) == []


@pytest.mark.parametrize(("asked", "expected"), [(0, 30), (29, 30), (31, 31), (3_601, 3_600), (1 << 52, 3_600)])
def test_an_interval_stays_within_its_bounds(asked: int, expected: float) -> None:
    request = Request(kind="heartbeat", seconds=asked)
    assert beat_seconds(judge([request], {}, Obedience(), KeyNow(KEY), NOW), {}, Obedience()) == expected


def test_more_requests_than_a_receipt_may_carry_and_unknown_ones_are_counted() -> None:
    many = [Request(kind=f"new-{number}") for number in range(MAX_REQUESTS + 3)]
    found = judge(many, {}, Obedience(), KeyNow(KEY), NOW)
    assert len(found) == MAX_REQUESTS
    assert to_do(found, {}, len(many), KEY).passed_over == MAX_REQUESTS + 3
    assert to_do(found, {one.request: one for one in found}, MAX_REQUESTS, KEY).passed_over == 0


def said(both: Pair) -> list[Heartbeat]:
    return both.receiver.collectors[build.COLLECTOR_ID].said


async def test_what_is_done_is_answered_in_the_next_heartbeat_and_forgotten_with_the_request(both: Pair) -> None:
    rescans: list[None] = []
    both.line.queue.asked.rescan = lambda: rescans.append(None)
    both.receiver.asks = [{"kind": "rescan"}, {"kind": "read-file"}]
    both.line.put(1)
    await both.line.run_for(600)
    assert rescans == [None]
    assert both.line.queue.asked.passed_over == 1
    assert said(both)[0].obeyed is None
    answered = said(both)[-1].obeyed
    assert answered is not None
    assert {(one.kind, one.outcome) for one in answered} == {("rescan", "done"), ("read-file", "not-known")}
    assert both.line.ids(State.DELIVERED) == both.receiver.accepted
    both.receiver.asks = []
    await both.line.run_for(600)
    assert said(both)[-1].obeyed is None
    both.receiver.asks = [{"kind": "rescan"}]
    await both.line.run_for(600)
    assert rescans == [None, None]


async def test_heartbeats_come_as_often_as_the_receiver_asks_within_bounds(both: Pair) -> None:
    both.receiver.asks = [{"kind": "heartbeat", "seconds": 600}]
    await both.line.run_for(600)
    before = len(said(both))
    await both.line.run_for(6_000)
    assert 8 <= len(said(both)) - before <= 13
    both.receiver.asks = [{"kind": "heartbeat", "seconds": 1}]
    await both.line.run_for(1_000)
    before = len(said(both))
    await both.line.run_for(600)
    assert 16 <= len(said(both)) - before <= 25


async def test_a_receiver_that_does_not_answer_is_tried_as_often_as_the_configuration_says(both: Pair) -> None:
    both.receiver.asks = [{"kind": "heartbeat", "seconds": 3_600}]
    await both.line.run_for(600)
    await both.receiver.close()
    both.line.put(1)
    await both.line.run_for(1_000)
    await both.receiver.start()
    await both.line.run_for(300)
    assert both.line.pending == 0


async def test_a_rotation_is_handed_on_until_the_new_key_signs(both: Pair) -> None:
    dates: list[object] = []
    both.line.queue.asked.rotate = dates.append
    both.receiver.asks = [ROTATE.model_dump()]
    await both.line.run_for(400)
    assert len(dates) >= 2
    assert set(dates) == {ROTATE.before}
    (standing,) = both.line.spool.asked()
    assert standing == replace(standing, request=ROTATE, outcome=Outcome.UNDER_WAY)


async def test_r_a_restored_receiver_that_knows_nothing_of_the_stream_learns_it_from_a_heartbeat(both: Pair) -> None:
    ids = both.line.put(5)
    await both.line.run_for(10)
    stream_id = both.line.queue.stream_id
    assert both.receiver.restore(build.COLLECTOR_ID, stream_id, -1) == ids
    await both.line.run_for(600)
    assert both.receiver.accepted == ids
    assert both.line.spool.alarms() == []
    (lost,) = both.line.events("receiver_lost_entries")
    assert lost.facts == {"contiguous_to": -1, "was": 4, "pruned": 0, "entries_sent_again": 5}


async def test_a_request_to_send_again_leads_to_duplicates_that_count_once(both: Pair) -> None:
    ids = both.line.put(5)
    await both.line.run_for(10)
    both.receiver.asks = [{"kind": "resend", "since_sequence": 2}]
    await both.line.run_for(1_000)
    sent = [one for call in both.receiver.batch_calls() for one in call.ids()]
    assert sent == [*ids, *ids[2:]]
    assert both.receiver.accepted == ids
    answered = said(both)[-1].obeyed
    assert answered is not None
    assert [(one.kind, one.since_sequence, one.outcome) for one in answered] == [("resend", 2, "done")]
