"""Pieces that come at about the same time are done in one go, and none of them pays for another."""

from __future__ import annotations

import asyncio

import pytest

from receiver.web.gathering import Gathering
from shared.errors import Code, TryLaterError

LONG = 3600.0
"""A moment that no test waits for."""
SHORT = 0.02


class Working:
    """Answers each piece with itself in upper case, and remembers what went together."""

    def __init__(self) -> None:
        self.goes: list[list[str]] = []
        self.fails = False
        self.begun = asyncio.Event()
        self.may_end = asyncio.Event()
        self.may_end.set()

    async def __call__(self, pieces: list[str]) -> list[str]:
        self.goes.append(list(pieces))
        self.begun.set()
        await self.may_end.wait()
        if self.fails:
            msg = "the disk is full"
            raise OSError(msg)
        return [one.upper() for one in pieces]


async def test_a_piece_that_comes_alone_does_not_wait() -> None:
    gathering, working = Gathering[str, str](apart_seconds=LONG, most=9), Working()
    async with asyncio.timeout(10):
        assert await gathering.join("acme", "a", working) == "A"


async def test_what_comes_within_a_moment_goes_together_and_each_gets_its_own_outcome() -> None:
    gathering, working = Gathering[str, str](apart_seconds=SHORT, most=9), Working()
    assert await gathering.join("acme", "a", working) == "A"
    found = await asyncio.gather(*(gathering.join("acme", one, working) for one in "bcd"))
    assert (found, working.goes) == (["B", "C", "D"], [["a"], ["b", "c", "d"]])


async def test_what_comes_while_a_go_is_at_work_is_not_part_of_it() -> None:
    gathering, working = Gathering[str, str](apart_seconds=SHORT, most=9), Working()
    working.may_end.clear()
    first = asyncio.create_task(gathering.join("acme", "a", working))
    await working.begun.wait()
    second = asyncio.create_task(gathering.join("acme", "b", working))
    await asyncio.sleep(0)
    working.may_end.set()
    assert (await first, await second, working.goes) == ("A", "B", [["a"], ["b"]])


async def test_a_go_takes_no_more_than_fit() -> None:
    gathering, working = Gathering[str, str](apart_seconds=SHORT, most=2), Working()
    found = await asyncio.gather(*(gathering.join("acme", one, working) for one in "abcde"))
    assert found == [*"ABCDE"]
    assert sorted(working.goes) == [["a", "b"], ["c", "d"], ["e"]]


async def test_kinds_do_not_wait_for_each_other() -> None:
    gathering, working = Gathering[str, str](apart_seconds=LONG, most=9), Working()
    async with asyncio.timeout(10):
        assert await gathering.join("acme", "a", working) == "A"
        assert await gathering.join("umbrella", "b", working) == "B"


async def test_a_go_that_fails_is_told_to_each_of_its_pieces_and_ends_there() -> None:
    gathering, working = Gathering[str, str](apart_seconds=SHORT, most=9), Working()
    working.fails = True
    found = await asyncio.gather(*(gathering.join("acme", one, working) for one in "ab"), return_exceptions=True)
    assert [type(one) for one in found] == [OSError, OSError]
    working.fails = False
    assert await gathering.join("acme", "c", working) == "C"


async def test_a_piece_that_breaks_the_work_is_told_so_alone_and_the_others_are_done() -> None:
    gathering, goes = Gathering[str, str](apart_seconds=SHORT, most=9), []

    async def work(pieces: list[str]) -> list[str]:
        goes.append(list(pieces))
        if "b" in pieces:
            msg = "no such character"
            raise ValueError(msg)
        return [one.upper() for one in pieces]

    found = await asyncio.gather(*(gathering.join("acme", one, work) for one in "abc"), return_exceptions=True)
    assert (found[0], type(found[1]), found[2]) == ("A", ValueError, "C")
    assert goes == [["a", "b", "c"], ["a"], ["b"], ["c"]]


async def test_a_go_that_may_be_tried_later_is_not_tried_now_for_each_of_its_pieces() -> None:
    gathering, goes = Gathering[str, str](apart_seconds=SHORT, most=9), []

    async def work(pieces: list[str]) -> list[str]:
        goes.append(list(pieces))
        raise TryLaterError(Code.UNAVAILABLE, "the disk is full")

    found = await asyncio.gather(*(gathering.join("acme", one, work) for one in "ab"), return_exceptions=True)
    assert ([type(one) for one in found], goes) == ([TryLaterError, TryLaterError], [["a", "b"]])


async def test_a_caller_that_goes_away_takes_nothing_from_the_others() -> None:
    gathering, working = Gathering[str, str](apart_seconds=SHORT, most=9), Working()
    working.may_end.clear()
    gone, stays = (asyncio.create_task(gathering.join("acme", one, working)) for one in "ab")
    await working.begun.wait()
    gone.cancel()
    working.may_end.set()
    assert await stays == "B"
    with pytest.raises(asyncio.CancelledError):
        await gone
    assert working.goes == [["a", "b"]]
