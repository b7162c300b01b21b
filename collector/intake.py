"""The one thread that takes files in: hints and scans say where to look, the rule says when, the spool says it is safe.

Wiring. Invariants: events only shorten the wait, the scan is the truth; whatever one file does, the others go on; a
file is told to be captured after the spool's commit and not before; nothing is taken while the spool is full.
"""

from __future__ import annotations

import contextlib
import queue
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from collector.attest import observation_id, seal
from collector.capture import Broken, Captured, RootPlan, Unknown, capture
from collector.globs import Picked
from collector.opening import look_at
from collector.readiness import Readiness
from collector.scan import scan
from collector.spool import Aside, Candidate, SpoolBroken, SpoolFull
from shared.errors import CarnetError, Code, MalformedError, TryLaterError

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from collector.attest import Identity
    from collector.readiness import Candidates, Key, Look
    from collector.scan import Notice
    from collector.spool import FileSeen, Put, Spool
    from shared.dsse import Envelope
    from shared.keys import Signer
    from shared.predicates import StreamLink

GROUP_ENTRIES = 100
GROUP_SECONDS = 0.02
_FULL_PAUSE_SECONDS = 5.0
_CHANGING_PAUSE_SECONDS = 0.1
_ONCE_PATIENCE_SECONDS = 30.0


@dataclass(slots=True)
class Taken:
    """Counters of the intake, and when the last scan of each root ended (monotonic seconds)."""

    captured: int = 0
    known: int = 0
    unknown_format: int = 0
    set_aside: int = 0
    skipped: int = 0
    refused_names: int = 0
    full: bool = False
    scanned_at: dict[str, float] = field(default_factory=dict)
    scan_errors: dict[str, str] = field(default_factory=dict)
    held_back: dict[Key, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sealing:
    """Who signs, and what a signature needs besides the observation."""

    identity: Identity
    signer: Signer
    epoch: str
    utcnow: Callable[[], datetime]
    monotonic: Callable[[], float]
    random: Callable[[int], bytes]


@dataclass(slots=True)
class Intake:
    """Takes files of several roots into one spool."""

    plans: Mapping[str, RootPlan]
    spool: Spool
    sealing: Sealing
    candidates: Candidates
    scan_seconds: float
    broken_after_seconds: float
    tell: Callable[..., None]
    captured: Callable[[], None]
    taken: Taken = field(default_factory=Taken)
    _hints: queue.SimpleQueue[tuple[str, str, bool] | None] = field(default_factory=queue.SimpleQueue)
    _group: list[tuple[Key, Captured]] = field(default_factory=list)
    _group_since: float = 0.0
    _next_scan: float = 0.0
    _once: bool = False
    _refused: dict[Key, Look] = field(default_factory=dict)
    _noticed: set[tuple[str, str, Code]] = field(default_factory=set)

    def hint(self, root: str, path: str, closed: bool) -> None:  # noqa: FBT001 - as the watcher hands it on
        """Take a hint from any thread: something happened to this path."""
        self._hints.put((root, path, closed))

    def rescan(self) -> None:
        """Ask from any thread for a scan at once, for instance after events were lost."""
        self._hints.put(None)

    def run(self, stop: threading.Event) -> None:
        """Take files in until told to stop; what is in hand is committed first."""
        while not stop.is_set():
            self._step(stop)
        self._flush()

    def run_once(self, stop: threading.Event) -> None:
        """Scan, and take in all that settles; what is still being written is left for the next time."""
        self._once = True
        self._scan_all()
        while not stop.is_set():
            waiting = self.candidates.due(self.sealing.monotonic())
            for key in waiting.keys:
                self._look(key)
            self._flush()
            now = self.sealing.monotonic()
            if waiting.next_at is None or self.taken.full or waiting.next_at - now > _ONCE_PATIENCE_SECONDS:
                return
            stop.wait(max(0.0, waiting.next_at - now))

    def _step(self, stop: threading.Event) -> None:
        now = self.sealing.monotonic()
        if now >= self._next_scan:
            self._scan_all()
            now = self.sealing.monotonic()
        waiting = self.candidates.due(now)
        for key in waiting.keys:
            self._look(key)
            if stop.is_set():
                return
            self._flush_if_due()
        if self._hints.empty() or not waiting.keys:
            self._flush()
        until = min(self._next_scan, waiting.next_at if waiting.next_at is not None else self._next_scan)
        self._listen(max(0.0, min(until - self.sealing.monotonic(), 0.5)))

    def _listen(self, seconds: float) -> None:
        try:
            first = self._hints.get(timeout=seconds) if seconds > 0 else self._hints.get_nowait()
        except queue.Empty:
            return
        now = self.sealing.monotonic()
        found: tuple[str, str, bool] | None = first
        while True:
            if found is None:
                self._next_scan = now
            else:
                root, path, closed = found
                plan = self.plans.get(root)
                if plan is not None and plan.spec.rules.pick(path) is not None:
                    self.candidates.hint((root, path), closed, now)
            try:
                found = self._hints.get_nowait()
            except queue.Empty:
                return

    def _scan_all(self) -> None:
        for plan in self.plans.values():
            self._scan(plan)
        self._next_scan = self.sealing.monotonic() + self.scan_seconds

    def _scan(self, plan: RootPlan) -> None:
        name = plan.spec.name
        known = self.spool.seen_in(name)
        now = self.sealing.monotonic()
        unread: list[str] = []

        def notice(found: Notice) -> None:
            if found.code in (Code.UNAVAILABLE, Code.NOT_FOUND, Code.TOO_DEEP):
                unread.append(f"{found.path or name}: {found.detail}")
            once = (name, found.path, found.code)
            if once not in self._noticed:
                self._noticed.add(once)
                self.taken.refused_names += 1
                self.tell("not_read", root=name, path=found.path, reason=found.code.value, detail=found.detail)

        for path, look in scan(plan.spec, notice=notice):
            before = known.pop(path, None)
            if before == (look.size, look.mtime_ns, look.ctime_ns, look.device, look.inode):
                continue
            key = (name, path)
            if key not in self.candidates and self._refused.get(key) != look:
                self.candidates.hint(key, False, now)  # noqa: FBT003 - nobody said that it is closed
        if unread:
            self.taken.scan_errors[name] = unread[0]
        else:
            self.taken.scan_errors.pop(name, None)
            # Only a scan that saw everything may say that a file is gone.
            self.spool.forget(name, list(known))
        self.taken.scanned_at[name] = self.sealing.monotonic()

    def _look(self, key: Key) -> None:
        """One file; the daemon's per-file step, where nothing that a file does may end the daemon."""
        plan = self.plans[key[0]]
        try:
            self._look_carefully(plan, key)
        except SpoolBroken:
            raise
        except MalformedError as error:
            if error.code is Code.CHANGED_WHILE_READ:
                # It is being written: the next look finds it changed, or gone, and the wait begins anew.
                self.candidates.hint(key, False, self.sealing.monotonic() + _CHANGING_PAUSE_SECONDS)  # noqa: FBT003
                return
            self.candidates.forget(key)
            self._set_aside(key, Aside(error.code.value, error.detail, error.hint))
        except TryLaterError as error:
            self._hold_back(key, error)
        except Exception as error:  # noqa: BLE001 - whatever one file does, the others go on
            self.tell("file_failed", root=key[0], path=key[1], detail=f"{type(error).__name__}: {error}")
            self.candidates.forget(key)
            why = "this is a bug of Carnet's; please report it"
            self._set_aside(key, Aside(Code.INTERNAL.value, str(error)[:300], why))

    def _look_carefully(self, plan: RootPlan, key: Key) -> None:
        now = self.sealing.monotonic()
        found = look_at(plan.spec, key[1])
        if found is None:
            self._gone(key)
            return
        ready = self.candidates.look(key, found.look, now, done=found.done)
        if ready is Readiness.WAIT:
            return
        as_artifact = plan.spec.rules.pick(key[1]) is Picked.ARTIFACT
        if as_artifact and ready is Readiness.READY_IF_COMPLETE:
            return
        final = ready is Readiness.STALE or (self._once and self._has_stood_still(found.look))
        outcome = capture(plan, key[1], found.look, final=final, as_artifact=as_artifact)
        if isinstance(outcome, Broken):
            return
        if isinstance(outcome, Unknown):
            if ready is not Readiness.READY_IF_COMPLETE:
                self._remember(key, outcome.file)
            return
        if ready is Readiness.READY_IF_COMPLETE and not outcome.ends:
            return
        if not self._group:
            self._group_since = now
        self._group.append((key, outcome))

    def _has_stood_still(self, look: Look) -> bool:
        # One pass cannot wait for minutes; the inode's change time, which nobody can set, says how long it was so.
        stood = self.sealing.utcnow().timestamp() - look.ctime_ns / 1e9
        return stood >= self.broken_after_seconds

    def _remember(self, key: Key, file: FileSeen) -> None:
        self.spool.remember([file])
        self.candidates.forget(key)
        self.taken.unknown_format += 1

    def _gone(self, key: Key) -> None:
        self.taken.held_back.pop(key, None)
        if self.candidates.forget(key):
            self.taken.skipped += 1
            self.tell("file_gone_before_settled", root=key[0], path=key[1])

    def _set_aside(self, key: Key, aside: Aside) -> None:
        with contextlib.suppress(CarnetError):
            found = look_at(self.plans[key[0]].spec, key[1])
            if found is not None:
                # Until it changes there is nothing new to say about it.
                self._refused[key] = found.look
        self.taken.set_aside += 1
        self.tell("file_set_aside", root=key[0], path=key[1], reason=aside.reason, detail=aside.where)
        self.spool.set_aside(key[0], key[1], aside, now=self.sealing.utcnow())

    def _hold_back(self, key: Key, error: TryLaterError) -> None:
        self.candidates.hint(key, False, self.sealing.monotonic() + _FULL_PAUSE_SECONDS)  # noqa: FBT003
        if self.taken.held_back.get(key) != str(error):
            self.taken.held_back[key] = str(error)
            self.tell("file_held_back", root=key[0], path=key[1], detail=str(error))

    def _flush_if_due(self) -> None:
        due = self._group_since + GROUP_SECONDS <= self.sealing.monotonic()
        if len(self._group) >= GROUP_ENTRIES or (self._group and due):
            self._flush()

    def _flush(self) -> None:
        """Commit what is in hand: the first commit point, one transaction for the group."""
        if not self._group:
            return
        group, self._group = self._group, []
        try:
            stored = self.spool.put(
                [self._candidate(one) for _, one in group], epoch=self.sealing.epoch, now=self.sealing.utcnow()
            )
        except TryLaterError as error:
            if not self.taken.full:
                self.tell("spool_full" if isinstance(error, SpoolFull) else "spool_not_written", detail=str(error))
            self.taken.full = True
            for key, _ in group:
                self.candidates.hint(key, False, self.sealing.monotonic() + _FULL_PAUSE_SECONDS)  # noqa: FBT003
            return
        except MalformedError as error:
            self._put_singly(group, error)
            return
        self.taken.full = False
        self._count(group, stored)

    def _put_singly(self, group: list[tuple[Key, Captured]], error: MalformedError) -> None:
        """One of the group cannot be sealed: find it, set it aside, and let the others go on."""
        if len(group) == 1:
            key = group[0][0]
            self.candidates.forget(key)
            self._set_aside(key, Aside(error.code.value, error.detail, error.hint))
            return
        for one in group:
            self._group = [one]
            self._flush()

    def _count(self, group: Sequence[tuple[Key, Captured]], stored: Sequence[Put]) -> None:
        for (key, one), put in zip(group, stored, strict=True):
            self.candidates.forget(key)
            self._refused.pop(key, None)
            self.taken.held_back.pop(key, None)
            if put.new and one.ignored:
                self.tell("context_not_believed", root=key[0], path=key[1], why=list(one.ignored))
            if put.new:
                self.taken.captured += 1
            else:
                self.taken.known += 1
            if one.aside is not None and put.new:
                self.taken.set_aside += 1
                self.tell("file_set_aside", root=key[0], path=key[1], reason=one.aside.reason, detail=one.aside.where)
        if any(put.new for put in stored):
            self.captured()

    def _candidate(self, one: Captured) -> Candidate:
        kept = self.sealing

        def sealed(link: StreamLink) -> Envelope:
            return seal(
                kept.identity, one.seen, link, observed_at=kept.utcnow(), salt=kept.random(16), signer=kept.signer
            )

        return Candidate(observation_id(kept.identity.collector_id, one.seen), one.file, sealed, one.aside)
