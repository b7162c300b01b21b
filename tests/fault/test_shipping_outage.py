"""F22, F33: an outage of any length loses nothing, and neither it nor its end becomes a storm."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from collector.ship import ShipSettings
from collector.spool import State
from collector.spool.sqlite import dbapi
from tests.fakes import faults
from tests.fakes.simulated import Pair, pair

HOUR = 3_600.0


async def connect(both: Pair) -> None:
    await both.line.run_for(1)
    assert both.line.shipper.shipped.reachable is True
    both.receiver.calls.clear()


@pytest.mark.timeout(240)
async def test_a_receiver_away_for_72_hours_is_probed_every_two_minutes_and_then_gets_everything_in_order(
    tmp_path: Path,
) -> None:
    async with pair(tmp_path / "state") as both:
        await connect(both)
        tried = both.line.tried
        tried.clear()
        await both.receiver.close()
        ids = both.line.put(500)
        await both.line.run_for(72 * HOUR)

        assert both.line.ids(State.PENDING) == ids
        assert 72 * HOUR / 144 <= len(tried) <= 2_500
        between = [later - before for before, later in itertools.pairwise(tried[1:])]
        assert min(between) >= 96
        assert max(between) <= 144
        assert len({round(one, 3) for one in between}) > 100

        await both.receiver.start()
        await both.line.run_for(150)
        assert both.receiver.accepted == ids
        assert both.line.ids(State.DELIVERED) == ids
        assert both.line.events("receiver_answers_again")


async def test_while_the_receiver_does_not_answer_nothing_but_heartbeats_is_tried(tmp_path: Path) -> None:
    async with pair(tmp_path / "state") as both:
        await connect(both)
        both.receiver.always = faults.cut()
        both.line.put(50)
        for hour in range(4):
            both.line.time.after(hour * HOUR, lambda: void(both.line.put(10)))
        await both.line.run_for(4 * HOUR)

        # The one in flight when it went away; sent twice, since a kept connection may have been dead before.
        assert [call.is_batch for call in both.receiver.calls[:3]] == [True, True, False]
        assert len(both.receiver.batch_calls()) == 2
        beats = [call.at for call in both.receiver.calls if call.is_beat]
        assert all(96 <= later - before <= 144 for before, later in itertools.pairwise(beats))


def void(_: object) -> None:
    """Take whatever comes, since a plan gives nothing back."""


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_reachable_receiver_that_says_later_is_asked_again_with_full_jitter_below_a_doubling_cap(
    tmp_path: Path, status: int
) -> None:
    async with pair(tmp_path / "state") as both:
        await connect(both)
        both.receiver.next(*[faults.refuse(status)] * 9)
        both.line.time.waits.clear()
        ids = both.line.put(3)
        await both.line.run_until(lambda: both.line.delivered == 3, 300)

        waits = both.line.time.waits[:9]
        assert all(wait <= min(60, 2.0**number) for number, wait in enumerate(waits))
        assert len(set(waits)) == 9
        assert len({call.batch_id() for call in both.receiver.batch_calls()}) == 1
        assert both.receiver.accepted == ids


async def test_a_receiver_that_says_later_for_ever_is_in_the_end_only_probed(tmp_path: Path) -> None:
    async with pair(tmp_path / "state") as both:
        await connect(both)
        both.receiver.always = faults.refuse(503)
        both.line.put(3)
        await both.line.run_for(24 * HOUR)
        assert len(both.receiver.batch_calls()) == 10
        assert len(both.receiver.calls) <= 24 * HOUR / 96 + 12


@pytest.mark.parametrize(
    ("asked", "obeyed"), [("5", 5), ("59", 59), ("600", 600), ("3600", 3_600), ("99999999", 3_600)]
)
@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after_is_obeyed_up_to_an_hour(tmp_path: Path, status: int, asked: str, obeyed: int) -> None:
    async with pair(tmp_path / "state") as both:
        await connect(both)
        both.receiver.next(faults.refuse(status, headers={"Retry-After": asked}), on=lambda _: True)
        both.line.put(3)
        both.line.time.after(1, lambda: void(both.line.put(1)))
        await both.line.run_until(lambda: both.line.pending == 0, 2 * HOUR)

        first, second = both.receiver.calls[:2]
        assert obeyed <= second.at - first.at <= obeyed * 1.1 + 1


async def test_retry_after_as_a_date_is_held_against_the_senders_own_clock(tmp_path: Path) -> None:
    async with pair(tmp_path / "state") as both:
        await connect(both)
        headers = {"Date": "Mon, 01 Jan 2001 00:00:00 GMT", "Retry-After": "Mon, 01 Jan 2001 00:05:00 GMT"}
        both.receiver.next(faults.refuse(503, headers=headers), on=lambda _: True)
        both.line.put(3)
        await both.line.run_until(lambda: both.line.pending == 0, HOUR)
        first, second = both.receiver.calls[:2]
        assert 300 <= second.at - first.at <= 331


async def test_the_rate_limit_header_of_a_good_answer_is_obeyed_whatever_comes_in_meanwhile(tmp_path: Path) -> None:
    async with pair(tmp_path / "state") as both:
        await connect(both)
        both.receiver.answer_headers = {"RateLimit": '"minute";r=0;t=40'}
        both.line.put(350)
        for second in range(1, 60):
            both.line.time.after(second, both.line.shipper.wake.set)
        await both.line.run_for(170)

        moments = [call.at for call in both.receiver.batch_calls()]
        assert len(moments) == 4
        assert all(later - before >= 40 for before, later in itertools.pairwise(moments))


async def test_the_strictest_of_several_rate_limits_counts_and_never_more_than_an_hour(tmp_path: Path) -> None:
    async with pair(tmp_path / "state") as both:
        await connect(both)
        both.receiver.answer_headers = {"RateLimit": '"burst";r=12;t=1, "day";r=0;t=86400, "minute";r=0;t=9'}
        both.line.put(150)
        await both.line.run_until(lambda: both.line.pending == 0, 2 * HOUR)
        moments = [call.at for call in both.receiver.batch_calls()]
        assert 3_600 <= moments[1] - moments[0] <= 4_000


async def test_an_idle_shipper_sends_a_heartbeat_every_two_minutes_and_does_nothing_else(tmp_path: Path) -> None:
    async with pair(tmp_path / "state") as both:
        await connect(both)
        both.line.time.waits.clear()
        await both.line.run_for(10 * HOUR)
        beats = [call.at for call in both.receiver.calls if call.is_beat]
        assert all(96 <= later - before <= 144 for before, later in itertools.pairwise(beats))
        assert len(both.line.time.waits) <= len(beats) + 2
        assert not both.receiver.batch_calls()


async def test_new_entries_wake_an_idle_shipper_at_once(tmp_path: Path) -> None:
    async with pair(tmp_path / "state") as both:
        await connect(both)
        both.line.time.after(5, lambda: void(both.line.put(2)))
        await both.line.run_for(10)
        [call] = both.receiver.batch_calls()
        assert call.at == pytest.approx(both.line.time.monotonic() - 5)


async def test_a_busy_shipper_sends_its_heartbeat_inside_the_batches(tmp_path: Path) -> None:
    async with pair(tmp_path / "state") as both:
        await connect(both)
        for second in range(0, 1_000, 50):
            both.line.time.after(second, lambda: void(both.line.put(1)))
        await both.line.run_for(1_000)
        assert len(both.receiver.batch_calls()) == 20
        assert not [call for call in both.receiver.calls if call.is_beat]
        [known] = both.receiver.collectors.values()
        assert known.last_beat == 21


async def test_a_heartbeat_that_is_refused_keeps_no_evidence_back(tmp_path: Path) -> None:
    async with pair(tmp_path / "state") as both:
        [known] = both.receiver.collectors.values()
        known.last_beat = 1_000_000
        ids = both.line.put(3)
        await both.line.run_for(1)
        assert both.line.ids(State.DELIVERED) == ids


async def test_a_spool_that_another_program_locks_makes_the_shipper_wait_not_die(tmp_path: Path) -> None:
    async with pair(tmp_path / "state") as both:
        await connect(both)
        ids = both.line.put(3)
        with locked(tmp_path / "state" / "spool.sqlite"):
            await both.line.run_for(100)
            assert both.line.events("not_delivered")
        await both.line.run_for(100)
        assert both.line.ids(State.DELIVERED) == ids


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the spool's file as another program would that writes into it."""
    # By the library that the spool itself uses: locks of another one in this process would not count.
    connection = dbapi.connect(path, isolation_level=None)
    try:
        connection.execute("BEGIN EXCLUSIVE")
        yield
        connection.execute("ROLLBACK")
    finally:
        connection.close()


async def test_everything_in_order_over_a_line_that_fails_at_random(tmp_path: Path) -> None:
    kinds = [
        faults.refuse(503),
        faults.refuse(429, headers={"Retry-After": "3"}),
        faults.cut(),
        faults.lose_reply(),
        faults.refuse(502),
        faults.refuse(500),
    ]
    async with pair(tmp_path / "state", ShipSettings(max_entries=10)) as both:
        await connect(both)
        ids = both.line.put(200)
        plan = [kinds[number % len(kinds)] if number % 3 else None for number in range(60)]

        both.receiver.next(*[one or faults.nothing() for one in plan])
        await both.line.run_until(lambda: both.line.pending == 0, 24 * HOUR)
        assert sorted(both.receiver.accepted) == sorted(ids)
        assert both.line.quarantined == 0
