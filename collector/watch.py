"""What happens in the watched folders: events become hints, which only shorten the wait for the next scan.

Invariants: a hint may come twice, late or never; whenever hints may have been lost, `rescan` is called;
nothing that happens in a folder ends the watching of it for longer than until the next scan.
"""

from __future__ import annotations

import contextlib
import logging
import os
import stat
import threading
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from watchdog.events import (
    DirCreatedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers.inotify import InotifyObserver
from watchdog.observers.polling import PollingObserverVFS
from watchdog.utils import BaseThread

from collector.globs import DONE_SUFFIX, is_hidden
from collector.opening import Found, RootSpec, look_at
from collector.scan import Notice, is_text, scan
from shared.errors import CarnetError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from watchdog.observers.api import BaseObserver

__all__ = ["Found", "Notice", "RootSpec", "Watcher", "look_at", "scan"]

_STOP_SECONDS = 5.0

# What our own reading causes (opened, closed without writing) is not asked for: it would wake us for ever.
_EVENTS: tuple[type[FileSystemEvent], ...] = (
    FileCreatedEvent,
    FileClosedEvent,
    FileMovedEvent,
    DirCreatedEvent,
    DirMovedEvent,
)


class Watcher:
    """Turns the events of several roots into hints, from threads of its own.

    `hint(root, path, closed)` says that something happened to a file (`closed`: it was closed after writing
    or renamed into place), `rescan()` that hints were lost. Both are called from other threads, have to be
    thread-safe and to return soon; a `RuntimeError` of theirs (a closed event loop) is passed over.

    A root that cannot be watched (it is missing, or the system has no watches left) is left to the scan, and
    tried again every `renew_seconds`; so is one that was replaced, or whose thread died.
    """

    def __init__(
        self,
        roots: Sequence[RootSpec],
        *,
        hint: Callable[[str, str, bool], None],
        rescan: Callable[[], None],
        poll_seconds: float = 10.0,
        renew_seconds: float = 30.0,
    ) -> None:
        """Take the roots; those with mode `poll` are walked every `poll_seconds`."""
        self._roots = tuple(roots)
        self._hint = hint
        self._rescan = rescan
        self._poll_seconds = poll_seconds
        self._renew_seconds = renew_seconds
        self._watched: dict[str, _Watched] = {}
        self._lost = _LostHints(rescan)
        self._stopping = threading.Event()
        self._renewing = threading.Thread(target=self._keep_watching, name="watch-renew", daemon=True)

    @property
    def unwatched(self) -> tuple[str, ...]:
        """The names of the roots for which no events come at the moment."""
        return tuple(root.name for root in self._roots if root.name not in self._watched)

    def start(self) -> None:
        """Begin, once; scan afterwards, since what was there before causes no event."""
        # It warns, in its reader's thread, when a folder is watched that was watched just before: what `mkdir -p` does.
        # Where warnings are errors that would end the thread.
        warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"watchdog\.")
        # The only sign of an overflow that watchdog gives is a warning in its log.
        logging.getLogger("watchdog").addHandler(self._lost)
        self._renew()
        self._renewing.start()

    def stop(self) -> None:
        """End all threads; no hint comes afterwards."""
        logging.getLogger("watchdog").removeHandler(self._lost)
        self._stopping.set()
        if self._renewing.is_alive():
            self._renewing.join(_STOP_SECONDS)
        while self._watched:
            self._watched.popitem()[1].stop()

    def _keep_watching(self) -> None:
        while not self._stopping.wait(self._renew_seconds):
            if self._renew():
                with contextlib.suppress(RuntimeError):
                    self._rescan()

    def _renew(self) -> bool:
        """Watch what is not, or no longer, watched; True if a watch began, before which events were missed."""
        began = False
        for root in self._roots:
            watched = self._watched.get(root.name)
            if watched is not None and watched.alive():
                continue
            if watched is not None:
                del self._watched[root.name]
                watched.stop()
            with contextlib.suppress(OSError):
                self._watched[root.name] = _Watched(root, self._hint, self._poll_seconds)
                began = True
        return began


class _Watched:
    """One root under watch; raises `OSError` where it cannot be watched."""

    def __init__(self, root: RootSpec, hint: Callable[[str, str, bool], None], poll_seconds: float) -> None:
        self._path = os.path.realpath(root.path)
        self._identity = self._identify()
        events = list(_EVENTS)
        others = set(threading.enumerate())
        self._observer: BaseObserver
        if root.mode == "poll":
            events.append(FileModifiedEvent)
            self._observer = PollingObserverVFS(os.lstat, os.scandir, polling_interval=poll_seconds)
        else:
            # "Full" events tell a file that was moved in from one that was only created.
            self._observer = InotifyObserver(generate_full_events=True)
        try:
            self._observer.schedule(_Handler(root, self._path, hint), self._path, recursive=True, event_filter=events)
            self._observer.start()
        except OSError:
            self._observer.stop()
            raise
        # All that watchdog began for this root: the observer, its emitter, and the reader that it tells nobody of.
        self._threads = [
            thread for thread in threading.enumerate() if thread not in others and isinstance(thread, BaseThread)
        ]

    def alive(self) -> bool:
        """Say whether events still come: the threads live, and the folder is the one that they look at."""
        try:
            same = self._identify() == self._identity
        except OSError:
            return False
        return same and all(thread.is_alive() for thread in self._threads)

    def stop(self) -> None:
        self._observer.stop()
        self._observer.join(_STOP_SECONDS)

    def _identify(self) -> tuple[int, int]:
        status = Path(self._path).stat()
        if not stat.S_ISDIR(status.st_mode):
            raise NotADirectoryError(self._path)
        return status.st_dev, status.st_ino


class _Handler(FileSystemEventHandler):
    """Turns the events of one root into hints."""

    def __init__(self, root: RootSpec, path: str, hint: Callable[[str, str, bool], None]) -> None:
        self._root = root
        self._prefix = path.rstrip("/") + "/"
        self._hint = hint

    def dispatch(self, event: FileSystemEvent) -> None:
        """Take one event; called in the observer's thread."""
        moved = isinstance(event, FileMovedEvent | DirMovedEvent)
        path = os.fsdecode(event.dest_path if moved else event.src_path)
        if not path.startswith(self._prefix):
            return
        relative = path[len(self._prefix) :]
        if is_hidden(relative) or not is_text(relative):
            return
        # A loop that is closed already answers with a RuntimeError: the program is stopping.
        with contextlib.suppress(RuntimeError):
            if event.is_directory:
                self._folder(relative)
            else:
                self._file(relative, closed=self._is_closed(event))

    def _is_closed(self, event: FileSystemEvent) -> bool:
        # Polling guesses renames from inode numbers, which are used again; and of a file that came along with its
        # folder nobody knows whether it is finished.
        if self._root.mode == "poll" or event.is_synthetic:
            return False
        return isinstance(event, FileClosedEvent | FileMovedEvent)

    def _folder(self, relative: str) -> None:
        """Look through a folder that came: what it already held may have caused no event."""
        with contextlib.suppress(CarnetError):  # it is gone again, or was no folder of ours
            for path, _ in scan(self._root, relative):
                self._hint(self._root.name, path, False)  # noqa: FBT003 - the callback's third argument

    def _file(self, relative: str, *, closed: bool) -> None:
        if relative.endswith(DONE_SUFFIX):
            relative = relative.removesuffix(DONE_SUFFIX)
        if self._root.rules.pick(relative) is not None:
            self._hint(self._root.name, relative, closed)


class _LostHints(logging.Handler):
    """Calls `rescan` for every warning that watchdog logs."""

    def __init__(self, rescan: Callable[[], None]) -> None:
        super().__init__(logging.WARNING)
        self._rescan = rescan

    def emit(self, record: logging.LogRecord) -> None:
        del record
        with contextlib.suppress(RuntimeError):
            self._rescan()
