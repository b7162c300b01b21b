"""What a revocation does to what is stored: what is untrusted from now, what stays good, what to collect again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from receiver.core.revocation import Asked

MAX_NAMED = 200


@dataclass(frozen=True, slots=True)
class Some:
    """The first so many of something, and how many there are."""

    items: tuple[str, ...]
    total: int

    @classmethod
    def of(cls, items: Iterable[str]) -> Some:
        """Take the first 200 by their names."""
        found = sorted(items)
        return cls(tuple(found[:MAX_NAMED]), len(found))


@dataclass(frozen=True, slots=True)
class Effect:
    """What a revocation does, or would do; `revocation` is its register number, None where nothing was signed.

    `asked.since` is as it counts. `untrusted` are ids (32 bytes), oldest first; `offered_since` is the last heartbeat:
    what to begin with where nobody knows since when a key was in other hands.
    """

    asked: Asked
    revocation: int | None
    revoked_at: datetime | None
    keys: tuple[str, ...]
    untrusted: tuple[bytes, ...]
    untrusted_total: int
    stays_good: int
    never_delivered_at_most: int
    repositories: Some
    commits: Some
    runs: Some
    tokens: int
    invitations: int
    offered_since: datetime | None


@dataclass(slots=True)
class Losses:
    """Counts what stops to count, and what that was evidence of."""

    first: list[bytes] = field(default_factory=list)
    total: int = 0
    repositories: set[str] = field(default_factory=set)
    commits: set[str] = field(default_factory=set)
    runs: set[str] = field(default_factory=set)

    def add(self, attestation_id: bytes, repository: str | None, commit: str | None, run: str | None) -> None:
        """Count one more."""
        self.total += 1
        if len(self.first) < MAX_NAMED:
            self.first.append(attestation_id)
        for names, name in ((self.repositories, repository), (self.commits, commit), (self.runs, run)):
            if name is not None:
                names.add(name)
