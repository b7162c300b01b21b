"""The files of this host's private keys: found by the key that the spool says signs, never by their age or name alone.

The key stands in the configured file. A new one is written beside it, under a name with its fingerprint, and takes the
configured name once its rotation was receipted. Invariants: no key file is overwritten by a new key before that; a file
whose key nothing names is put away and kept, never used and never deleted.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from collector.durable import sync_folder
from collector.keys import Held, own_keys
from shared.errors import ConfigError
from shared.keyfile import load_key

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from collector.keys import Rotation
    from shared.keys import Ed25519Signer, PublicKey

_SHORT = 16
"""Hex digits of a fingerprint in a file's name."""


def new_path(key_path: Path, key_id: str) -> Path:
    """Give where a new key is written: beside the configured file, under its own name."""
    digits = key_id.removeprefix("sha256:")[:_SHORT]
    return key_path.with_name(f"{key_path.stem}-{digits}{key_path.suffix}")


def choose(key_path: Path, passphrase: bytes | None, rotations: Sequence[Rotation]) -> Held:
    """Find the keys that the spool's rotations name.

    Raises `ConfigError` where no file here holds the key that signs, or a file cannot be read.
    """
    if not rotations:
        signer = load_key(key_path, passphrase)
        return Held(signer, datetime.fromtimestamp(key_path.stat().st_mtime, UTC), (), (signer.public,))
    last = rotations[-1]
    signing = _find(key_path, passphrase, last.new)
    if signing is None:
        raise ConfigError(
            f"no key file here holds {last.new.key_id}, which signs since the rotation at {last.place}",
            f"put {new_path(key_path, last.new.key_id).name} or {key_path.name} back from a backup of this host",
        )
    older = (_find(key_path, passphrase, one.old) for one in _not_receipted(rotations))
    return Held(
        signing, last.rotated_at, tuple(one for one in older if one is not None), own_keys(signing.public, rotations)
    )


def put_away(key_path: Path, held: Held) -> list[Path]:
    """Rename the new keys that no rotation ever named: whoever made them was killed before; gives their new paths."""
    kept = {new_path(key_path, one.public.key_id) for one in held.asking}
    moved: list[Path] = []
    for path in sorted(key_path.parent.glob(f"{key_path.stem}-*{key_path.suffix}")):
        if path in kept or not _is_new_name(key_path, path):
            continue
        aside, number = path.with_name(f"{path.name}.unused"), 1
        while aside.exists():
            number += 1
            aside = path.with_name(f"{path.name}.unused-{number}")
        path.rename(aside)
        moved.append(aside)
    if moved:
        sync_folder(key_path.parent)
    return moved


def retire(key_path: Path, passphrase: bytes | None, signing: PublicKey, old: Collection[PublicKey]) -> None:
    """Give the key that signs the configured name, and end the private halves of the old ones.

    Raises `ConfigError` where a file cannot be changed; then every key is still where it can be found.
    """
    new = new_path(key_path, signing.key_id)
    try:
        if new.exists():
            if load_key(new, passphrase).public != signing:
                raise ConfigError(f"{new} does not hold the key that its name says", "nothing was removed")
            _replace(key_path, new)
        for one in old:
            path = new_path(key_path, one.key_id)
            if path.exists():
                _erase(path)
    except OSError as error:
        raise ConfigError(
            f"the old key beside {new.name} cannot be removed: {error.strerror}",
            "make its directory writable; it is tried again at the next start",
        ) from None


def discard(path: Path) -> None:
    """End a new key that is known to have never come into force."""
    with suppress(OSError):
        _erase(path)


def _not_receipted(rotations: Sequence[Rotation]) -> Sequence[Rotation]:
    at = len(rotations)
    while at and not rotations[at - 1].delivered:
        at -= 1
    return rotations[at:]


def _find(key_path: Path, passphrase: bytes | None, public: PublicKey) -> Ed25519Signer | None:
    for path in (new_path(key_path, public.key_id), key_path):
        if path.exists():
            signer = load_key(path, passphrase)
            if signer.public == public:
                return signer
    return None


def _is_new_name(key_path: Path, path: Path) -> bool:
    digits = path.name[len(key_path.stem) + 1 : len(path.name) - len(key_path.suffix)]
    return re.fullmatch(rf"[0-9a-f]{{{_SHORT}}}", digits, re.ASCII) is not None


def _replace(key_path: Path, new: Path) -> None:
    handle = os.open(key_path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        new.replace(key_path)
        sync_folder(key_path.parent)
        _overwrite(handle)
    finally:
        os.close(handle)


def _erase(path: Path) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        with suppress(FileNotFoundError):
            path.unlink()
        sync_folder(path.parent)
        _overwrite(handle)
    finally:
        os.close(handle)


def _overwrite(handle: int) -> None:
    """Write over a file that has no name any more, so that its blocks do not keep a key (as far as the disk obeys)."""
    os.pwrite(handle, bytes(os.fstat(handle).st_size), 0)
    os.fsync(handle)
