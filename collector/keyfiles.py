"""The files of this host's private keys: found by the key that the spool says signs, never by their age or name alone.

The key stands in the configured file. A new one is written beside it, under a name with its fingerprint, and takes the
configured name once its rotation was receipted. Invariants: no key file is overwritten by a new key before that; a file
whose key nothing names is put away and kept, never used and never deleted.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from collector.durable import sync_folder
from collector.keys import RESTORE_THE_KEY, Held, is_held, not_introduced, own_keys
from shared.errors import ConfigError
from shared.keyfile import load_key, write_key
from shared.keys import SEED_BYTES, Ed25519Signer

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from pathlib import Path

    from collector.keys import Rotation
    from shared.keys import PublicKey, Signer

_SHORT = 16
"""Hex digits of a fingerprint in a file's name."""


@dataclass(frozen=True, slots=True)
class KeyFiles:
    """The store of keys that are files: the configured one, and those beside it."""

    path: Path
    passphrase: bytes | None = field(default=None, repr=False)

    @property
    def place(self) -> str:
        """The path of the configured file."""
        return str(self.path)

    def check(self, hint: str) -> None:
        """Load the configured file; raises `ConfigError` where it is missing, loose, or does not open."""
        load_key(self.path, self.passphrase, hint)

    def load(self) -> Signer | None:
        """Load the configured file; None where there is none."""
        return load_key(self.path, self.passphrase) if self.path.exists() else None

    def make_first(self, random: Callable[[int], bytes]) -> Signer:
        """Write the configured file; raises `ConfigError` where it exists."""
        return write_key(self.path, random(SEED_BYTES), self.passphrase)

    def choose(self, rotations: Sequence[Rotation]) -> Held:
        """Find the keys that the spool's rotations name."""
        return choose(self.path, self.passphrase, rotations)

    def make(self, random: Callable[[int], bytes]) -> Signer:
        """Write a new key beside the configured file."""
        seed = random(SEED_BYTES)
        return write_key(new_path(self.path, Ed25519Signer(seed).public.key_id), seed, self.passphrase)

    def discard(self, key: PublicKey) -> None:
        """Remove the file of a new key."""
        discard(new_path(self.path, key.key_id))

    def retire(self, signing: PublicKey, old: Collection[PublicKey]) -> None:
        """Rename the file of the key that signs, and remove those of the old ones."""
        retire(self.path, self.passphrase, signing, old)

    def put_away(self, held: Held) -> list[str]:
        """Rename the files that nothing names."""
        try:
            return [str(path) for path in put_away(self.path, held)]
        except OSError as error:
            raise ConfigError(f"a key file beside {self.path} cannot be renamed: {error.strerror}") from None

    def close(self) -> None:
        """Nothing is open."""


def new_path(key_path: Path, key_id: str) -> Path:
    """Give where a new key is written: beside the configured file, under its own name."""
    digits = key_id.removeprefix("sha256:")[:_SHORT]
    return key_path.with_name(f"{key_path.stem}-{digits}{key_path.suffix}")


def choose(key_path: Path, passphrase: bytes | None, rotations: Sequence[Rotation]) -> Held:
    """Find the keys that the spool's rotations name.

    Raises `ConfigError` where no file here holds the key that signs, or a file cannot be read.
    """
    if not rotations:
        signer = load_key(key_path, passphrase, RESTORE_THE_KEY)
        return Held(signer, datetime.fromtimestamp(key_path.stat().st_mtime, UTC), (), (signer.public,))
    last = rotations[-1]
    signing = _find(key_path, passphrase, last.new)
    if signing is None:
        raise ConfigError(
            f"no key file here holds {last.new.key_id}, which signs since the rotation at {last.place}",
            f"put {new_path(key_path, last.new.key_id).name} or {key_path.name} back from a backup of this host",
        )
    older = (_find(key_path, passphrase, one.old) for one in not_introduced(rotations))
    return Held(
        signing,
        last.rotated_at,
        tuple(one for one in older if one is not None),
        own_keys(signing.public, rotations),
        is_held(rotations),
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


def _find(key_path: Path, passphrase: bytes | None, public: PublicKey) -> Ed25519Signer | None:
    for path in (new_path(key_path, public.key_id), key_path):
        if path.exists():
            signer = load_key(path, passphrase, RESTORE_THE_KEY)
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
