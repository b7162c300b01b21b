"""Where posts go and by whose key, read from options and variables; the key is never an option, and never printed."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from shared.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

URL_VARIABLE = "MERGEWHY_API_URL"
KEY_VARIABLE = "MERGEWHY_API_KEY"
KEY_FILE_VARIABLE = "MERGEWHY_API_KEY_FILE"

_KEY = re.compile(r"[\x21-\x7e]{1,500}", re.ASCII)
_MAX_FILE_BYTES = 4096
_API = "/api/v1"


@dataclass(frozen=True, slots=True)
class Destination:
    """What the command line says about where to post, and how to tell what came of it."""

    url: str | None
    key_file: Path | None
    ca_file: Path | None
    proxy: str | None
    timeout_seconds: float
    dry_run: bool
    output: str


@dataclass(frozen=True, slots=True)
class Access:
    """A receiver, and the key that it knows this pipeline by."""

    url: str
    key: str = field(repr=False)
    ca_file: Path | None
    proxy: str | None
    timeout_seconds: float


def read_access(to: Destination, environment: Mapping[str, str]) -> Access:
    """Give URL and key; raises `ConfigError` that names the variable which is missing or cannot be."""
    url = (to.url or "").strip().rstrip("/").removesuffix(_API)
    if not url:
        raise ConfigError(
            f"{URL_VARIABLE} is not set", f"set {URL_VARIABLE} to the receiver's address, such as https://host[:port]"
        )
    key, said_in = _key(to, environment)
    if not key:
        raise ConfigError(
            f"{said_in} is empty" if said_in else f"{KEY_VARIABLE} is not set",
            f"set {KEY_VARIABLE} to an API key (mw_live_...), or {KEY_FILE_VARIABLE} to a file that holds one",
        )
    if not _KEY.fullmatch(key):
        raise ConfigError(
            f"{said_in} holds no API key: it has blanks, line ends or other characters that no key has",
            "give the key alone, as it was shown: mw_live_...",
        )
    return Access(url, key, to.ca_file, to.proxy, to.timeout_seconds)


def _key(to: Destination, environment: Mapping[str, str]) -> tuple[str, str]:
    """Give the key and what said it; a file goes before the variable."""
    if to.key_file is None:
        key = environment.get(KEY_VARIABLE, "").strip()
        return key, KEY_VARIABLE if KEY_VARIABLE in environment else ""
    try:
        with to.key_file.open("rb") as file:
            return file.read(_MAX_FILE_BYTES).decode("ascii").strip(), str(to.key_file)
    except UnicodeDecodeError:
        raise ConfigError(f"{to.key_file} holds no API key", "give a file that holds the key alone") from None
    except OSError as error:
        raise ConfigError(
            f"the key file {to.key_file} cannot be read: {error.strerror}",
            f"give --key-file or {KEY_FILE_VARIABLE} a file that this job may read",
        ) from None
