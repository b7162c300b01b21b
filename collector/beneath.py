"""Opening a path beneath an open folder and nowhere else, whatever is swapped while it is walked.

Invariant: the kernel keeps the walk beneath the folder (`openat2`); where it cannot, each name is opened by
itself and no link is followed at all.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat

FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
"""The flags that open a folder as a place to open from."""

# openat2(2): the one system call that keeps a whole walk beneath a folder. It has this number on every
# architecture but Alpha, and neither libc nor Python has a name for it yet.
_SYS_OPENAT2 = 437
_RESOLVE_NO_MAGICLINKS = 0x02
_RESOLVE_NO_SYMLINKS = 0x04
_RESOLVE_BENEATH = 0x08
_LIBC = ctypes.CDLL(None, use_errno=True)
_RACES = 16


class _OpenHow(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


def open_beneath(folder: int, path: str, flags: int, *, follow_links: bool) -> int:
    """Open a relative path beneath an open folder; raises `OSError`: EXDEV or ELOOP where it leads elsewhere.

    With `follow_links` relative links that stay beneath the folder are followed, where the kernel has
    `openat2`.
    """
    if "\0" in path:  # C would take the part before it for the whole
        raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
    resolve = _RESOLVE_BENEATH | _RESOLVE_NO_MAGICLINKS
    if not follow_links:
        resolve |= _RESOLVE_NO_SYMLINKS
        flags |= os.O_NOFOLLOW
    how = _OpenHow(flags=flags, mode=0, resolve=resolve)
    for _ in range(_RACES):
        fd = _LIBC.syscall(
            ctypes.c_long(_SYS_OPENAT2),
            ctypes.c_int(folder),
            ctypes.c_char_p(os.fsencode(path)),
            ctypes.byref(how),
            ctypes.c_size_t(ctypes.sizeof(how)),
        )
        if fd >= 0:
            return int(fd)
        number = ctypes.get_errno()
        if number in (errno.ENOSYS, errno.EPERM):  # an old kernel, or a sandbox that does not know the call
            return open_stepwise(folder, path, flags)
        if number not in (errno.EAGAIN, errno.EINTR):  # EAGAIN: a rename somewhere made the kernel unsure
            raise OSError(number, os.strerror(number))
    raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))


def open_stepwise(folder: int, path: str, flags: int) -> int:
    """Open a relative path beneath an open folder, name by name, following no link; raises `OSError`."""
    names = path.split("/")
    if any(name in ("", ".", "..") for name in names):
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
    here = os.dup(folder)
    try:
        for name in names[:-1]:
            below = _open_folder(here, name)
            os.close(here)
            here = below
        return os.open(names[-1], flags | os.O_NOFOLLOW, dir_fd=here)
    finally:
        os.close(here)


def _open_folder(folder: int, name: str) -> int:
    try:
        return os.open(name, FOLDER | os.O_NOFOLLOW, dir_fd=folder)
    except NotADirectoryError:
        # With O_PATH a link is opened itself, and then is no folder: tell it from a file.
        if stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP)) from None
        raise
