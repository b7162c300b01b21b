"""How much comparing one question may cost: beyond it nothing is judged, which is a HOLD, rather than hours of work.

Nearly always what is newest settles what is older, and the work grows as the evidence does. Who crafts evidence of
which nothing settles anything could make it grow by the square: that is what this bounds. It counts comparisons of two
pieces and never time, so the same facts are judged, or not, wherever that is done.
"""

from __future__ import annotations

from shared.errors import Code, MalformedError

MOST_COMPARISONS = 10_000_000
"""Some ten seconds of a processor; a release with 10,000 reports of hundreds of runs takes a tenth of it."""


class Effort:
    """What is left of it, for one question."""

    def __init__(self, most: int = MOST_COMPARISONS) -> None:
        """Begin with all of it."""
        self._left = most
        self._most = most

    @property
    def spent(self) -> int:
        """How many comparisons were made."""
        return self._most - self._left

    def spend(self, comparisons: int) -> None:
        """Take so many before they are made; raises `MalformedError` (`too_large`) where they are too many."""
        self._left -= comparisons
        if self._left < 0:
            raise MalformedError(
                Code.TOO_LARGE,
                f"which evidence takes the place of which was not told by {self._most:,} comparisons: too much of it"
                " comes from too many runs and senders",
                "build from a new commit, and let each job deliver its reports once",
            )
