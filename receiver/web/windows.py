"""Moving windows in memory, for `limits`: each key's admitted requests of the last minute, exactly.

The library's own storage starts a thread after every pause to look through all of its keys; this one looks through them
once in a window, in passing, and owns none. It is used from the event loop alone, so it takes no locks.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from limits.storage import MemoryStorage


class Windows(MemoryStorage):
    """The library's storage in memory, with moving windows of its own; times are seconds of the clock that it takes."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        """Take the clock; one that never goes back."""
        super().__init__()
        self._seconds = seconds
        self._admitted: dict[str, deque[float]] = {}
        self._swept_at = seconds()

    def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Admit so many requests at once, or none where there would be more than `limit` in `expiry` seconds."""
        now = self._seconds()
        self._sweep(now, expiry)
        times = self._admitted.setdefault(key, deque())
        while times and times[0] < now - expiry:
            times.popleft()
        if len(times) + amount > limit:
            return False
        times.extend([now] * amount)
        return True

    def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:  # noqa: ARG002 - as inherited
        """Give the time of the oldest request in a window, now where there is none, and how many there are."""
        now = self._seconds()
        times = self._admitted.get(key)
        while times and times[0] < now - expiry:
            times.popleft()
        return (times[0], len(times)) if times else (now, 0)

    def __len__(self) -> int:
        """How many keys are in memory."""
        return len(self._admitted)

    def _sweep(self, now: float, expiry: int) -> None:
        """Forget the keys whose windows are empty, once in a window."""
        if now - self._swept_at < expiry:
            return
        self._swept_at = now
        self._admitted = {key: times for key, times in self._admitted.items() if times and times[-1] >= now - expiry}
