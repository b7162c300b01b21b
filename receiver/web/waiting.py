"""Hold an answer until something changed in a workspace that may change it, or the time is over.

Invariants: those who wait for the answer to one question share its askings, a second apart, and get the same answer;
no answer is given that was asked for before its request came; however many questions wait, they are asked again one
after the other, for half of the time at most, so that others find the database free; a workspace is looked at by one
of them, a few times a second; nobody waits longer than they asked for, or than the receiver runs.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Hashable
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

from shared.errors import TryLaterError

T = TypeVar("T")

LOOK_SECONDS = 0.2
AGAIN_SECONDS = 1.0


class Question(NamedTuple):
    """Who asks what and where: those who ask the same share its answer."""

    workspace_id: str
    token_id: str
    said: Hashable


@dataclass(frozen=True, slots=True)
class Asked(Generic[T]):
    """How a question is asked, how its workspace is looked at, and when waiting is over."""

    ask: Callable[[], Awaitable[T]]
    look: Callable[[], Awaitable[Hashable]]
    enough: Callable[[T], bool]
    stopping: Callable[[], bool]

    async def answer(self) -> Answered[T]:
        """Look first, so that what comes while it is being answered is a change."""
        mark = await self.look()
        return Answered(mark, await self.ask())


@dataclass(frozen=True, slots=True)
class Answered(Generic[T]):
    """An answer, and the mark of the workspace before it was asked for."""

    mark: Hashable
    answer: T


class Changes:
    """Those who wait, by question, and the looks and askings that they share."""

    def __init__(
        self,
        *,
        most: int,
        most_of_one: int,
        look_seconds: float = LOOK_SECONDS,
        again_seconds: float = AGAIN_SECONDS,
    ) -> None:
        """Begin with nobody; take how many may wait in all and of one token, how often to look and to ask again."""
        self._most = most
        self._most_of_one = most_of_one
        self._look_seconds = look_seconds
        self._again_seconds = again_seconds
        self._looking: dict[str, asyncio.Task[Hashable]] = {}
        self._shared: dict[Question, _Shared[Any]] = {}
        self._waiting: Counter[str] = Counter()
        self._turn = asyncio.Lock()
        self._free_at = 0.0

    async def until(self, question: Question, seconds: float, asked: Asked[T]) -> T:
        """Ask, and ask again after each change, until it is enough or the seconds are over; gives the last answer.

        Where too many wait already it is asked once. Raises what the asking raises; once there is an answer,
        `TryLaterError` only makes it wait for another one.
        """
        if self._waiting.total() >= self._most or self._waiting[question.token_id] >= self._most_of_one:
            return await asked.ask()
        now = asyncio.get_running_loop().time
        end = now() + seconds
        shared: _Shared[T] = self._enter(question)
        try:
            found = await shared.fresh(asked)
            while not asked.enough(found.answer) and (left := end - now()) > 0 and not asked.stopping():
                try:
                    mark = await self._look(question.workspace_id, asked, min(left, self._look_seconds))
                    if mark != found.mark:
                        found = await asyncio.wait_for(self._again(shared, mark, asked), max(0.0, end - now()))
                except TimeoutError:
                    break
                except TryLaterError:
                    continue
        finally:
            self._leave(question, shared)
        return found.answer

    def _enter(self, question: Question) -> _Shared[Any]:
        shared = self._shared.setdefault(question, _Shared())
        shared.waiting += 1
        self._waiting[question.token_id] += 1
        return shared

    def _leave(self, question: Question, shared: _Shared[Any]) -> None:
        shared.waiting -= 1
        if not shared.waiting:
            del self._shared[question]
        self._waiting[question.token_id] -= 1
        if not self._waiting[question.token_id]:
            del self._waiting[question.token_id]

    async def _look(self, workspace_id: str, asked: Asked[T], pause: float) -> Hashable:
        """Give the mark of a workspace after a pause; whoever comes meanwhile gets the same one."""
        running = self._looking.get(workspace_id)
        if running is None:
            running = self._looking[workspace_id] = _started(_after(pause, asked.look))
            running.add_done_callback(lambda _task: self._looking.pop(workspace_id, None))
        return await asyncio.shield(running)

    async def _again(self, shared: _Shared[T], mark: Hashable, asked: Asked[T]) -> Answered[T]:
        """Give the answer as of a mark, or a newer one; whoever comes meanwhile gets the same one."""
        if shared.last is not None and shared.last.mark == mark:
            return shared.last
        if shared.again is None:
            shared.again = _started(self._in_turn(shared, asked))
            shared.again.add_done_callback(shared.asked_again)
        return await asyncio.shield(shared.again)

    async def _in_turn(self, shared: _Shared[T], asked: Asked[T]) -> Answered[T]:
        now = asyncio.get_running_loop().time
        await asyncio.sleep(shared.begun_at + self._again_seconds - now())
        async with self._turn:
            if shared.last is not None and not shared.waiting:
                return shared.last
            await asyncio.sleep(self._free_at - now())
            begun = now()
            try:
                return await shared.fresh(asked)
            finally:
                self._free_at = now() + (now() - begun)


class _Shared(Generic[T]):
    """One question for as long as somebody waits for its answer."""

    def __init__(self) -> None:
        self.waiting = 0
        self.begun_at = 0.0
        self.last: Answered[T] | None = None
        self.again: asyncio.Task[Answered[T]] | None = None
        self._running: asyncio.Task[Answered[T]] | None = None
        self._next: asyncio.Task[Answered[T]] | None = None

    async def fresh(self, asked: Asked[T]) -> Answered[T]:
        """Give an answer that is asked for from now on: with all who come before that begins."""
        if self._next is None:
            self._next = _started(self._after(self._running, asked))
        return await asyncio.shield(self._next)

    async def _after(self, before: asyncio.Task[Answered[T]] | None, asked: Asked[T]) -> Answered[T]:
        if before is not None:
            await asyncio.wait([before])
        # Whoever comes from here on needs an asking of their own.
        self._running, self._next = self._next, None
        self.begun_at = asyncio.get_running_loop().time()
        self.last = found = await asked.answer()
        return found

    def asked_again(self, _task: asyncio.Task[Answered[T]]) -> None:
        """Let there be another asking."""
        self.again = None


async def _after(pause: float, look: Callable[[], Awaitable[Hashable]]) -> Hashable:
    await asyncio.sleep(pause)
    return await look()


def _started(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    task = asyncio.create_task(work)
    task.add_done_callback(_looked_at)
    return task


def _looked_at(task: asyncio.Task[T]) -> None:
    """Look at how it ended, since nobody else does when all who waited are gone."""
    if not task.cancelled():
        task.exception()
