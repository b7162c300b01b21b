"""Judging past decisions again, here or in processes beside this one: the same comes of it, in the same order.

Invariants: no more portions are read ahead than the processes are at work on, twice; where a process is lost its
portion is judged here, so nothing depends on them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import cast

from receiver.companions import Companions
from receiver.core.retrial import Outcome, Portion, Question, Retrial
from receiver.core.whatif import WhatIf
from shared.errors import TryLaterError

_ANSWER_SECONDS = 600.0
_RECALLED_BYTES = 32 * 1024 * 1024
_AHEAD = 2

Judged = tuple[Portion, list[Outcome]]


class Retriers:
    """Judges portions by one question."""

    def __init__(self, asked: WhatIf, question: Question, count: int, lost: Callable[[], None]) -> None:
        """Have so many processes at work; 0: all is judged here. `asked` is what `question` reads.

        `lost` is told when one of them ended by itself or did not answer.
        """
        self._here = Retrial(asked, _RECALLED_BYTES)
        self._count = count
        self._lost = lost
        self._companions = Companions(
            "receiver.retrying.child", count, _ANSWER_SECONDS, (question, _RECALLED_BYTES // max(1, count))
        )

    def judge(self, portions: Iterable[Portion]) -> Iterator[Judged]:
        """Give what came of each portion, in their order, while further ones are read."""
        if not self._count:
            yield from ((one, self._here.judge(one)) for one in portions)
            return
        waiting: deque[tuple[Portion, Future[list[Outcome] | None]]] = deque()
        with ThreadPoolExecutor(self._count) as threads:
            try:
                for portion in portions:
                    waiting.append((portion, threads.submit(self._asked, portion)))
                    if len(waiting) > _AHEAD * self._count:
                        yield self._taken(*waiting.popleft())
                while waiting:
                    yield self._taken(*waiting.popleft())
            finally:
                threads.shutdown(cancel_futures=True)

    def close(self) -> None:
        """End the processes."""
        self._companions.close()

    def _asked(self, portion: Portion) -> list[Outcome] | None:
        try:
            return cast("list[Outcome]", self._companions.ask(portion))
        except TryLaterError:
            return None

    def _taken(self, portion: Portion, answer: Future[list[Outcome] | None]) -> Judged:
        found = answer.result()
        if found is None:
            self._lost()
            found = self._here.judge(portion)
        return portion, found
