"""Names and files that survive a power cut: a folder is synced after what happened in it, a file is whole or not there.

One of the lowest edges: whoever keeps something on this host stands on it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from shared.errors import ConfigError
from shared.keyfile import write_secret

if TYPE_CHECKING:
    from pathlib import Path


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut; raises `OSError`."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def replace_private(path: Path, content: bytes) -> None:
    """Replace a file that its owner alone can read, as a whole; raises `ConfigError` where it cannot be written."""
    beside = path.with_name(f".{path.name}.new")
    try:
        beside.unlink(missing_ok=True)
        write_secret(beside, content)
        beside.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}", "make the state directory writable") from None
