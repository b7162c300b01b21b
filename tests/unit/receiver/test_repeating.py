"""What is done again and again: one call at a time, none before the first wait, and the last one only where wanted."""

import asyncio

import pytest

from receiver.web.repeating import Repeating


class Act:
    """Counts its calls, and fails the test where two of them overlap."""

    def __init__(self) -> None:
        self.calls, self.inside, self.reached = 0, 0, asyncio.Event()

    async def __call__(self) -> None:
        assert self.inside == 0
        self.inside += 1
        await asyncio.sleep(0)
        self.inside -= 1
        self.calls += 1
        if self.calls == 3:
            self.reached.set()


async def test_it_is_done_again_and_again_until_a_stop() -> None:
    act = Act()
    one = Repeating(act, 0.001, "test")
    one.start()
    await asyncio.wait_for(act.reached.wait(), 10)
    await one.stop()
    done = act.calls
    await asyncio.sleep(0.01)
    assert act.calls == done


@pytest.mark.parametrize("once_more", [False, True])
async def test_a_stop_before_the_first_wait_is_over_does_it_only_where_a_last_time_is_wanted(once_more: bool) -> None:  # noqa: FBT001
    act = Act()
    one = Repeating(act, 3_600, "test", once_more=once_more)
    one.start()
    await one.stop()
    assert act.calls == once_more


async def test_what_was_never_started_is_stopped_without_a_word() -> None:
    act = Act()
    await Repeating(act, 1, "test", once_more=True).stop()
    assert act.calls == 0


async def test_what_it_raises_is_raised_by_the_stop() -> None:
    async def fail() -> None:
        await asyncio.sleep(0)
        raise RuntimeError("a bug")

    one = Repeating(fail, 3_600, "test", once_more=True)
    one.start()
    with pytest.raises(RuntimeError, match="a bug"):
        await one.stop()
