"""What the suites of a JUnit report declare about themselves, and whether it contradicts the cases.

Producers count in different ways: an attempt, a case, or each `failure` element; with the skipped ones
among the tests or beside them. A declared total contradicts only if it agrees with none of these.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from collector.formats.numbers import count, seconds
from collector.formats.testing.outcomes import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

    from collector.formats.testing.outcomes import Counts
    from shared.encoding import JsonObject

# Old producers say `skips`, GoogleTest says `disabled` beside `skipped`; together they are what was not run.
_ATTRIBUTES = {
    "tests": ("tests",),
    "failures": ("failures",),
    "errors": ("errors",),
    "skipped": ("skipped", "skips", "skip", "ignored", "disabled"),
}


@dataclass(slots=True)
class _Declared:
    """The sum of what some elements declare, and how many of them declare each of the four at all."""

    elements: int = 0
    sums: Counter[str] = field(default_factory=Counter)
    declaring: Counter[str] = field(default_factory=Counter)
    seconds: float | None = None

    def add(self, attributes: Mapping[str, str]) -> None:
        self.elements += 1
        for field_name, spellings in _ATTRIBUTES.items():
            numbers = [number for name in spellings if (number := count(attributes.get(name))) is not None]
            self.sums[field_name] += sum(numbers)
            self.declaring[field_name] += bool(numbers)
        if (time := seconds(attributes.get("time"))) is not None:
            self.seconds = (self.seconds or 0.0) + time

    def by_all(self) -> dict[str, int]:
        """The sums of what every one of the elements declares."""
        return {
            name: self.sums[name] for name in _ATTRIBUTES if self.elements and self.declaring[name] == self.elements
        }


@dataclass(slots=True)
class Totals:
    """What the root declares, what the outermost suites declare together, and the elements really seen."""

    _root: _Declared = field(default_factory=_Declared)
    _suites: _Declared = field(default_factory=_Declared)
    _root_is_suite: bool = False
    _elements: Counter[Outcome] = field(default_factory=Counter)

    def declare(self, name: str, depth: int, attributes: Mapping[str, str]) -> None:
        """Take the attributes of a `testsuites` or `testsuite` element that opens at that depth."""
        if depth == 1 and name == "testsuites":
            self._root.add(attributes)
        elif depth == 1:
            self._root_is_suite = True
            self._suites.add(attributes)
        elif depth == len(("testsuites", "testsuite")) and not self._root_is_suite:
            self._suites.add(attributes)

    def saw(self, outcome: Outcome) -> None:
        """Count one `failure`, `error` or `skipped` element."""
        self._elements[outcome] += 1

    def seconds(self) -> float | None:
        """The duration that the root declares, else the sum of those of the outermost suites, else None."""
        return self._root.seconds if self._root.seconds is not None else self._suites.seconds

    def contradicting(self, counts: Counts) -> JsonObject:
        """The totals, of the root or else of the suites, that no way of counting explains; else empty."""
        explained = {
            "tests": {counts.total, counts.attempts, counts.total - counts.skipped},
            "failures": {counts.failed, counts.attempts_failed, self._elements[Outcome.FAILED]},
            "errors": {counts.errors, counts.attempts_errors, self._elements[Outcome.ERROR]},
            "skipped": {counts.skipped, self._elements[Outcome.SKIPPED]},
        }
        for declared in (self._root.by_all(), self._suites.by_all()):
            if any(number not in explained[name] for name, number in declared.items()):
                return dict(declared)
        return {}
