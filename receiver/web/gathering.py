"""Work that comes in small pieces from many sides: what comes at about the same time is done in one go.

Invariants: a piece that comes alone goes at once; between the beginnings of two goes lies a moment, in which pieces
gather; kinds do not wait for each other; what breaks the work on one piece breaks that of no other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from shared.errors import TryLaterError

T = TypeVar("T")
U = TypeVar("U")


class Gathering(Generic[T, U]):
    """Joins pieces of a kind."""

    def __init__(self, *, apart_seconds: float, most: int) -> None:
        """Take how long there is between two goes of a kind, and how many pieces go together."""
        self._apart_seconds = apart_seconds
        self._most = most
        self._gathers: dict[Hashable, _Go[T, U]] = {}
        self._next_at: dict[Hashable, float] = {}

    async def join(self, kind: Hashable, piece: T, work: Callable[[list[T]], Awaitable[Sequence[U]]]) -> U:
        """Have a piece done together with others of its kind; gives its outcome.

        `work` does some pieces and gives an outcome for each, in their order, or does none of them and raises. Where
        it raises `TryLaterError` each of them does; for anything else they are done one by one, since it may be one of
        them alone that cannot be done. A piece whose caller is cancelled is done all the same.
        """
        go = self._gathers.get(kind)
        if go is None or len(go.pieces) >= self._most:
            go = self._gathers[kind] = _Go()
            go.task = asyncio.create_task(self._run(kind, go, work))
            go.task.add_done_callback(_looked_at)
        place = len(go.pieces)
        go.pieces.append(piece)
        outcome = (await asyncio.shield(go.task))[place]
        if isinstance(outcome, _Broken):
            raise outcome.error
        return outcome

    async def _run(
        self, kind: Hashable, go: _Go[T, U], work: Callable[[list[T]], Awaitable[Sequence[U]]]
    ) -> Sequence[U | _Broken]:
        loop = asyncio.get_running_loop()
        wait = self._next_at.get(kind, 0) - loop.time()
        if wait > 0:
            await asyncio.sleep(wait)
        self._next_at[kind] = loop.time() + self._apart_seconds
        if self._gathers.get(kind) is go:
            del self._gathers[kind]
        try:
            return await work(go.pieces)
        except TryLaterError:
            raise
        except Exception:
            if len(go.pieces) == 1:
                raise
        return [await _alone(piece, work) for piece in go.pieces]


@dataclass(frozen=True, slots=True)
class _Broken:
    """What came instead of an outcome."""

    error: Exception


async def _alone(piece: T, work: Callable[[list[T]], Awaitable[Sequence[U]]]) -> U | _Broken:
    try:
        (outcome,) = await work([piece])
    except Exception as error:  # noqa: BLE001 - given to the caller of this piece
        return _Broken(error)
    return outcome


class _Go(Generic[T, U]):
    """Pieces that are done together, and the task that does them."""

    def __init__(self) -> None:
        self.pieces: list[T] = []
        self.task: asyncio.Task[Sequence[U | _Broken]]


def _looked_at(task: asyncio.Task[Sequence[U]]) -> None:
    """Look at how a go ended, since nobody else does when all of its callers are gone."""
    if not task.cancelled():
        task.exception()
