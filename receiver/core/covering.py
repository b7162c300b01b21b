"""Limits: for which repositories, services and environments somebody may speak; globs, of which `*` is everything.

Pure, and one rule for collectors and tokens. What names no service or environment speaks for none; but everything is
about some repository's commit or artifact, so what hides which one cannot be inside of a limit.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from fnmatch import fnmatchcase

from shared.predicates import Limits

EVERYTHING = Limits()
_MAX_CHARS_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Outside:
    """What is not covered: `what` is repository, service or environment, `value` the one named, None where none is."""

    what: str
    value: str | None

    def __str__(self) -> str:
        """Quote what was named, cut to a sensible length."""
        return f"names no {self.what}" if self.value is None else f"{self.what} {self.value[:_MAX_CHARS_SHOWN]!r}"


def outside(limits: Limits, repository: str | None, service: str | None, environment: str | None) -> Outside | None:
    """Give the first of the three that is not covered; None where all are."""
    if not _covers(limits.repositories, repository, absent=False):
        return Outside("repository", repository)
    if not _covers(limits.services, service, absent=True):
        return Outside("service", service)
    if not _covers(limits.environments, environment, absent=True):
        return Outside("environment", environment)
    return None


def _covers(globs: Collection[str], value: str | None, *, absent: bool) -> bool:
    if value is None:
        return absent or "*" in globs
    return "*" in globs or any(fnmatchcase(value, glob) for glob in globs)
