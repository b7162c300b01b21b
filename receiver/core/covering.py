"""Limits: for which repositories, services and environments somebody may speak; globs, of which `*` is everything.

Pure, and one rule for collectors and tokens. What names no service or environment speaks for none, but where it would
count for all of them; and everything is about some repository's commit or artifact, so what hides which one cannot be
inside of a limit.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from fnmatch import fnmatchcase

from shared.predicates import Limits

EVERYTHING = Limits()
_MAX_CHARS_SHOWN = 200
_PATTERN = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class Outside:
    """What is not covered: `what` is repository, service or environment, `value` the one named, None where none is."""

    what: str
    value: str | None

    def __str__(self) -> str:
        """Quote what was named, cut to a sensible length."""
        return f"names no {self.what}" if self.value is None else f"{self.what} {self.value[:_MAX_CHARS_SHOWN]!r}"


def outside(
    limits: Limits, repository: str | None, service: str | None, environment: str | None, *, everywhere: bool = False
) -> Outside | None:
    """Give the first of the three that is not covered; None where all are.

    With `everywhere` what names no service or environment counts for every one, and is inside of no narrower limit.
    """
    if not _covers(limits.repositories, repository, absent=False):
        return Outside("repository", repository)
    if not _covers(limits.services, service, absent=not everywhere):
        return Outside("service", service)
    if not _covers(limits.environments, environment, absent=not everywhere):
        return Outside("environment", environment)
    return None


def covers_all(limits: Limits) -> bool:
    """Say whether these limits leave nothing out."""
    return all("*" in globs for globs in (limits.repositories, limits.services, limits.environments))


def plain_names(globs: Collection[str]) -> frozenset[str] | None:
    """Give the names that globs stand for where each is a name by itself; None where one is a pattern."""
    return None if any(_PATTERN.intersection(glob) for glob in globs) else frozenset(globs)


def _covers(globs: Collection[str], value: str | None, *, absent: bool) -> bool:
    if value is None:
        return absent or "*" in globs
    return "*" in globs or any(fnmatchcase(value, glob) for glob in globs)
