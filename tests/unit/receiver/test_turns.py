"""Turns: few at once, some wait, and nobody waits without a bound."""

from __future__ import annotations

import asyncio

import pytest

from receiver.web.desk import BusyError
from receiver.web.turns import Turns


async def test_one_has_a_turn_one_waits_and_who_comes_then_is_sent_away() -> None:
    turns, done, order = Turns(1, 2), asyncio.Event(), list[str]()

    async def take(name: str) -> None:
        async with turns.one():
            order.append(name)
            await done.wait()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(take("first"))
        waiting = tasks.create_task(take("second"))
        await asyncio.sleep(0)
        assert order == ["first"]
        with pytest.raises(BusyError):
            await take("third")
        done.set()
        await waiting
        await take("fourth")
    assert order == ["first", "second", "fourth"]


async def test_who_goes_away_while_waiting_leaves_its_place() -> None:
    turns, done = Turns(1, 2), asyncio.Event()

    async def take() -> None:
        async with turns.one():
            await done.wait()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(take())
        await asyncio.sleep(0)
        gone = tasks.create_task(take())
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.wait([gone])
        tasks.create_task(take())
        await asyncio.sleep(0)
        done.set()
    await take()
