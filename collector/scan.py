"""What lies in a watched folder now: the scan, which is the truth where events are only hints.

Invariants: reads no content, never follows a link out of its root, never goes into a linked folder; paths are
relative to the root, POSIX, valid Unicode, and picked by the root's rules.
"""

from __future__ import annotations

import contextlib
import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from collector.opening import RootSpec, look_at, opened, to_look
from shared.errors import CarnetError, Code

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from collector.readiness import Look

MAX_DEPTH = 64
"""Folders below folders that a scan goes down; what lies deeper is noticed, not read."""

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that a scan met and passed over: where (relative, "" for the root itself), which code, why."""

    root: str
    path: str
    code: Code
    detail: str


def _unnoticed(_: Notice) -> None:
    """Drop a notice."""


def scan(
    root: RootSpec, under: str = "", *, notice: Callable[[Notice], None] = _unnoticed
) -> Iterator[tuple[str, Look]]:
    """Walk a root, or one folder of it, and yield each regular file that its rules pick, with a look at it.

    Files come in the order of their paths' bytes. Raises `StateError` (`not_found`) or `TryLaterError` where
    the root itself cannot be read: nobody may take its files for deleted. Whatever else it meets (a folder that
    may not be read, a link, a device) is told to `notice` and passed over; what vanishes meanwhile is passed
    over. A link that may be followed counts as the file that it leads to; links to folders are never gone into,
    since a folder in the root is seen under its own name.
    """
    yield from _Walk(root, notice).walk(under)


class _Walk:
    """One scan: descriptors instead of paths, so that a folder that is swapped for a link is not entered."""

    def __init__(self, root: RootSpec, notice: Callable[[Notice], None]) -> None:
        self._root = root
        self._notice = notice
        self._pick = root.rules.pick

    def walk(self, under: str) -> Iterator[tuple[str, Look]]:
        with opened(self._root, under, _FOLDER) as fd:
            yield from self._folder(fd, f"{under}/" if under else "", under.count("/") + bool(under))

    def _folder(self, fd: int, prefix: str, depth: int) -> Iterator[tuple[str, Look]]:
        # A folder stands where the paths of its files do.
        with os.scandir(fd) as entries:
            found = sorted(
                (f"{entry.name}/" if entry.is_dir(follow_symlinks=False) else entry.name, entry)
                for entry in entries
                if not entry.name.startswith(".")
            )
        told = False
        for name, entry in found:
            if not name.endswith("/"):
                look = self._file(entry, prefix + name) if self._pick(prefix + name) is not None else None
                if look is not None:
                    yield prefix + name, look
            elif depth < MAX_DEPTH:
                yield from self._below(fd, entry.name, prefix, depth)
            elif not told:
                told = True
                self._tell(prefix, Code.TOO_DEEP, f"folders deeper than {MAX_DEPTH} are not read")

    def _below(self, fd: int, name: str, prefix: str, depth: int) -> Iterator[tuple[str, Look]]:
        try:
            with _closing(os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=fd)) as below:
                yield from self._folder(below, f"{prefix}{name}/", depth + 1)
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            self._tell(prefix + name, Code.UNAVAILABLE, f"the folder cannot be read: {error.strerror}")

    def _file(self, entry: os.DirEntry[str], path: str) -> Look | None:
        if not path.isascii() and not is_text(path):
            self._tell(path.encode(errors="backslashreplace").decode(), Code.BAD_ENCODING, "the name is not UTF-8")
            return None
        try:
            if entry.is_symlink() and self._root.follow_symlinks_inside:
                found = look_at(self._root, path)
                return None if found is None else found.look
            status = entry.stat(follow_symlinks=False)
        except OSError:
            return None
        except CarnetError as error:
            self._tell(path, error.code, error.detail)
            return None
        if stat.S_ISREG(status.st_mode):
            return to_look(status)
        if stat.S_ISLNK(status.st_mode):
            self._tell(path, Code.OUTSIDE_ROOT, "a link; links are not followed in this root")
        else:
            self._tell(path, Code.NOT_REGULAR, "not a regular file")
        return None

    def _tell(self, path: str, code: Code, detail: str) -> None:
        self._notice(Notice(self._root.name, path, code, detail))


def is_text(path: str) -> bool:
    """Say whether a name is valid Unicode, so that it can be written down; Linux allows any bytes."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


@contextlib.contextmanager
def _closing(fd: int) -> Iterator[int]:
    try:
        yield fd
    finally:
        os.close(fd)
