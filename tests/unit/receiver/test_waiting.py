"""Those who wait at the gate share what is asked for them, and leave the rest of the time to others."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from receiver.web.waiting import Asked, Changes, Question
from shared.errors import Code, TryLaterError

APART = 0.1
LONG = 30.0


class Workspace:
    """A workspace whose mark counts what came, and a question that is answered with what had come."""

    def __init__(self) -> None:
        self.came = 0
        self.wanted = 10**6
        self.asked_at: list[float] = []
        self.took = 0.0
        self.at_once = self.most_at_once = 0
        self.fails = False
        self.stops = False
        self._was_asked = asyncio.Condition()

    async def look(self) -> int:
        return self.came

    async def ask(self) -> int:
        self.asked_at.append(asyncio.get_running_loop().time())
        async with self._was_asked:
            self._was_asked.notify_all()
        if self.fails:
            raise TryLaterError(Code.UNAVAILABLE, "the database is busy", "later", delay_seconds=1.0)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        found = self.came
        await asyncio.sleep(self.took)
        self.at_once -= 1
        return found

    def asked(self) -> Asked[int]:
        return Asked(self.ask, self.look, lambda found: found >= self.wanted, lambda: self.stops)

    async def change_until(self, over: asyncio.Event) -> None:
        while not over.is_set():
            self.came += 1
            await asyncio.sleep(0.005)

    async def asked_times(self, times: int) -> None:
        """Wait until it was asked so often."""
        async with self._was_asked, asyncio.timeout(5):
            await self._was_asked.wait_for(lambda: len(self.asked_at) >= times)


@pytest.fixture
def workspace() -> Workspace:
    return Workspace()


def changes(most: int = 1000, most_of_one: int = 1000) -> Changes:
    return Changes(most=most, most_of_one=most_of_one, look_seconds=0.01, again_seconds=APART)


def question(said: object = "it", token: str = "tok_a") -> Question:
    return Question("ws_a", token, str(said))


async def test_a_hundred_who_wait_for_one_answer_ask_as_often_as_one_however_much_comes(workspace: Workspace) -> None:
    held, over = changes(), asyncio.Event()
    busy = asyncio.create_task(workspace.change_until(over))
    async with asyncio.timeout(10):
        found = await asyncio.gather(*(held.until(question(), 0.5, workspace.asked()) for _ in range(100)))
    over.set()
    await busy
    # One for those who came at once, and one each tenth of a second after it.
    assert 3 <= len(workspace.asked_at) <= 6
    assert min(after - before for before, after in pairwise(workspace.asked_at)) >= APART * 0.9
    assert len(set(found)) == 1


async def test_all_who_wait_get_the_same_answer_soon_after_it_is_enough(workspace: Workspace) -> None:
    held, workspace.wanted = changes(), 1
    waiting = [asyncio.create_task(held.until(question(), LONG, workspace.asked())) for _ in range(40)]
    await workspace.asked_times(1)
    workspace.came = 1
    async with asyncio.timeout(5):
        assert await asyncio.gather(*waiting) == [1] * 40
    assert len(workspace.asked_at) == 2


async def test_nobody_is_given_an_answer_that_was_asked_for_before_they_came(workspace: Workspace) -> None:
    held, workspace.took = changes(), 0.05
    first = asyncio.create_task(held.until(question(), 0.2, workspace.asked()))
    await workspace.asked_times(1)
    workspace.came, workspace.wanted = 7, 7
    async with asyncio.timeout(5):
        assert await held.until(question(), LONG, workspace.asked()) == 7
    await first


async def test_another_token_or_another_question_is_asked_on_its_own(workspace: Workspace) -> None:
    held = changes()
    asked = [question(), question("something else"), question(token="tok_b")]
    await asyncio.gather(*(held.until(one, 0.05, workspace.asked()) for one in asked))
    assert len(workspace.asked_at) == 3


async def test_many_questions_are_asked_again_one_by_one_for_half_of_the_time_at_most(workspace: Workspace) -> None:
    held, over = changes(), asyncio.Event()
    waiting = [asyncio.create_task(held.until(question(n), 0.6, workspace.asked())) for n in range(20)]
    await workspace.asked_times(20)
    workspace.took, workspace.most_at_once = 0.02, 0
    busy = asyncio.create_task(workspace.change_until(over))
    await asyncio.gather(*waiting)
    over.set()
    await busy
    again = workspace.asked_at[20:]
    assert workspace.most_at_once == 1
    assert 3 <= len(again) <= 0.6 / 0.04 + 1
    assert min(after - before for before, after in pairwise(again)) >= 0.035


async def test_who_finds_too_many_waiting_is_answered_at_once_and_a_place_is_free_again_afterwards(
    workspace: Workspace,
) -> None:
    held = changes(most=3, most_of_one=2)
    waiting = [asyncio.create_task(held.until(question(n), LONG, workspace.asked())) for n in range(2)]
    await workspace.asked_times(2)
    async with asyncio.timeout(5):
        assert await held.until(question(), LONG, workspace.asked()) == 0
    other = asyncio.create_task(held.until(question(token="tok_b"), LONG, workspace.asked()))
    await workspace.asked_times(4)
    async with asyncio.timeout(5):
        assert await held.until(question(token="tok_c"), LONG, workspace.asked()) == 0
    for one in (*waiting, other):
        one.cancel()
    await asyncio.gather(*waiting, other, return_exceptions=True)
    begun = asyncio.get_running_loop().time()
    assert await held.until(question(), 0.1, workspace.asked()) == 0
    assert asyncio.get_running_loop().time() - begun >= 0.1


async def test_a_database_that_is_busy_for_a_moment_turns_nobody_away_who_has_an_answer(workspace: Workspace) -> None:
    held, workspace.wanted = changes(), 2
    waiting = asyncio.create_task(held.until(question(), LONG, workspace.asked()))
    await workspace.asked_times(1)
    workspace.fails, workspace.came = True, 1
    await workspace.asked_times(2)
    workspace.fails, workspace.came = False, 2
    async with asyncio.timeout(5):
        assert await waiting == 2
    workspace.fails = True
    with pytest.raises(TryLaterError):
        await held.until(question(), LONG, workspace.asked())


async def test_who_goes_takes_nobody_elses_answer_along(workspace: Workspace) -> None:
    held, workspace.took, workspace.wanted = changes(), 0.05, 0
    first = asyncio.create_task(held.until(question(), LONG, workspace.asked()))
    second = asyncio.create_task(held.until(question(), LONG, workspace.asked()))
    await workspace.asked_times(1)
    first.cancel()
    async with asyncio.timeout(5):
        assert await second == 0
    assert len(workspace.asked_at) == 1


async def test_a_stop_lets_everybody_go(workspace: Workspace) -> None:
    held = changes()
    waiting = asyncio.create_task(held.until(question(), LONG, workspace.asked()))
    await workspace.asked_times(1)
    workspace.stops = True
    async with asyncio.timeout(5):
        assert await waiting == 0
