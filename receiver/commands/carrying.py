"""Files that are carried across an air gap: requests read with a limit, invitations and responses written whole.

A request and a response hold no secret; an invitation holds its token, and its owner alone can read it.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from receiver.confirm import Carried
from shared.errors import Code, ConfigError, StateError
from shared.keyfile import write_secret
from shared.offline import MAX_REQUEST_BYTES

REQUEST_SUFFIX = ".request.json"
RESPONSE_SUFFIX = ".response.json"
INVITATION_SUFFIX = ".invitation.json"
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+", re.ASCII)
_MAX_STEM = 100
_SHOWN_OF_FINGERPRINT = 12
_FOR_EVERYBODY = 0o644


def requests(paths: Sequence[Path]) -> list[Carried]:
    """Read requests, of a directory all that are called `*.request.json`; one that is too large is cut, and bad.

    Raises `ConfigError` for what cannot be read, `StateError` for a directory without any.
    """
    return [Carried(str(path), _read(path)) for path in _found(paths)]


def _found(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        inside = sorted(
            one for one in path.glob(f"*{REQUEST_SUFFIX}") if one.is_file() and not one.name.startswith(".")
        )
        if not inside:
            raise StateError(Code.NOT_FOUND, f"no file in {path} is called *{REQUEST_SUFFIX}", "name the files")
        yield from inside


def _read(path: Path) -> bytes:
    # What is carried was written by somebody else: no link is followed, no pipe waited for.
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read: {error}", "name the requests that were carried in") from None
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ConfigError(f"{path} is not a regular file", "name the requests that were carried in")
        try:
            return file.read(MAX_REQUEST_BYTES)
        except OSError as error:
            raise ConfigError(f"{path} cannot be read: {error}", "name the requests that were carried in") from None


def response_path(request: Path, fingerprint: str, folder: Path | None) -> Path:
    """Say where the response to a request goes: beside it, or into a folder, where those of other media may lie.

    No two requests have one place: two of the usual name differ in it beside each other, all others in their keys.
    """
    if folder is None and request.name.endswith(REQUEST_SUFFIX):
        return request.parent / f"{request.name.removesuffix(REQUEST_SUFFIX)}{RESPONSE_SUFFIX}"
    stem = request.name.removesuffix(REQUEST_SUFFIX).removesuffix(".json")
    short = fingerprint.removeprefix("sha256:")[:_SHOWN_OF_FINGERPRINT]
    return (folder or request.parent) / f"{stem}-{short}{RESPONSE_SUFFIX}"


def invitation_paths(names: Sequence[str], folder: Path) -> list[Path]:
    """Say where the invitations for these names go, each to a file of its own; raises `ConfigError` for one there."""
    paths: list[Path] = []
    for name in names:
        stem, number = _UNSAFE.sub("_", name)[:_MAX_STEM].lstrip(".") or "_", 1
        path = folder / f"{stem}{INVITATION_SUFFIX}"
        while path in paths:
            number += 1
            path = folder / f"{stem}-{number}{INVITATION_SUFFIX}"
        if path.exists():
            raise ConfigError(f"{path} exists already", "choose another directory; nobody was invited")
        paths.append(path)
    return paths


def make_folder(folder: Path) -> None:
    """Make the directory that is carried; raises `ConfigError`."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{folder} cannot be made: {error.strerror}", "choose another directory") from None


def write_invitation(path: Path, content: bytes) -> None:
    """Write an invitation that its owner alone can read; raises `ConfigError`."""
    write_secret(path, content)


def write_response(path: Path, content: bytes) -> None:
    """Write a response as a whole, over an older one to the same request; raises `ConfigError`."""
    beside = path.with_name(f".{path.name}.new")
    try:
        # Somebody else wrote to this medium: what lies under this name may be a link to anything.
        beside.unlink(missing_ok=True)
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, _FOR_EVERYBODY)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written: {error.strerror}",
            "the collector is enrolled: run the same command again for its response",
        ) from None
