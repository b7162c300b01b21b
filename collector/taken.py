"""What the intake has done so far: its counters, what is in its way, and the files that it did not take.

Wiring. Invariant: a file is told to be set aside once for each reason, however often it is met, also after a restart.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from collector.readiness import Key, Look
    from collector.spool import Aside, Spool


@dataclass(slots=True)
class Taken:
    """Counters of the intake, what is in its way, and when the last scan of each root ended (monotonic seconds).

    `stepped_at` is when the intake last began something: a round of its loop, or a file. `no_room` says why nothing is
    taken at the moment; `held_back` why single files are not.
    """

    captured: int = 0
    known: int = 0
    unknown_format: int = 0
    set_aside: int = 0
    skipped: int = 0
    scans: int = 0
    stepped_at: float | None = None
    no_room: str | None = None
    scanned_at: dict[str, float] = field(default_factory=dict)
    scan_errors: dict[str, str] = field(default_factory=dict)
    held_back: dict[Key, str] = field(default_factory=dict)


@dataclass(slots=True)
class Refused:
    """The files that were not taken: on the spool's list, and not read again until they look different."""

    spool: Spool
    utcnow: Callable[[], datetime]
    tell: Callable[..., None]
    taken: Taken
    _reasons: dict[Key, str] = field(default_factory=dict)
    _looks: dict[Key, Look] = field(default_factory=dict)

    def __contains__(self, key: Key) -> bool:
        """Say whether a file is on the list."""
        return key in self._reasons

    def load(self) -> None:
        """Read the spool's list anew; raises `TryLaterError`."""
        self._reasons = {(one.root, one.path): one.aside.reason for one in self.spool.asides()}

    def paths(self, root: str) -> set[str]:
        """Give the files of a root that are on the list."""
        return {path for name, path in self._reasons if name == root}

    def saw(self, key: Key, look: Look) -> None:
        """Remember how a file looks that may be refused."""
        self._looks[key] = look

    def looks_as_before(self, key: Key, look: Look) -> bool:
        """Say whether a file still looks as it did when it was refused."""
        return self._looks.get(key) == look

    def set_aside(self, key: Key, aside: Aside) -> None:
        """Put a file on the list; nothing new where it stands there for this reason. Raises `TryLaterError`."""
        if self._reasons.get(key) != aside.reason:
            self.spool.set_aside(key[0], key[1], aside, now=self.utcnow())
            self.note(key, aside)

    def note(self, key: Key, aside: Aside) -> None:
        """Count and tell what the spool already keeps."""
        self._reasons[key] = aside.reason
        self.taken.set_aside += 1
        self.tell("file_set_aside", root=key[0], path=key[1], reason=aside.reason, detail=aside.where)

    def clear(self, key: Key) -> None:
        """Take a file off the list, if it is on it; raises `TryLaterError`."""
        if key in self._reasons:
            self.spool.clear_aside(*key)
            del self._reasons[key]

    def forget_look(self, key: Key) -> None:
        """The file was taken, or is gone: its looks are the spool's to remember."""
        self._looks.pop(key, None)

    def forget(self, key: Key) -> None:
        """The file is gone, and the spool has taken it off the list."""
        self.forget_look(key)
        self._reasons.pop(key, None)
