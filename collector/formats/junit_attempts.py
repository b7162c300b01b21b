"""Cases of one suite that are attempts of the same test, told apart from cases that merely share a name.

A retry stops at the first pass. So cases of the same class, name, file and line are the attempts of one
test exactly if all of them failed but the last, which passed: one test, flaky, counted as passed. Any other
repeat (parameterised tests that share a name, retries that never passed, a pass with something behind it)
is counted case by case, so that no failure can hide behind a namesake.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_KEPT_NAMES = 1_000


class Outcome(IntEnum):
    """How a case ended; a larger value outweighs a smaller one."""

    PASSED = 0
    SKIPPED = 1
    FAILED = 2
    ERROR = 3


@dataclass(slots=True)
class Tally:
    """Cases by outcome, each counted once; and all attempts, also those that a rerun made up for."""

    passed: int = 0
    skipped: int = 0
    failed: int = 0
    errors: int = 0
    flaky: int = 0
    attempts: int = 0
    attempts_failed: int = 0
    attempts_errors: int = 0

    @property
    def total(self) -> int:
        """All cases, each counted once."""
        return self.passed + self.skipped + self.failed + self.errors

    def add(self, other: Tally) -> None:
        """Add the counts of another part of the report."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass(slots=True)
class _Series:
    """Attempts of one identity that all failed, or that a pass has ended."""

    failed: int = 0
    errors: int = 0
    passed: bool = False


@dataclass(slots=True)
class Attempts:
    """The cases of one suite in document order; knows repeats of at most `max_tracked` identities."""

    max_tracked: int
    tally: Tally = field(default_factory=Tally)
    _series: dict[bytes, _Series | None] = field(default_factory=dict)  # None: not a series of attempts
    _failed: list[tuple[bytes, str]] = field(default_factory=list)

    def add(self, identity: tuple[str, ...], name: str, outcome: Outcome, *, flaky: bool = False) -> None:
        """Count one case; `flaky` is the file's own word that a passed case had failed before."""
        key = blake2b("\0".join(identity).encode(), digest_size=16).digest()
        self._count_attempt(outcome)
        if key not in self._series and len(self._series) < self.max_tracked:
            self._series[key] = _Series() if outcome >= Outcome.FAILED else None
        series = self._series.get(key)
        if series is not None and outcome is Outcome.PASSED and not series.passed:
            self._end(series)
            return
        if series is not None and (series.passed or outcome < Outcome.FAILED):
            self._dissolve(key, series)
            series = None
        self._count(outcome)
        self.tally.flaky += flaky
        if outcome >= Outcome.FAILED:
            if series is not None:
                series.failed += outcome is Outcome.FAILED
                series.errors += outcome is Outcome.ERROR
            if len(self._failed) < _KEPT_NAMES:
                self._failed.append((key, name))

    def failed_names(self) -> Iterator[str]:
        """Yield the names of the cases that count as failed, in document order, a thousand at most."""
        for key, name in self._failed:
            series = self._series.get(key)
            if series is None or not series.passed:
                yield name

    def _count_attempt(self, outcome: Outcome) -> None:
        self.tally.attempts += 1
        self.tally.attempts_failed += outcome is Outcome.FAILED
        self.tally.attempts_errors += outcome is Outcome.ERROR

    def _count(self, outcome: Outcome) -> None:
        self.tally.passed += outcome is Outcome.PASSED
        self.tally.skipped += outcome is Outcome.SKIPPED
        self.tally.failed += outcome is Outcome.FAILED
        self.tally.errors += outcome is Outcome.ERROR

    def _end(self, series: _Series) -> None:
        series.passed = True
        self.tally.failed -= series.failed
        self.tally.errors -= series.errors
        self.tally.passed += 1
        self.tally.flaky += 1

    def _dissolve(self, key: bytes, series: _Series) -> None:
        if series.passed:
            self.tally.failed += series.failed
            self.tally.errors += series.errors
            self.tally.flaky -= 1
        self._series[key] = None
