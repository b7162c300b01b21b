"""A small taker of files: watcher, scan, readiness and reading joined, with nothing behind them."""

from __future__ import annotations

import queue
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

from collector.opening import RootSpec, look_at, reading
from collector.readiness import Candidates, Key, Look, Readiness
from collector.watch import Notice, Watcher, scan
from shared.errors import CarnetError, Code

_LIMIT = 1 << 20


class Taker:
    """Takes what lies and comes in some roots; `ends(path, data)` says whether a content is complete.

    `taken` has every content by path, in order; `refused` the codes; `skipped` what was gone before it settled.
    """

    def __init__(
        self,
        roots: Iterable[RootSpec],
        ends: Callable[[str, bytes], bool],
        *,
        settle_seconds: float,
        broken_after_seconds: float = 300.0,
        scan_seconds: float = 60.0,
        poll_seconds: float = 1.0,
    ) -> None:
        self.roots = {root.name: root for root in roots}
        self.ends = ends
        self.scan_seconds = scan_seconds
        self.candidates = Candidates(settle_seconds=settle_seconds, broken_after_seconds=broken_after_seconds)
        self.taken: dict[str, list[bytes]] = defaultdict(list)
        self.refused: dict[str, Code] = {}
        self.skipped: list[str] = []
        self.rescans = 0
        self._known: dict[Key, Look] = {}
        self._next_scan = 0.0
        self._hints: queue.SimpleQueue[tuple[str, str, bool] | None] = queue.SimpleQueue()
        self.watcher = Watcher(
            list(self.roots.values()),
            hint=lambda root, path, closed: self._hints.put((root, path, closed)),
            rescan=lambda: self._hints.put(None),
            poll_seconds=poll_seconds,
            renew_seconds=0.2,
        )

    def __enter__(self) -> Self:
        self.watcher.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.watcher.stop()

    def run(self, finished: Callable[[], bool], *, seconds: float) -> bool:
        """Take until `finished` says so, at most so long; False if the time ran out."""
        deadline = time.monotonic() + seconds
        while not finished():
            now = time.monotonic()
            if now >= deadline:
                return False
            if now >= self._next_scan:
                self._scan(now)
            due = self.candidates.due(now)
            for key in due.keys:
                self._look(key)
            until = min(due.next_at or deadline, deadline, self._next_scan)
            self._listen(0.0 if due.keys else min(max(0.0, until - now), 0.1))
        return True

    def _listen(self, seconds: float) -> None:
        try:
            hint = self._hints.get(timeout=seconds) if seconds else self._hints.get_nowait()
            while True:
                if hint is None:
                    self.rescans += 1
                    self._next_scan = 0.0
                else:
                    self.candidates.hint(hint[:2], hint[2], time.monotonic())
                hint = self._hints.get_nowait()
        except queue.Empty:
            return

    def _scan(self, now: float) -> None:
        self._next_scan = now + self.scan_seconds
        for root in self.roots.values():
            try:
                for path, look in scan(root, notice=self._notice):
                    key = (root.name, path)
                    if self._known.get(key) != look and key not in self.candidates:
                        self.candidates.hint(key, closed=False, at=now)
            except CarnetError as error:
                self.refused[root.name] = error.code

    def _notice(self, notice: Notice) -> None:
        self.refused[notice.path] = notice.code

    def _look(self, key: Key) -> None:
        root, path = self.roots[key[0]], key[1]
        try:
            found = look_at(root, path)
            if found is None:
                if self.candidates.forget(key):
                    self.skipped.append(path)
                return
            ready = self.candidates.look(key, found.look, time.monotonic(), done=found.done)
            if ready is Readiness.WAIT:
                return
            with reading(root, path, expected=found.look, max_bytes=_LIMIT) as content:
                data = b"".join(content.chunks())
                content.finish()
        except CarnetError as error:
            self.refused[path] = error.code
            if error.code is Code.CHANGED_WHILE_READ:
                self.candidates.hint(key, closed=False, at=time.monotonic() + 0.05)
            else:
                self.candidates.forget(key)
            return
        endless = path.endswith(".lcov")
        if ready is Readiness.STALE or (self.ends(path, data) and not (endless and ready is not Readiness.SETTLED)):
            self.candidates.forget(key)
            if self._known.get(key) != found.look:
                self.taken[path].append(data)
            self._known[key] = found.look
