"""The folder of the spool: who may enter it, what kind of disk it is on, who has it open, what is moved aside.

Only local disks: over a network, locks and syncs are promises of somebody else (sqlite.org/faq.html, question 5).
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from collector.durable import sync_folder
from shared.errors import Code, ConfigError, StateError, TryLaterError

COMPANIONS = ("-journal", "-wal", "-shm")
"""What SQLite keeps beside its file; a journal belongs to the file and moves with it."""

_MOUNTS = Path("/proc/self/mountinfo")
_REMOTE = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "9p", "afs", "coda", "ceph", "lustre", "gpfs", "beegfs"}
    | {f"fuse.{name}" for name in ("sshfs", "glusterfs", "davfs", "davfs2", "s3fs", "rclone", "ceph-fuse", "smbnetfs")}
)
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def prepare_folder(folder: Path) -> None:
    """Make the spool's folder where it is missing, and refuse one that others may enter; raises `ConfigError`."""
    try:
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
            sync_folder(folder.parent)
        _check_mode(folder, stat.S_ISDIR, 0o700)
        check_local(folder, _MOUNTS.read_text("utf-8", "surrogateescape") if _MOUNTS.exists() else "")
    except OSError as error:
        raise ConfigError(
            f"the spool's folder {folder} cannot be used: {error.strerror}",
            "make its parent, and let the collector's user own it",
        ) from error


def check_file(path: Path) -> None:
    """Refuse a spool that is a link, is no file, is somebody else's, or that others may read; raises `ConfigError`."""
    _check_mode(path, stat.S_ISREG, 0o600)


def _check_mode(path: Path, is_right_kind: Callable[[int], bool], mode: int) -> None:
    found = path.lstat()
    if not is_right_kind(found.st_mode):
        kind = "folder" if is_right_kind is stat.S_ISDIR else "file"
        raise ConfigError(f"{path} is not a {kind}", f"put a {kind} in its place, not a link to one")
    if found.st_uid != os.geteuid():
        raise ConfigError(
            f"{path} belongs to user {found.st_uid}, and this is user {os.geteuid()}",
            "run as the collector's user, or chown it",
        )
    if stat.S_IMODE(found.st_mode) & ~mode & 0o777:
        raise ConfigError(f"{path} is open to others (mode {stat.S_IMODE(found.st_mode):04o})", f"chmod {mode:04o} it")


def file_system_of(folder: Path, mounts: str) -> str | None:
    """Find the type of the file system that holds a folder in the text of /proc/self/mountinfo (proc(5))."""
    here = folder.resolve()
    best: tuple[int, str] | None = None
    for line in mounts.splitlines():
        left, _, right = line.partition(" - ")
        fields = left.split()
        if len(fields) < len(("id", "parent", "device", "root", "point")) or not right:
            continue
        point = Path(_unescape(fields[4]))
        if (point == here or point in here.parents) and (best is None or len(point.parts) >= best[0]):
            best = (len(point.parts), right.split()[0])
    return None if best is None else best[1]


def _unescape(text: str) -> str:
    for octal, char in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(octal, char)
    return text


def check_local(folder: Path, mounts: str) -> None:
    """Refuse a folder on a network file system; raises `ConfigError`."""
    found = file_system_of(folder, mounts)
    if found in _REMOTE:
        raise ConfigError(
            f"the spool's folder {folder} is on a network file system ({found}), which cannot keep its promises",
            "set spool.path to a folder on a local disk of this host",
        )


class Lock:
    """One collector a spool: held from open to close, released by the kernel however the process ends."""

    def __init__(self, path: Path) -> None:
        """Take the lock beside the spool; raises `StateError` where another process holds it."""
        self._file = os.open(beside(path, ".lock"), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            # A record lock, since a child that was forked to parse a file must not keep it alive.
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._file)
            raise StateError(
                Code.CONFLICT,
                f"another collector has the spool {path} open",
                "stop it first; a second collector on this host needs a spool and a key of its own",
            ) from error

    def release(self) -> None:
        """Let the next one in; a second time does nothing."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def beside(path: Path, ending: str) -> Path:
    """Give the path with something behind its name."""
    return path.with_name(path.name + ending)


def suspect(path: Path) -> Path:
    """The marker that this spool turned out damaged while it was open; the next start moves it aside."""
    return beside(path, ".suspect")


def leftovers(path: Path) -> list[Path]:
    """What SQLite left beside the spool; an orphan of these must not meet a fresh file."""
    return [one for one in (beside(path, ending) for ending in COMPANIONS) if one.exists()]


def damaged_files(path: Path) -> list[Path]:
    """What was moved aside here, oldest first: a journal is named only where it was alone."""
    found = sorted(path.parent.glob(f"{path.name}.damaged-*"))
    return [one for one in found if not any(one == beside(whole, end) for whole in found for end in COMPANIONS)]


def move_aside(path: Path, now: datetime) -> Path:
    """Rename a damaged spool with all that belongs to it, so that a fresh one can start; deletes nothing.

    The journal goes first: were it left behind, it would be played into the fresh file. Gives the new path, even
    where only a journal was there.
    """
    stamp = now.astimezone(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    aside, number = beside(path, f".damaged-{stamp}"), 1
    while aside.exists() or leftovers(aside):
        number += 1
        aside = beside(path, f".damaged-{stamp}-{number}")
    for ending in (*COMPANIONS, ""):
        with suppress(FileNotFoundError):
            beside(path, ending).rename(beside(aside, ending))
    suspect(path).unlink(missing_ok=True)
    sync_folder(path.parent)
    return aside


def disk_is_full(folder: Path) -> bool:
    """Say whether the file system has no room or no names left for us."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return False
    return found.f_bavail == 0 or (found.f_files > 0 and found.f_favail == 0)


class Ballast:
    """A file of nothing, so that entries can still be settled on a full disk: it gives its room up for that."""

    def __init__(self, path: Path, size: int) -> None:
        """Take the spool's path and the bytes to hold back; makes nothing yet."""
        self._path = beside(path, ".ballast")
        self._size = size
        self._whole = False

    def ensure(self) -> bool:
        """Make it where it is missing; False where there is no room for it."""
        if self._whole or self._size == 0:
            return True
        try:
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
            try:
                os.posix_fallocate(handle, 0, self._size)
            finally:
                os.close(handle)
        except OSError as error:
            self._path.unlink(missing_ok=True)
            if error.errno in _FULL:
                return False
            raise TryLaterError(
                Code.UNAVAILABLE,
                f"the ballast {self._path} cannot be made: {error.strerror}",
                "look at the disk of the spool",
            ) from error
        self._whole = True
        return True

    def release(self) -> bool:
        """Give the room up; False where there was none to give."""
        self._whole = False
        try:
            self._path.unlink()
        except FileNotFoundError:
            return False
        return True
