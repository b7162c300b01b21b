"""Opening what lies in a watched folder, which is hostile input: once, beneath its root, never waiting.

Invariants: no path leads outside of the root, whatever is swapped while it is walked (`openat2`, or name by
name where the kernel has none); what is not a regular file is never read and never waited for; the bytes that
are hashed are the bytes that are handed on, from one descriptor; of a file that changed meanwhile nothing is
believed.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from collector.beneath import FOLDER, open_beneath
from collector.context import FileContext, parse_context_file
from collector.globs import CONTEXT_FILE, DONE_SUFFIX, Rules
from collector.readiness import Look
from collector.refusals import changed, not_regular, outside, too_large, translated
from shared.errors import CarnetError, Code, MalformedError, StateError
from shared.predicates import Context

if TYPE_CHECKING:
    from collections.abc import Iterator

HEAD_BYTES = 64 << 10
"""How much of the beginning of a file is looked at to recognise its format."""

_CHUNK_BYTES = 1 << 20
_MAX_CONTEXT_BYTES = 64 << 10
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class RootSpec:
    """One watched folder, as its configuration says: where, what is picked in it, and what is refused.

    `rules` are the three lists of patterns, compiled. Raises `ConfigError` for a pattern that cannot be.
    """

    name: str
    path: Path
    include: tuple[str, ...] = ("**",)
    exclude: tuple[str, ...] = ()
    artifacts: tuple[str, ...] = ()
    follow_symlinks_inside: bool = False
    mode: Literal["events", "poll"] = "events"
    max_file_bytes: int = 512 << 20
    max_links: int = 1
    rules: Rules = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Compile the patterns, once."""
        rules = Rules(include=self.include, exclude=self.exclude, artifacts=self.artifacts)
        object.__setattr__(self, "rules", rules)


@dataclass(frozen=True, slots=True)
class Hashed:
    """What is known of a file that was read to its end: `sha256` has 32 bytes, `size` counts bytes."""

    size: int
    sha256: bytes
    look: Look


class Reading:
    """A file that is being read, from one descriptor: the bytes that are handed out are the bytes that are hashed.

    `look` is how it stood when it was opened, `head` is how it begins. What was made of its content is to be believed
    once `finish` says that it did not change meanwhile.
    """

    def __init__(self, root: RootSpec, path: str, fd: int, look: Look) -> None:
        """Read the beginning; the descriptor stays the caller's."""
        self.look = look
        self._root = root
        self._path = path
        self._fd = fd
        self._first = _read_first(fd)
        self._rest = self.chunks()

    @property
    def head(self) -> bytes:
        """At most the first `HEAD_BYTES`."""
        return self._first[:HEAD_BYTES]

    @property
    def whole(self) -> bytes | None:
        """The whole content, where it is small."""
        return self._first if len(self._first) == self.look.size else None

    def chunks(self) -> Iterator[bytes]:
        """Give the content from its first byte on; asked again, it begins anew, and so does the digest.

        Raises `MalformedError` (`changed_while_read`).
        """
        self._digest = hashlib.sha256()
        self._size = 0
        self._rest = self._hashed()
        return self._rest

    def finish(self) -> Hashed:
        """Read what nobody has asked for, too, and give the digest; raises what `chunks` does."""
        for _ in self._rest:
            pass
        # By its path, too: a hard link to somebody else's file that is taken away between opening and counting
        # leaves a count of one. (The kernel's fs.protected_hardlinks is what keeps such links from being made.)
        if self._size != self.look.size or _look(self._root, self._path) != self.look:
            raise changed(self._path)
        return Hashed(self.look.size, self._digest.digest(), self.look)

    def _hashed(self) -> Iterator[bytes]:
        chunk = self._first
        os.lseek(self._fd, len(chunk), os.SEEK_SET)
        while chunk:
            self._size += len(chunk)
            if self._size > self.look.size:
                raise changed(self._path)
            self._digest.update(chunk)
            yield chunk
            chunk = os.read(self._fd, _CHUNK_BYTES)
        if self._size != self.look.size:
            raise changed(self._path)


@dataclass(frozen=True, slots=True)
class Found:
    """A regular file that is there, and whether its author's marker `<path>.done`, not older than it, is too."""

    look: Look
    done: bool


@contextlib.contextmanager
def reading(root: RootSpec, path: str, *, expected: Look | None, max_bytes: int) -> Iterator[Reading]:
    """Open a file below a root and read it, for the length of the block.

    `expected` is the look at which the file was ready. Raises `MalformedError` (`not_regular`, `outside_root`,
    `too_large`; `changed_while_read`: it is not finished after all, or gone), `StateError` (`not_found`, where nothing
    was expected) and `TryLaterError` (`unavailable`: the system would not let us read it).
    """
    try:
        with opened(root, path) as fd:
            before = _look_regular(fd, path, root.max_links)
            if expected is not None and before != expected:
                raise changed(path)
            if before.size > max_bytes:
                raise too_large(path, max_bytes)
            yield Reading(root, path, fd, before)
    except StateError as error:
        if expected is None or error.code is not Code.NOT_FOUND:
            raise
        raise changed(path) from None


def look_at(root: RootSpec, path: str) -> Found | None:
    """Look at a file below a root without reading it; None where it is not there.

    Raises `MalformedError` (`not_regular`, `outside_root`) and `TryLaterError`.
    """
    look = _look(root, path)
    if look is None:
        return None
    try:
        marker = _look(root, path + DONE_SUFFIX)
    except CarnetError:
        marker = None
    return Found(look, done=marker is not None and marker.mtime_ns >= look.mtime_ns)


def read_small(root: RootSpec, path: str, max_bytes: int) -> tuple[bytes, Look] | None:
    """Read a small file below a root that is no report; None where it is not there. Raises what `reading` does."""
    try:
        with opened(root, path) as fd:
            look = _look_regular(fd, path, root.max_links)
            if look.size > max_bytes:
                raise too_large(path, max_bytes)
            data = os.read(fd, max_bytes)
    except StateError:
        return None
    if len(data) != look.size:
        raise changed(path)
    return data, look


def find_context_file(root: RootSpec, path: str) -> FileContext | None:
    """Give the context file beside a report or, if there is none, the nearest above it, up to the root.

    One that cannot be read is given with its `error`: the nearest counts, and whoever uses it has to decide.
    Raises `TryLaterError`.
    """
    folder = path
    while folder:
        folder = folder.rpartition("/")[0]
        try:
            read = read_small(root, f"{folder}/{CONTEXT_FILE}" if folder else CONTEXT_FILE, _MAX_CONTEXT_BYTES)
            if read is not None:
                return parse_context_file(read[0], folder)
        except MalformedError as error:
            return FileContext(Context(), folder, error)
    return None


@contextlib.contextmanager
def opened(root: RootSpec, path: str, flags: int = _READ) -> Iterator[int]:
    """Open what stands at a relative path beneath a root ("": the root), for the length of the block.

    It may be of any kind: look at it before it is read. System errors, in the block too, are raised as ours.
    """
    try:
        fd = _open(root, path, flags)
        try:
            yield fd
        finally:
            os.close(fd)
    except OSError as error:
        raise translated(error, path or str(root.path)) from None


def _open(root: RootSpec, path: str, flags: int) -> int:
    if not path:
        return os.open(root.path, flags | os.O_DIRECTORY)
    folder = os.open(root.path, FOLDER)
    try:
        return open_beneath(folder, path, flags, follow_links=root.follow_symlinks_inside)
    finally:
        os.close(folder)


def to_look(status: os.stat_result) -> Look:
    """Keep of a `stat` what tells two states of a file apart."""
    return Look(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _read_first(fd: int) -> bytes:
    first = os.read(fd, _CHUNK_BYTES)
    while len(first) < HEAD_BYTES and (more := os.read(fd, _CHUNK_BYTES)):
        first += more
    return first


def _look(root: RootSpec, path: str) -> Look | None:
    try:
        with opened(root, path, os.O_PATH | os.O_CLOEXEC) as fd:
            return _look_regular(fd, path, root.max_links)
    except StateError:
        return None


def _look_regular(fd: int, path: str, max_links: int) -> Look:
    status = os.fstat(fd)
    if stat.S_ISLNK(status.st_mode):
        raise outside(path)
    if not stat.S_ISREG(status.st_mode):
        raise not_regular(path)
    if status.st_nlink > max_links:
        raise MalformedError(
            Code.NOT_REGULAR,
            f"{path!r} has {status.st_nlink} hard links",
            "copy reports into the folder, or raise max_links of this root",
        )
    return to_look(status)
