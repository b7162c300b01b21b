"""The file that the licence is in: read whenever it is asked about, so that a renewed one counts at once."""

from __future__ import annotations

import os
import tempfile
from datetime import datetime
from pathlib import Path

from receiver.core.licence import MAX_LICENCE_BYTES, Licensed, Status, licensed
from shared.encoding import b64decode
from shared.errors import ConfigError
from shared.keys import PublicKey, key_from_spki

_READABLE = 0o644


class LicenceFile:
    """A licence file and the vendor's key; either may not be there."""

    def __init__(self, path: Path | None, key: PublicKey | None) -> None:
        """Take where it is and what checks it."""
        self._path = path
        self._key = key

    @classmethod
    def named(cls, path: Path | None, key: str | None) -> LicenceFile:
        """Take them as a configuration names them: the key as SubjectPublicKeyInfo in base64."""
        return cls(path, None if key is None else key_from_spki(b64decode(key)))

    def stands(self, installation: str, now: datetime) -> Licensed:
        """Say how it stands; a file that cannot be read is no error, since nothing that matters depends on it."""
        content = None
        if self._path is not None:
            try:
                with self._path.open("rb") as opened:
                    content = opened.read(MAX_LICENCE_BYTES + 1)
            except FileNotFoundError:
                pass
            except OSError as error:
                return Licensed(Status.INVALID, problem=f"its file cannot be read: {error.strerror}")
        return licensed(content, self._key, installation, now)

    def install(self, content: bytes, installation: str, now: datetime) -> Licensed:
        """Put a licence in the place of the one before; raises `ConfigError` for one that is not good."""
        if self._path is None or self._key is None:
            raise ConfigError(
                "the configuration names no licence_file or no licence_key", "see docs/operations.md for both"
            )
        found = licensed(content, self._key, installation, now)
        if found.licence is None:
            raise ConfigError(f"this is no good licence: {found.problem}", "ask for it again, and copy it unchanged")
        try:
            self._replace(self._path, content)
        except OSError as error:
            raise ConfigError(f"{self._path} cannot be written: {error.strerror}", "look at its directory") from None
        return found

    @staticmethod
    def _replace(path: Path, content: bytes) -> None:
        handle, name = tempfile.mkstemp(prefix=".licence-", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as written:
                written.write(content)
                written.flush()
                os.fchmod(written.fileno(), _READABLE)
                os.fsync(written.fileno())
            Path(name).replace(path)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise
