"""A scan of a root held against what the spool remembers of it: two lists in one order, so neither is kept in memory.

Invariant: both go by the bytes of the paths, rising. A file that comes out of this order is taken for a changed one,
which costs a look at it and nothing else.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from collector.readiness import Look
from collector.spool.memory import LookRow, look_row, path_text


class Sweep:
    """One scan's progress through the remembered files of a root."""

    def __init__(self, more: Callable[[bytes], list[LookRow]]) -> None:
        """Take what gives the next remembered files after a path; none at the end."""
        self._more = more
        self._rows: deque[LookRow] = deque(more(b""))
        self._gone: list[str] = []

    def changed(self, path: str, look: Look) -> bool:
        """Say whether the file that a scan met is new, or looks otherwise than when it was last hashed."""
        met = look_row(path, look)
        while self._rows and self._rows[0][0] < met[0]:
            self._gone.append(path_text(self._next()[0]))
        if not self._rows or self._rows[0][0] != met[0]:
            return True
        return self._next() != met

    def gone(self) -> list[str]:
        """Give the paths that were remembered and not met; ends the sweep."""
        while self._rows:
            self._gone.append(path_text(self._next()[0]))
        return self._gone

    def _next(self) -> LookRow:
        row = self._rows.popleft()
        if not self._rows:
            self._rows.extend(self._more(row[0]))
        return row
