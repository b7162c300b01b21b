"""The one thread that takes files in: hints and scans say where to look, the rule says when, the spool says it is safe.

Wiring. Invariants: events only shorten the wait, the scan is the truth; whatever one file does, the others go on; a
file is told to be captured after the spool's commit and not before; while there is no room, nothing is read.
"""

from __future__ import annotations

import contextlib
import queue
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from collector.capture import Broken, Captured, RootPlan, Unknown, begin, end
from collector.globs import Picked
from collector.opening import look_at
from collector.readiness import Readiness
from collector.rounds import Rounds
from collector.spool import SpoolBroken, SpoolFull
from collector.storing import store, told, why
from collector.taken import Refused, Taken
from shared.errors import Code, MalformedError, TryLaterError

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from collector.capture import Begun
    from collector.parsing import Parser
    from collector.readiness import Candidates, Key, Look
    from collector.spool import Aside, FileSeen, Spool
    from collector.storing import Sealing

GROUP_ENTRIES = 100
GROUP_SECONDS = 0.02
_GROUP_UNKNOWN = 1_000
_LATER_SECONDS = 5.0
_CHANGING_SECONDS = 0.1
_LISTEN_SECONDS = 0.5
_ONCE_PATIENCE_SECONDS = 30.0
_NEVER = float("-inf")
"""A time at which nothing is due yet: asks for the next one without taking anything out."""


@dataclass(frozen=True, slots=True)
class _Begun:
    """A file in hand: when it was looked at (monotonic seconds), what may be done with it, and what was begun."""

    key: Key
    at: float
    ready: Readiness
    file: Begun
    final: bool


@dataclass(slots=True)
class Intake:
    """Takes files of several roots into one spool; everything but `hint` and `rescan` runs in one thread."""

    plans: Mapping[str, RootPlan]
    spool: Spool
    sealing: Sealing
    parser: Parser
    candidates: Candidates
    scan_seconds: float
    broken_after_seconds: float
    tell: Callable[..., None]
    captured: Callable[[], None]
    taken: Taken = field(default_factory=Taken)
    _hints: queue.SimpleQueue[tuple[str, str, bool] | None] = field(default_factory=queue.SimpleQueue)
    _group: list[tuple[Key, Captured]] = field(default_factory=list)
    _unknown: list[tuple[Key, FileSeen]] = field(default_factory=list)
    _group_since: float = 0.0
    _next_scan: float = 0.0
    _resume_at: float = 0.0
    _once: bool = False
    _refused: Refused = field(init=False)
    _rounds: Rounds = field(init=False)

    def __post_init__(self) -> None:
        """Join the parts that scan and that remember what was not taken."""
        kept = self.sealing
        self._refused = Refused(self.spool, kept.utcnow, self.tell, self.taken)
        self._rounds = Rounds(
            self.plans.values(), self.spool, self.candidates, self.taken, self._refused, kept.monotonic, self.tell
        )

    def hint(self, root: str, path: str, closed: bool) -> None:  # noqa: FBT001 - as the watcher hands it on
        """Take a hint from any thread: something happened to this path."""
        self._hints.put((root, path, closed))

    def rescan(self) -> None:
        """Ask from any thread for a scan at once, for instance after events were lost."""
        self._hints.put(None)

    def run(self, stop: threading.Event) -> None:
        """Take files in until told to stop; what is in hand is committed first. Raises `SpoolBroken`."""
        while not stop.is_set():
            self._step(stop)
        self._flush()

    def run_once(self, stop: threading.Event) -> None:
        """Scan, and take in all that settles soon; what is still being written is left for the next time."""
        self._once = True
        self._rounds.make(stop)
        until = self.sealing.monotonic() + _ONCE_PATIENCE_SECONDS
        while not stop.is_set():
            next_at = self._take(stop)
            now = self.sealing.monotonic()
            if next_at is None or self.taken.no_room is not None or next_at > max(now, until):
                return
            stop.wait(max(0.0, next_at - now))

    def _step(self, stop: threading.Event) -> None:
        self.taken.stepped_at = self.sealing.monotonic()
        if self.sealing.monotonic() >= self._next_scan:
            self._rounds.make(stop)
            self._next_scan = self.sealing.monotonic() + self.scan_seconds
        next_at = self._resume_at
        if self.sealing.monotonic() >= self._resume_at:
            next_at = self._take(stop) or self._next_scan
        self._listen(min(self._next_scan, next_at) - self.sealing.monotonic())
        self.parser.rest()

    def _take(self, stop: threading.Event) -> float | None:
        """Look at every file whose time has come, and commit what can be taken; gives when the next one's comes."""
        due = self.candidates.due(self.sealing.monotonic())
        begun: _Begun | None = None
        for key in due.keys:
            if stop.is_set():
                break
            if self.taken.no_room is not None and self.sealing.monotonic() < self._resume_at:
                self.candidates.hint(key, False, self._resume_at)  # noqa: FBT003 - nobody said that it is closed
                continue
            following = self._begin(key)
            self._end(begun)  # while the parser works on the one that follows
            begun = following
            self._flush_if_due()
        self._end(begun)
        self._flush()
        return self.candidates.due(_NEVER).next_at

    def _listen(self, seconds: float) -> None:
        """Wait for hints, at most so long and never for long, and take all that are there."""
        try:
            found = self._hints.get(timeout=max(0.0, min(seconds, _LISTEN_SECONDS)))
            while True:
                self._heed(found)
                found = self._hints.get_nowait()
        except queue.Empty:
            return

    def _heed(self, found: tuple[str, str, bool] | None) -> None:
        now = self.sealing.monotonic()
        if found is None:
            self._next_scan = now
            return
        root, path, closed = found
        plan = self.plans.get(root)
        if plan is not None and plan.spec.rules.pick(path) is not None:
            self.candidates.hint((root, path), closed, now)

    # --- one file ---

    @contextlib.contextmanager
    def _careful(self, key: Key) -> Iterator[None]:
        """One file; the daemon's per-file step, where nothing that a file does may end the daemon."""
        self.taken.stepped_at = self.sealing.monotonic()
        try:
            yield
        except SpoolBroken:
            raise
        except TryLaterError as error:
            self._hold_back(key, error)
        except MalformedError as error:
            if error.code is Code.CHANGED_WHILE_READ:
                # It is being written: the next look finds it changed, or gone, and the wait begins anew.
                self.candidates.hint(key, False, self.sealing.monotonic() + _CHANGING_SECONDS)  # noqa: FBT003
            else:
                self._refuse(key, why(error))
        except Exception as error:  # noqa: BLE001 - whatever one file does, the others go on
            self._refuse(key, why(error))

    def _begin(self, key: Key) -> _Begun | None:
        """Look at a file, and read it if its time has come; None where there is nothing to end."""
        begun: _Begun | None = None
        with self._careful(key):
            begun = self._begin_carefully(self.plans[key[0]], key)
        return begun  # noqa: RET504 - the block may have ended before there was one

    def _begin_carefully(self, plan: RootPlan, key: Key) -> _Begun | None:
        now = self.sealing.monotonic()
        found = look_at(plan.spec, key[1])
        if found is None:
            self._gone(key)
            return None
        self._refused.saw(key, found.look)
        ready = self.candidates.look(key, found.look, now, done=found.done)
        if ready is Readiness.WAIT:
            return None
        as_artifact = plan.spec.rules.pick(key[1]) is Picked.ARTIFACT
        if as_artifact and ready is Readiness.READY_IF_COMPLETE:
            return None
        file = begin(plan, self.parser, key[1], found.look, as_artifact=as_artifact)
        final = ready is Readiness.STALE or (self._once and self._has_stood_still(found.look))
        return _Begun(key, now, ready, file, final)

    def _end(self, begun: _Begun | None) -> None:
        """Take a file that was begun into the group, if it is what may be taken now."""
        if begun is not None:
            with self._careful(begun.key):
                self._end_carefully(begun)

    def _end_carefully(self, begun: _Begun) -> None:
        outcome = end(begun.file, self.parser, final=begun.final)
        if isinstance(outcome, Broken):
            return
        if begun.ready is Readiness.READY_IF_COMPLETE and (isinstance(outcome, Unknown) or not outcome.ends):
            return
        if not self._group and not self._unknown:
            self._group_since = begun.at
        if isinstance(outcome, Unknown):
            self._unknown.append((begun.key, outcome.file))
        else:
            self._group.append((begun.key, outcome))

    def _has_stood_still(self, look: Look) -> bool:
        # One pass cannot wait for minutes; the inode's change time, which nobody can set, says how long it was so.
        stood = self.sealing.utcnow().timestamp() - look.ctime_ns / 1e9
        return stood >= self.broken_after_seconds

    def _gone(self, key: Key) -> None:
        if self._drop(key):
            self.taken.skipped += 1
            self.tell("file_gone_before_settled", root=key[0], path=key[1])

    def _drop(self, key: Key) -> bool:
        """Forget what was going on with a file; True if it was waiting."""
        self.taken.held_back.pop(key, None)
        self._refused.forget_look(key)
        return self.candidates.forget(key)

    def _refuse(self, key: Key, aside: Aside) -> None:
        aside = told(aside, self.plans[key[0]].secrets)
        self.taken.held_back.pop(key, None)
        self.candidates.forget(key)
        try:
            self._refused.set_aside(key, aside)
        except TryLaterError as error:
            self._hold_back(key, error)

    def _hold_back(self, key: Key, error: TryLaterError) -> None:
        self.candidates.hint(key, False, self.sealing.monotonic() + _LATER_SECONDS)  # noqa: FBT003
        if self.taken.held_back.get(key) != str(error):
            self.taken.held_back[key] = str(error)
            self.tell("file_held_back", root=key[0], path=key[1], detail=str(error))

    # --- what is in hand ---

    def _flush_if_due(self) -> None:
        waited = (self._group or self._unknown) and self._group_since + GROUP_SECONDS <= self.sealing.monotonic()
        if waited or len(self._group) >= GROUP_ENTRIES or len(self._unknown) >= _GROUP_UNKNOWN:
            self._flush()

    def _flush(self) -> None:
        """Commit what is in hand: the first commit point, one transaction for the group."""
        self._remember_unknown()
        group, self._group = self._group, []
        if group:
            stored = store(self.spool, self.sealing, group)
            for key, one, put in stored.done:
                self._count(key, one, new=put.new)
            for key, aside in stored.refused:
                self._refuse(key, aside)
            if any(put.new for _, _, put in stored.done):
                self.captured()
            if stored.later is not None:
                self._wait_for_room(stored.waiting, stored.later)
            elif stored.done:
                self.taken.no_room = None
        if not self.candidates:
            self.taken.no_room = None

    def _count(self, key: Key, one: Captured, *, new: bool) -> None:
        self._drop(key)
        if one.aside is None:
            self._refused.forget(key)
        if not new:
            self.taken.known += 1
            return
        self.taken.captured += 1
        if one.ignored:
            self.tell("context_not_believed", root=key[0], path=key[1], why=list(one.ignored))
        if one.aside is not None:
            self._refused.note(key, one.aside)

    def _remember_unknown(self) -> None:
        """Keep which files are of no known format: they are not read again until they change, or we do."""
        found, self._unknown = self._unknown, []
        if not found:
            return
        try:
            self.spool.remember([file for _, file in found], unknown_to=self.sealing.identity.version)
            for key, _ in found:
                self._refused.clear(key)
        except TryLaterError as error:
            self._wait_for_room([key for key, _ in found], error)
            return
        for key, _ in found:
            self._drop(key)
            self.taken.unknown_format += 1

    def _wait_for_room(self, keys: Iterable[Key], error: TryLaterError) -> None:
        if self.taken.no_room is None:
            self.tell("spool_full" if isinstance(error, SpoolFull) else "spool_not_written", detail=str(error))
        self.taken.no_room = str(error)
        self._resume_at = self.sealing.monotonic() + _LATER_SECONDS
        for key in keys:
            self.candidates.hint(key, False, self._resume_at)  # noqa: FBT003 - nobody said that it is closed
