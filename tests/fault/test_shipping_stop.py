"""R6, F23: a stop ends every wait, gives the request in flight its time and no more, and settles nothing by itself."""

import asyncio
from pathlib import Path

import pytest

from collector.ship import ShipSettings
from collector.spool import State
from tests.fakes import faults
from tests.fakes.receiver import Fault
from tests.fakes.simulated import Pair, pair

SHORT = ShipSettings(stop_seconds=0.2)


async def connect(both: Pair) -> None:
    await both.line.run_for(1)
    both.receiver.calls.clear()
    both.line.shipper.stop.clear()


async def stopped_in_time(both: Pair) -> None:
    before = asyncio.all_tasks()
    await asyncio.wait_for(both.line.shipper.run(), 5)
    assert not {task for task in asyncio.all_tasks() - before if "_handle" not in repr(task.get_coro())}


async def test_a_request_in_flight_that_is_answered_after_the_stop_still_settles(tmp_path: Path) -> None:
    async with pair(tmp_path / "state") as both:
        await connect(both)
        ids = both.line.put(3)
        answer = asyncio.Event()

        def stop() -> None:
            both.line.shipper.stop.set()
            asyncio.get_running_loop().call_later(0.05, answer.set)

        both.receiver.next(faults.stall(answer, stop))
        await stopped_in_time(both)
        assert both.line.ids(State.DELIVERED) == ids


async def test_a_request_in_flight_that_nobody_answers_is_abandoned_and_counts_as_no_failure(tmp_path: Path) -> None:
    async with pair(tmp_path / "state", SHORT) as both:
        await connect(both)
        ids = both.line.put(3)
        never = asyncio.Event()
        both.receiver.next(faults.stall(never, both.line.shipper.stop.set))
        await stopped_in_time(both)

        assert both.line.ids(State.PENDING) == ids
        assert both.line.shipper.shipped.failures == 0
        assert both.line.shipper.shipped.last_error is None
        assert not both.line.events("not_delivered")
        never.set()
        await both.line.run_for(1)
        assert both.line.ids(State.DELIVERED) == ids


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(faults.refuse(503), id="between two attempts"),
        pytest.param(faults.refuse(429, headers={"Retry-After": "50"}), id="while it was asked to wait"),
        pytest.param(faults.refuse(429, headers={"Retry-After": "3000"}), id="while it was asked to wait for long"),
        pytest.param(faults.refuse(403), id="while it is not let in"),
        pytest.param(faults.cut(), id="between two probes"),
    ],
)
async def test_a_stop_ends_each_wait_and_nothing_more_is_sent(tmp_path: Path, fault: Fault) -> None:
    async with pair(tmp_path / "state") as both:
        await connect(both)
        ids = both.line.put(3)
        both.receiver.always = fault
        calls: list[int] = []

        def stop() -> None:
            calls.append(len(both.receiver.calls))
            both.line.shipper.stop.set()

        both.line.time.after(0.0001, stop)
        await stopped_in_time(both)
        assert calls == [len(both.receiver.calls)]
        assert both.line.ids(State.PENDING) == ids


async def test_a_daemon_that_is_cancelled_in_flight_leaves_no_task_behind_and_everything_pending(
    tmp_path: Path,
) -> None:
    async with pair(tmp_path / "state") as both:
        await connect(both)
        ids = both.line.put(3)
        there, never = asyncio.Event(), asyncio.Event()
        both.receiver.next(faults.stall(never, there.set))
        before = asyncio.all_tasks()
        shipping = asyncio.create_task(both.line.shipper.run())
        await asyncio.wait_for(there.wait(), 5)
        shipping.cancel()
        with pytest.raises(asyncio.CancelledError):
            await shipping
        never.set()
        assert not {task for task in asyncio.all_tasks() - before if "Shipper" in repr(task.get_coro())}
        assert both.line.ids(State.PENDING) == ids


async def test_one_pass_delivers_everything_and_says_so(tmp_path: Path) -> None:
    async with pair(tmp_path / "state") as both:
        ids = both.line.put(250)
        assert await both.line.drain() is True
        assert both.line.ids(State.DELIVERED) == ids
        assert len(both.receiver.batch_calls()) == 3


async def test_one_pass_with_nothing_to_deliver_sends_a_heartbeat(tmp_path: Path) -> None:
    async with pair(tmp_path / "state") as both:
        assert await both.line.drain() is True
        assert [call.is_beat for call in both.receiver.calls if not call.path.endswith("/access")] == [True]


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(faults.refuse(503), id="503"),
        pytest.param(faults.refuse(500), id="500"),
        pytest.param(faults.refuse(403), id="403"),
        pytest.param(faults.refuse(404), id="404"),
        pytest.param(faults.refuse(413), id="413"),
        pytest.param(faults.cut(), id="reset"),
        pytest.param(faults.answer(b"<html>"), id="a lie"),
    ],
)
@pytest.mark.parametrize("at", [0, 1])
async def test_one_pass_ends_and_says_so_where_the_receiver_does_not_take_everything(
    tmp_path: Path, fault: Fault, at: int
) -> None:
    async with pair(tmp_path / "state") as both:
        ids = both.line.put(150)
        both.receiver.next(*[faults.nothing()] * at, *[fault] * 1_000)
        assert await both.line.drain() is False
        assert both.line.ids(State.DELIVERED) == ids[: 100 * at]
        assert both.line.ids(State.PENDING) == ids[100 * at :]
        assert len(both.receiver.calls) < 40


async def test_one_pass_that_put_an_entry_back_delivers_the_others_and_says_so(tmp_path: Path) -> None:
    async with pair(tmp_path / "state") as both:
        ids = both.line.put(30)
        both.receiver.always = faults.refuse_with({ids[7]})
        assert await both.line.drain() is False
        assert both.line.ids(State.PENDING) == [ids[7]]


async def test_one_pass_with_the_receiver_gone_ends_at_once(tmp_path: Path) -> None:
    async with pair(tmp_path / "state") as both:
        both.line.put(3)
        await both.receiver.close()
        assert await both.line.drain() is False
        assert both.line.pending == 3
        assert len(both.line.tried) == 1
