"""What a command reads besides a report: a file to hash, an object as JSON."""

from __future__ import annotations

import hashlib
import sys
from typing import TYPE_CHECKING

from shared.encoding import parse_object
from shared.errors import Code, ConfigError, MalformedError
from shared.wire import MAX_BODY_BYTES

if TYPE_CHECKING:
    from pathlib import Path

    from shared.encoding import JsonObject


def sha256_of(path: Path) -> str:
    """Give the SHA-256 of a file's content in lower-case hex; raises `ConfigError` where it cannot be read."""
    if not path.is_file():
        raise ConfigError(f"{path} is no regular file", "name the file that was built")
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}", "run this where the file is") from None


def read_json(name: str, option: str) -> JsonObject:
    """Read a JSON object from a file, or from standard input for `-`; `option` is what named it.

    Raises `ConfigError` where there is none to read, `MalformedError` for what is no JSON object or too large.
    """
    try:
        if name == "-":
            raw = sys.stdin.buffer.read(MAX_BODY_BYTES + 1)
        else:
            with open(name, "rb") as file:  # noqa: PTH123 - `-` is no path, and this is what click hands over
                raw = file.read(MAX_BODY_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{name} cannot be read: {error.strerror}", f"give {option} a JSON file, or -") from None
    if len(raw) > MAX_BODY_BYTES:
        raise MalformedError(
            Code.TOO_LARGE, f"{name} has more than {MAX_BODY_BYTES} bytes", "leave out what is not needed"
        )
    try:
        return parse_object(raw)
    except MalformedError as error:
        raise MalformedError(error.code, f"{name}: {error.detail}", f"{option} takes one JSON object") from None
