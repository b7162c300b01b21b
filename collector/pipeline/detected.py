"""What a CI job says of itself, and how a variable becomes a name, a commit, a number or an address. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

_COMMIT = re.compile(r"[0-9a-f]{7,64}", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)
_MAX_CHARS = 200
_MAX_URL_CHARS = 2_000


@dataclass(frozen=True, slots=True)
class Run:
    """A job of a run, as far as its system says: values that are missing are None.

    `run` is the system's own id of the run; `external_id` stands in for it where another run of the system may have
    the same, since it is counted for each repository or build. `build_url` holds no user and no password.
    """

    provider: str
    run: str | None = None
    job: str | None = None
    repository: str | None = None
    commit: str | None = None
    branch: str | None = None
    pr_number: int | None = None
    tag: str | None = None
    build_url: str | None = None
    triggered_by: str | None = None
    workflow: str | None = None
    event: str | None = None
    external_id: str | None = None


def printable(value: str | None) -> str | None:
    """Give a text without control characters, at most 200 characters; None for one that is empty."""
    kept = "".join(char for char in value or "" if char.isprintable()).strip()
    return kept[:_MAX_CHARS] or None


def hex_commit(value: str | None) -> str | None:
    """Give a commit in lower case; None for what is none, such as a branch."""
    lower = (value or "").lower()
    return lower if _COMMIT.fullmatch(lower) else None


def number(value: str | None) -> int | None:
    """Give a whole number above zero, of nine digits at most."""
    return int(value) if value and _NUMBER.fullmatch(value) and int(value) > 0 else None


def joined(separator: str, *parts: str | None) -> str | None:
    """Join all parts; None where one of them is missing."""
    return separator.join(part for part in parts if part) if all(parts) else None


def address(value: str | None) -> str | None:
    """Give a web address without user and password; None for anything else."""
    try:
        parts = urlsplit((value or "").strip())
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname or len(value or "") > _MAX_URL_CHARS:
        return None
    bare = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    return bare if bare.isprintable() else None


def short_ref(value: str | None, kind: str) -> str | None:
    """Give the name of a full ref, `refs/heads/x` or `refs/tags/x`, if it is of that kind."""
    prefix = f"refs/{kind}/"
    return printable(value.removeprefix(prefix)) if value and value.startswith(prefix) else None
