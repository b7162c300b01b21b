"""Opening what lies in a watched folder, which is hostile input: once, beneath its root, never waiting.

Invariants: no path leads outside of the root, whatever is swapped while it is walked (`openat2`, or name by
name where the kernel has none); what is not a regular file is never read and never waited for; the bytes that
are hashed are the bytes that are handed on, from one descriptor; a file that changed meanwhile is not handed
on.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal, cast

from collector.beneath import FOLDER, open_beneath
from collector.context import FileContext, parse_context_file
from collector.globs import CONTEXT_FILE, DONE_SUFFIX, Rules
from collector.readiness import Look
from shared.errors import CarnetError, Code, MalformedError, StateError, TryLaterError
from shared.predicates import Context

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import Self

MAX_MEMORY_BYTES = 32 << 20
"""Up to here the content of a file is kept in memory; what is larger is copied to an unlinked file."""

HEAD_BYTES = 64 << 10
"""How much of the beginning of a file that is only hashed is kept: enough to recognise its format."""

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
class Content:
    """A whole file as it was read, once; `data` stands at its start, `sha256` has 32 bytes.

    A context manager: leaving it frees the memory or the copy.
    """

    data: BinaryIO
    size: int
    sha256: bytes
    look: Look

    def __enter__(self) -> Self:
        """Give itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Free what holds the bytes."""
        self.data.close()


@dataclass(frozen=True, slots=True)
class Hashed:
    """What is known of an artifact: `sha256` has 32 bytes, `size` counts bytes, `head` is how it begins."""

    size: int
    sha256: bytes
    look: Look
    head: bytes


@dataclass(frozen=True, slots=True)
class Found:
    """A regular file that is there, and whether its author's marker `<path>.done`, not older than it, is too."""

    look: Look
    done: bool


def read_once(
    root: RootSpec, path: str, *, expected: Look | None, max_bytes: int, scratch: Path | None = None
) -> Content:
    """Read a file below a root to its end.

    `expected` is the look at which the file was ready, `scratch` a folder for the copy of a large one.
    Raises `MalformedError` (`not_regular`, `outside_root`, `too_large`; `changed_while_read`: it is not
    finished after all, or gone), `StateError` (`not_found`, where nothing was expected) and `TryLaterError`
    (`unavailable`: the system would not let us read it).
    """
    data = cast(
        "BinaryIO",
        tempfile.SpooledTemporaryFile(  # noqa: SIM115 - handed to the caller, who closes it
            max_size=MAX_MEMORY_BYTES, dir=None if scratch is None else str(scratch), prefix="carnet-"
        ),
    )
    try:
        read = _read(root, path, expected, max_bytes, data)
        data.seek(0)
    except BaseException:
        data.close()
        raise
    return Content(data, read.size, read.sha256, read.look)


def hash_once(root: RootSpec, path: str, *, expected: Look | None, max_bytes: int) -> Hashed:
    """Read a file below a root to its end for its digest alone; raises what `read_once` does."""
    return _read(root, path, expected, max_bytes, None)


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
    """Read a small file below a root that is no report; None where it is not there. Raises what `read_once` does."""
    try:
        with opened(root, path) as fd:
            look = _look_regular(fd, path, root.max_links)
            if look.size > max_bytes:
                raise _too_large(path, max_bytes)
            data = os.read(fd, max_bytes)
    except StateError:
        return None
    if len(data) != look.size:
        raise _changed(path)
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
        raise _translated(error, path or str(root.path)) from None


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


def _read(root: RootSpec, path: str, expected: Look | None, max_bytes: int, keep: BinaryIO | None) -> Hashed:
    try:
        with opened(root, path) as fd:
            before = _look_regular(fd, path, root.max_links)
            if expected is not None and before != expected:
                raise _changed(path)
            if before.size > max_bytes:
                raise _too_large(path, max_bytes)
            read = _read_to_end(fd, path, before, keep)
            # By its path, too: a hard link to somebody else's file that is taken away between opening and counting
            # leaves a count of one. (The kernel's fs.protected_hardlinks is what keeps such links from being made.)
            if _look(root, path) != before:
                raise _changed(path)
            return read
    except StateError:
        if expected is None:
            raise
        raise _changed(path) from None


def _read_to_end(fd: int, path: str, before: Look, keep: BinaryIO | None) -> Hashed:
    digest = hashlib.sha256()
    size = 0
    head = b""
    while chunk := os.read(fd, _CHUNK_BYTES):
        size += len(chunk)
        if size > before.size:
            raise _changed(path)
        digest.update(chunk)
        if len(head) < HEAD_BYTES:
            head += chunk[: HEAD_BYTES - len(head)]
        if keep is not None:
            keep.write(chunk)
    if size != before.size:
        raise _changed(path)
    return Hashed(size, digest.digest(), before, head)


def _look(root: RootSpec, path: str) -> Look | None:
    try:
        with opened(root, path, os.O_PATH | os.O_CLOEXEC) as fd:
            return _look_regular(fd, path, root.max_links)
    except StateError:
        return None


def _look_regular(fd: int, path: str, max_links: int) -> Look:
    status = os.fstat(fd)
    if stat.S_ISLNK(status.st_mode):
        raise _outside(path)
    if not stat.S_ISREG(status.st_mode):
        raise _not_regular(path)
    if status.st_nlink > max_links:
        raise MalformedError(
            Code.NOT_REGULAR,
            f"{path!r} has {status.st_nlink} hard links",
            "copy reports into the folder, or raise max_links of this root",
        )
    return to_look(status)


def _translated(error: OSError, path: str) -> CarnetError:
    if error.errno in (errno.EXDEV, errno.ELOOP):
        return _outside(path)
    if error.errno in (errno.ENXIO, errno.ENODEV, errno.EISDIR):
        return _not_regular(path)
    if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ESTALE, errno.ENAMETOOLONG):
        return StateError(Code.NOT_FOUND, f"{path!r} is not there", "it was moved or deleted meanwhile")
    hint = None
    if error.errno in (errno.EACCES, errno.EPERM):
        hint = "let the collector's user read the file and search its folders"
    return TryLaterError(Code.UNAVAILABLE, f"{path!r} could not be read: {error.strerror}", hint)


def _outside(path: str) -> MalformedError:
    return MalformedError(
        Code.OUTSIDE_ROOT,
        f"{path!r} is a link, or leads through one, that is not followed",
        "put the file itself into the folder, or set follow_symlinks and use relative links that stay inside",
    )


def _not_regular(path: str) -> MalformedError:
    return MalformedError(
        Code.NOT_REGULAR, f"{path!r} is not a regular file", "put ordinary files into watched folders"
    )


def _too_large(path: str, max_bytes: int) -> MalformedError:
    return MalformedError(
        Code.TOO_LARGE, f"{path!r} is larger than {max_bytes} bytes", "raise the limit, or split the report"
    )


def _changed(path: str) -> MalformedError:
    return MalformedError(
        Code.CHANGED_WHILE_READ,
        f"{path!r} changed while it was read",
        "it is taken once it stands still; writers that rename finished files into place are quicker",
    )
