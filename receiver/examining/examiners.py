"""The receiver's examiners: a few processes, each at work on one batch at a time, replaced when one of them dies.

Signatures and statements are pure work on bytes, half of what a batch costs. An examiner is no wall against hostile
bytes (`core.admit` is).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

from receiver.companions import Companions
from receiver.core.admit import Judged, Sender, examine_all
from shared.errors import TryLaterError

FEW = 8
"""So many entries are examined on the spot: the way to another process costs about as much."""
ANSWER_SECONDS = 30.0


class Examiners:
    """Examines batches in other processes; called from several threads, each of which waits for its answer."""

    def __init__(self, count: int, lost: Callable[[], None]) -> None:
        """Have at most so many at work at once, each started when it is first needed; 0: all is done on the spot.

        `lost` is told when one of them ended by itself or did not answer.
        """
        self._count = count
        self._lost = lost
        self._companions = Companions("receiver.examining.child", count, ANSWER_SECONDS)

    def examine(self, entries: Sequence[bytes], sender: Sender) -> Judged:
        """Examine the entries of a batch (`core.admit.Examine`): here, where they are few or nobody else can."""
        if not self._count or len(entries) <= FEW:
            return examine_all(entries, sender)
        try:
            return cast("Judged", self._companions.ask((tuple(entries), sender)))
        except TryLaterError:
            self._lost()
        return examine_all(entries, sender)

    def close(self) -> None:
        """End them all; only when nobody calls any more."""
        self._companions.close()
