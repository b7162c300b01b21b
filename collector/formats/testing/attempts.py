"""Cases that are attempts of the same test, told apart from cases that merely share a name.

A retry stops at the first pass. So cases of one identity are the attempts of one test exactly if all of them
failed but the last, which passed: one test, flaky, counted as passed. Any other repeat (parameterised tests
that share a name, retries that never passed, a pass with something behind it) is counted case by case, so
that no failure can hide behind a namesake.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from collector.formats.testing.outcomes import Counts, Failed, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

_PASSED = Outcome.PASSED
_KEPT_NAMES = 1_000
_KEPT_TEXTS = 100


@dataclass(slots=True)
class _Series:
    """Attempts of one identity that all failed, or that a pass has ended."""

    failed: int = 0
    errors: int = 0
    passed: bool = False


@dataclass(slots=True)
class Attempts:
    """Cases in document order; knows repeats of at most `max_tracked` identities, by hashes that nobody foresees."""

    max_tracked: int
    _series: dict[int, _Series | None] = field(default_factory=dict)  # None: not a series of attempts
    _failed: list[tuple[int, Failed]] = field(default_factory=list)

    def add(self, identity: tuple[str, ...], outcome: Outcome, counts: Counts, case: Failed) -> None:
        """Count one case into `counts`, which must be the same for the same identity; `case` says which it is."""
        key = hash(identity)
        if outcome is _PASSED and key not in self._series:  # as below, for the many
            if len(self._series) < self.max_tracked:
                self._series[key] = None
            counts.attempts += 1
            counts.passed += 1
            return
        counts.attempt(outcome)
        if key not in self._series and len(self._series) < self.max_tracked:
            self._series[key] = _Series() if outcome.is_failure else None
        series = self._series.get(key)
        if series is not None and outcome <= Outcome.FLAKY and not series.passed:
            _end(series, counts)
            return
        if series is not None and (series.passed or not outcome.is_failure):
            self._dissolve(key, series, counts)
            series = None
        counts.count(outcome)
        if outcome.is_failure:
            if series is not None:
                series.failed += outcome is Outcome.FAILED
                series.errors += outcome is Outcome.ERROR
            if len(self._failed) < _KEPT_NAMES:
                self._failed.append((key, case.cut() if len(self._failed) < _KEPT_TEXTS else case.bare()))

    def failures(self) -> Iterator[Failed]:
        """Yield the cases that count as failed, in document order, a thousand at most."""
        for key, case in self._failed:
            series = self._series.get(key)
            if series is None or not series.passed:
                yield case

    def _dissolve(self, key: int, series: _Series, counts: Counts) -> None:
        if series.passed:
            counts.failed += series.failed
            counts.errors += series.errors
            counts.flaky -= 1
        self._series[key] = None


def _end(series: _Series, counts: Counts) -> None:
    series.passed = True
    counts.failed -= series.failed
    counts.errors -= series.errors
    counts.count(Outcome.FLAKY)
