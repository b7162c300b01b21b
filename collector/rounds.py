"""The scans of all roots: what is new is looked at, what is gone is forgotten, what cannot be read is told.

Wiring. Invariants: the scan is the truth, where events are hints; only a scan that saw everything may say that a file
is gone; a root that cannot be read ends nothing, and is healthy again with the first scan that can.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from collector.scan import scan
from collector.spool import Aside, SpoolBroken
from shared.errors import CarnetError, Code

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Collection, Iterable

    from collector.capture import RootPlan
    from collector.readiness import Candidates
    from collector.scan import Notice
    from collector.spool import Spool
    from collector.taken import Refused, Taken

_UNSEEN = frozenset({Code.UNAVAILABLE, Code.NOT_FOUND, Code.TOO_DEEP})
"""Codes of notices after which a scan cannot say what is gone; any other is about one file."""


@dataclass(slots=True)
class Rounds:
    """Scans the roots one after the other, in the thread that takes files in."""

    plans: Collection[RootPlan]
    spool: Spool
    candidates: Candidates
    taken: Taken
    refused: Refused
    monotonic: Callable[[], float]
    tell: Callable[..., None]
    _noticed: set[tuple[str, str, Code]] = field(default_factory=set)

    def make(self, stop: threading.Event) -> None:
        """Scan every root, at most until told to stop; raises `SpoolBroken`."""
        for plan in self.plans:
            try:
                self._scan(plan, stop)
            except SpoolBroken:
                raise
            except CarnetError as error:
                self._not_scanned(plan.spec.name, str(error))
        self.taken.scans += 1

    def _scan(self, plan: RootPlan, stop: threading.Event) -> None:
        name = plan.spec.name
        self.refused.load()
        now, sweep = self.monotonic(), self.spool.sweep(name)
        unseen: list[str] = []
        gone = self.refused.paths(name)

        def notice(found: Notice) -> None:
            key = (name, found.path)
            if found.code in _UNSEEN:
                unseen.append(f"{found.path or name}: {found.detail}")
                self._tell_once(found)
                return
            gone.discard(found.path)
            if found.code is Code.BAD_ENCODING:
                self.refused.set_aside(key, Aside(found.code.value, found.detail, "rename it"))
            elif key not in self.refused:
                self.candidates.hint(key, False, now)  # noqa: FBT003 - what is wrong with it, a look says

        for path, look in scan(plan.spec, notice=notice):
            if stop.is_set():
                return
            key = (name, path)
            gone.discard(path)
            changed = sweep.changed(path, look)
            if changed and key not in self.candidates and not self.refused.looks_as_before(key, look):
                self.candidates.hint(key, False, now)  # noqa: FBT003 - nobody said that it is closed
        if unseen:
            self._not_scanned(name, unseen[0])
        else:
            self.taken.scan_errors.pop(name, None)
            self._forget(name, {*sweep.gone(), *gone})
        self.taken.scanned_at[name] = self.monotonic()

    def _forget(self, name: str, gone: Iterable[str]) -> None:
        paths = [path for path in gone if (name, path) not in self.candidates]
        self.spool.forget(name, paths)
        for path in paths:
            self.refused.forget((name, path))

    def _not_scanned(self, name: str, detail: str) -> None:
        if self.taken.scan_errors.get(name) != detail:
            self.taken.scan_errors[name] = detail
            self.tell("root_not_scanned", root=name, detail=detail)

    def _tell_once(self, found: Notice) -> None:
        once = (found.root, found.path, found.code)
        if once not in self._noticed:
            self._noticed.add(once)
            self.tell("not_read", root=found.root, path=found.path, reason=found.code.value, detail=found.detail)
