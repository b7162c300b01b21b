"""Where posts go and by whose key, read from options and variables; the key is never an option, and never printed."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from shared.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_KEY = re.compile(r"[\x21-\x7e]{1,500}", re.ASCII)
_MAX_FILE_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Variables:
    """Where the environment says how to reach one API: its address, its key or a file with it, and what keys are."""

    url: str
    key: str
    key_file: str
    api: str
    """The path that an address may end with."""
    kind: str
    """What its keys are called, and how they begin."""


POSTS = Variables(
    "MERGEWHY_API_URL", "MERGEWHY_API_KEY", "MERGEWHY_API_KEY_FILE", "/api/v1", "an API key (mw_live_...)"
)
GATE = Variables(
    "RELEASEPASSPORT_API_URL",
    "RELEASEPASSPORT_TOKEN",
    "RELEASEPASSPORT_TOKEN_FILE",
    "/releasepassport/v1",
    "a token (rp_live_...)",
)


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
    variables: Variables = POSTS


@dataclass(frozen=True, slots=True)
class Access:
    """A receiver, and the key that it knows this pipeline by."""

    url: str
    key: str = field(repr=False)
    ca_file: Path | None
    proxy: str | None
    timeout_seconds: float
    variables: Variables = POSTS


def read_access(to: Destination, environment: Mapping[str, str]) -> Access:
    """Give URL and key; raises `ConfigError` that names the variable which is missing or cannot be."""
    names = to.variables
    url = (to.url or "").strip().rstrip("/").removesuffix(names.api)
    if not url:
        raise ConfigError(
            f"{names.url} is not set", f"set {names.url} to the receiver's address, such as https://host[:port]"
        )
    key, said_in = _key(to, environment)
    if not key:
        raise ConfigError(
            f"{said_in} is empty" if said_in else f"{names.key} is not set",
            f"set {names.key} to {names.kind}, or {names.key_file} to a file that holds one",
        )
    if not _KEY.fullmatch(key):
        raise ConfigError(
            f"{said_in} does not hold {names.kind}: it has blanks, line ends or other characters that none has",
            "give it alone, as it was shown",
        )
    return Access(url, key, to.ca_file, to.proxy, to.timeout_seconds, names)


def _key(to: Destination, environment: Mapping[str, str]) -> tuple[str, str]:
    """Give the key and what said it; a file goes before the variable."""
    if to.key_file is None:
        name = to.variables.key
        return environment.get(name, "").strip(), name if name in environment else ""
    try:
        with to.key_file.open("rb") as file:
            return file.read(_MAX_FILE_BYTES).decode("ascii").strip(), str(to.key_file)
    except UnicodeDecodeError:
        raise ConfigError(
            f"{to.key_file} does not hold {to.variables.kind}", "give a file that holds it alone"
        ) from None
    except OSError as error:
        raise ConfigError(
            f"the key file {to.key_file} cannot be read: {error.strerror}",
            f"give --key-file or {to.variables.key_file} a file that this job may read",
        ) from None
