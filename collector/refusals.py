"""Why a file in a watched folder is not read, in words: what is wrong with it, and what to do about it."""

from __future__ import annotations

import errno

from shared.errors import CarnetError, Code, MalformedError, StateError, TryLaterError


def translated(error: OSError, path: str) -> CarnetError:
    """Say what a system error means for whoever wanted to read the file."""
    if error.errno in (errno.EXDEV, errno.ELOOP):
        return outside(path)
    if error.errno in (errno.ENXIO, errno.ENODEV, errno.EISDIR):
        return not_regular(path)
    if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ESTALE, errno.ENAMETOOLONG):
        return StateError(Code.NOT_FOUND, f"{path!r} is not there", "it was moved or deleted meanwhile")
    hint = None
    if error.errno in (errno.EACCES, errno.EPERM):
        hint = "let the collector's user read the file and search its folders"
    return TryLaterError(Code.UNAVAILABLE, f"{path!r} could not be read: {error.strerror}", hint)


def outside(path: str) -> MalformedError:
    """Say that a link leads away from what is watched."""
    return MalformedError(
        Code.OUTSIDE_ROOT,
        f"{path!r} is a link, or leads through one, that is not followed",
        "put the file itself into the folder, or set follow_symlinks and use relative links that stay inside",
    )


def not_regular(path: str) -> MalformedError:
    """Say that something is no file that could be read."""
    return MalformedError(
        Code.NOT_REGULAR, f"{path!r} is not a regular file", "put ordinary files into watched folders"
    )


def too_large(path: str, max_bytes: int) -> MalformedError:
    """Say that a file is larger than so many bytes."""
    return MalformedError(
        Code.TOO_LARGE, f"{path!r} is larger than {max_bytes} bytes", "raise the limit, or split the report"
    )


def changed(path: str) -> MalformedError:
    """Say that a file is not finished after all."""
    return MalformedError(
        Code.CHANGED_WHILE_READ,
        f"{path!r} changed while it was read",
        "it is taken once it stands still; writers that rename finished files into place are quicker",
    )
