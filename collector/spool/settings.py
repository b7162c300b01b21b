"""What the spool is told by the configuration, and which SQLite may keep it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from shared.errors import ConfigError

Journal: TypeAlias = Literal["rollback", "wal"]

OLDEST_SQLITE = (3, 37, 0)
"""Knows STRICT tables."""

_WAL_FIXED = ((3, 44, 6), (3, 50, 7))
_WAL_FIXED_SINCE = (3, 51, 3)


@dataclass(frozen=True, slots=True)
class SpoolSettings:
    """How the spool is kept: bytes of undelivered envelopes that it takes, bytes held back for a full disk.

    `journal` is `rollback` (with `synchronous=EXTRA`) or `wal` (with `FULL`, and only where the library is sound).
    """

    quota_bytes: int = 4 << 30
    journal: Journal = "rollback"
    ballast_bytes: int = 4 << 20
    busy_seconds: float = 30.0


def wal_is_sound(version: tuple[int, ...]) -> bool:
    """Say whether this SQLite has the fix of the WAL-reset bug, by which committed transactions can vanish.

    Fixed in 3.51.3, and in the patch releases 3.50.7 and 3.44.6 (sqlite.org/wal.html).
    """
    return version >= _WAL_FIXED_SINCE or any(version[:2] == fixed[:2] and version >= fixed for fixed in _WAL_FIXED)


def check_library(version: tuple[int, ...], settings: SpoolSettings) -> None:
    """Refuse a SQLite that cannot keep what these settings promise; raises `ConfigError`."""
    said = ".".join(map(str, version))
    if version < OLDEST_SQLITE:
        raise ConfigError(
            f"SQLite {said} is too old for the spool", "install the package pysqlite3, which brings a new one"
        )
    if settings.journal == "wal" and not wal_is_sound(version):
        raise ConfigError(
            f"spool.journal = wal: SQLite {said} can lose committed transactions in this mode",
            "leave spool.journal at rollback, or install pysqlite3 0.6.1 or newer",
        )
