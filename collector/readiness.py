"""When a file may be taken: a rule over looks (what `stat` said, and when), pure, with the time handed in.

The rule. Somebody closed it after writing or renamed it into place: it may be taken at once if it is complete
by its format. Else it must have stood still: two looks, at least the settle time apart, with equal device,
inode, size, mtime and ctime. A file of a known format that does not parse to its end is final only once it
stood still for the broken-file time. Each answer but `WAIT` is given once for each state of the file, so that
a broken file is parsed three times and not every two seconds; a new hint asks anew.

Times are monotonic seconds. A key is (name of the root, path below it).
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, TypeAlias

Key: TypeAlias = tuple[str, str]

_LOOK_AGAIN_SECONDS = 30.0


class Look(NamedTuple):
    """What one `stat` said of a file; two equal ones mean that nothing was written in between."""

    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int


class Readiness(StrEnum):
    """What may be done with a file now."""

    READY_IF_COMPLETE = "ready_if_complete"
    SETTLED = "settled"
    STALE = "stale"
    WAIT = "wait"


class Due(NamedTuple):
    """Which files are to be looked at now, and when to ask again (None: nothing is waited for)."""

    keys: tuple[Key, ...]
    next_at: float | None


@dataclass(slots=True)
class _Candidate:
    last: Look | None = None
    since: float = 0.0
    signalled: bool = False
    said: set[Readiness] = field(default_factory=set)
    due_at: float | None = None


class Candidates:
    """The files that were seen and not yet taken; holds nothing of those that were."""

    def __init__(self, *, settle_seconds: float = 2.0, broken_after_seconds: float = 300.0) -> None:
        """Take the two times; a broken file is never final before it has settled."""
        self._settle = settle_seconds
        self._broken_after = max(settle_seconds, broken_after_seconds)
        self._all: dict[Key, _Candidate] = {}
        # An entry of the heap counts only while it is the candidate's due time: cheaper than taking it out.
        self._heap: list[tuple[float, Key]] = []

    def __len__(self) -> int:
        """How many files wait."""
        return len(self._all)

    def __contains__(self, key: Key) -> bool:
        """Say whether a file waits."""
        return key in self._all

    def hint(self, key: Key, closed: bool, at: float) -> None:  # noqa: FBT001 - what the event said, as it is handed on
        """Something happened to a file: look at it at the time `at`, and not before, if it lies ahead (a retry).

        `closed` says that it was closed after writing, or renamed into place.
        """
        candidate = self._all.setdefault(key, _Candidate())
        candidate.signalled = candidate.signalled or closed
        candidate.said.clear()
        self._plan(key, candidate, at)

    def look(self, key: Key, look: Look, at: float, *, done: bool = False) -> Readiness:
        """Take in what `stat` said at the time `at`, and say what may be done with the file.

        `done` says that its author's marker, not older than the file, lies beside it: it has settled.
        """
        candidate = self._all.setdefault(key, _Candidate())
        if candidate.last != look:
            candidate.last = look
            candidate.since = at
            candidate.said.clear()
        answer = self._judge(candidate, at, done=done)
        candidate.signalled = False
        if answer in candidate.said:
            answer = Readiness.WAIT
        elif answer is not Readiness.WAIT:
            candidate.said.add(answer)
        self._plan(key, candidate, self._next(candidate, at))
        return answer

    def due(self, at: float) -> Due:
        """Give the files whose time has come, each once; the caller looks at each of them or forgets it."""
        keys: list[Key] = []
        while self._heap:
            when, key = self._heap[0]
            candidate = self._all.get(key)
            if candidate is None or candidate.due_at != when:
                heapq.heappop(self._heap)
            elif when <= at:
                heapq.heappop(self._heap)
                candidate.due_at = None
                keys.append(key)
            else:
                return Due(tuple(keys), when)
        return Due(tuple(keys), None)

    def forget(self, key: Key) -> bool:
        """Drop a file that was taken or is gone; True if it was waiting (one that is gone was skipped, then)."""
        return self._all.pop(key, None) is not None

    def _judge(self, candidate: _Candidate, at: float, *, done: bool) -> Readiness:
        # These are the sums that `_next` plans with: a look at just the planned time finds that it has come.
        if at >= candidate.since + self._broken_after:
            return Readiness.STALE
        if done or at >= candidate.since + self._settle:
            return Readiness.SETTLED
        return Readiness.READY_IF_COMPLETE if candidate.signalled else Readiness.WAIT

    def _next(self, candidate: _Candidate, at: float) -> float | None:
        settled = candidate.since + self._settle
        if settled > at:
            return settled
        stale = candidate.since + self._broken_after
        if Readiness.STALE in candidate.said or stale <= at:
            return None
        # Whether it is still being written may be told by no event at all (a network share): look now and then.
        stood = at - candidate.since
        return min(stale, at + min(max(stood, self._settle), _LOOK_AGAIN_SECONDS))

    def _plan(self, key: Key, candidate: _Candidate, when: float | None) -> None:
        if when is not None and when != candidate.due_at:
            heapq.heappush(self._heap, (when, key))
        candidate.due_at = when
