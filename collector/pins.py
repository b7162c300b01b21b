"""That a token refused a PIN, kept over starts, since tokens count and lock themselves: a file in the state directory.

Invariants: neither the PIN nor a digest of it is kept, which is short enough to be guessed: what was refused is known
by the look of the file that it came from. One that is handed over anew at each start (a systemd credential) has none:
then a person removes the file.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from collector.durable import replace_private
from shared.encoding import canonical
from shared.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from shared.encoding import JsonObject

FILE_NAME = "pin-refused.json"


@dataclass(frozen=True, slots=True)
class RefusedPin:
    """The mark in a state directory that a PIN was refused; `pin_file` is where it came from, if that is a file."""

    state_dir: Path
    pin_file: Path | None

    def check(self) -> None:
        """Raise `ConfigError` where the PIN that is there now was refused already."""
        try:
            kept = (self.state_dir / FILE_NAME).read_bytes()
        except FileNotFoundError:
            return
        except OSError:
            kept = b""
        if self.pin_file is None:
            raise ConfigError(
                "the token refused the PIN at an earlier start; it is not tried again",
                f"correct the PIN, look whether the token has locked itself, and remove {self.state_dir / FILE_NAME}",
            )
        if kept == self._look() or not kept:
            raise ConfigError(
                f"the token refused the PIN in {self.pin_file} already; it is not tried again",
                "correct the file, and look whether the token has locked itself",
            )

    def note(self) -> None:
        """Keep that the PIN was refused; where that cannot be kept, the token's own flags are what is left."""
        with suppress(ConfigError):
            replace_private(self.state_dir / FILE_NAME, self._look())

    def forget(self) -> None:
        """A PIN was taken."""
        with suppress(OSError):
            (self.state_dir / FILE_NAME).unlink(missing_ok=True)

    def _look(self) -> bytes:
        fields: JsonObject = {}
        if self.pin_file is not None:
            with suppress(OSError):
                found = self.pin_file.stat()
                fields = {
                    "device": str(found.st_dev),
                    "inode": str(found.st_ino),
                    "bytes": str(found.st_size),
                    "modified": str(found.st_mtime_ns),
                    "changed": str(found.st_ctime_ns),
                }
        return canonical(fields)
