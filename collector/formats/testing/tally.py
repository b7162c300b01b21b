"""Counts the cases of a test report and makes the claim; a format only says what it found.

Rules for all formats: what counts are the cases, each once; what a report declares about itself is kept only
where no way of counting explains it (`declaredTotals`). Passed: at least one case passed, none failed.
Memory is bounded: by 200 suites, a thousand failed cases, and the identities that are tracked for reruns.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from collector.formats.claim import Basis, Claim, ClaimType, cut_list
from collector.formats.testing.attempts import Attempts
from collector.formats.testing.outcomes import Counts, Failed, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable

    from collector.formats.limits import Limits
    from shared.encoding import JsonObject, JsonValue

__all__ = ["LISTED", "LISTED_CASES", "Outcome", "Summary", "Tally"]

LISTED = 200
LISTED_CASES = 50
_NO_DURATION = 1e12
"""Seconds, some 30,000 years: what says more, or is not finite, is left out."""


@dataclass(slots=True)
class Summary:
    """All that the claim of a test report is made of.

    `tool` and `tool_version` where the file says so, `reported_at` as `collector.formats.times` gives it,
    `seconds` of the whole run; `declared` are totals that contradict the cases (`tests`, `failures`, `errors`,
    `skipped`).
    """

    tool: str | None = None
    tool_version: str | None = None
    reported_at: str | None = None
    seconds: float | None = None
    declared: JsonObject = field(default_factory=dict)
    counts: Counts = field(default_factory=Counts)
    suites: list[JsonValue] = field(default_factory=list)
    suite_count: int = 0
    failed: list[Failed] = field(default_factory=list)

    def suite(self, name: str, counts: Counts, failures: Iterable[Failed]) -> None:
        """Add a whole suite: to the counts, to the suites, and its failures to the list."""
        self.counts.add(counts)
        self.failed.extend(case for case in failures if len(self.failed) < LISTED)
        self.suite_count += 1
        if len(self.suites) < LISTED:
            self.suites.append(
                {
                    "name": name,
                    "tests": counts.total,
                    "failed": counts.failed,
                    "errors": counts.errors,
                    "skipped": counts.skipped,
                }
            )

    def claim(self, title: str) -> Claim:
        """Make the claim; it is named after the tool, else `title`."""
        counts = self.counts
        evidence: JsonObject = {
            "totalTests": counts.total,
            "passed": counts.passed,
            "failed": counts.failed,
            "errors": counts.errors,
            "skipped": counts.skipped,
            "flaky": counts.flaky,
        }
        if self.seconds is not None and self.seconds < _NO_DURATION:
            evidence["durationSeconds"] = round(self.seconds, 6)
        failures = counts.failed + counts.errors
        cut_list(evidence, "suites", self.suites, self.suite_count)
        cut_list(evidence, "failedTests", [case.name for case in self.failed], failures)
        if failures:
            cut_list(evidence, "failedCases", [case.row() for case in self.failed[:LISTED_CASES]], failures)
        if self.declared:
            evidence["declaredTotals"] = self.declared
        said = (("tool", self.tool), ("toolVersion", self.tool_version), ("reportedAt", self.reported_at))
        evidence |= {name: value for name, value in said if value}
        return Claim(
            type=ClaimType.TEST_RESULTS,
            name=self.tool or title,
            basis=Basis.MEASURED,
            passed=counts.passed > 0 and failures == 0,
            evidence=evidence,
        )


@dataclass(slots=True)
class Tally:
    """Takes the cases of a report in any order of suites, and makes the claim at its end.

    With `reruns`, cases of one suite and name are attempts of one test where `attempts` says so; without,
    every case counts. What went wrong outside of any case (a suite that did not compile or whose set-up failed)
    is counted as one case more: `case(suite, suite, Outcome.ERROR)`. Fields may be set at any time before
    `claim`; `seconds`, if it is not set, is the sum of those of the cases.
    """

    limits: Limits
    reruns: bool = False
    tool: str | None = None
    tool_version: str | None = None
    reported_at: str | None = None
    seconds: float | None = None
    _case_seconds: float | None = None
    _suites: dict[str, Counts] = field(default_factory=dict)
    _other_suites: set[int] = field(default_factory=set)
    _other: Counts = field(default_factory=Counts)
    _attempts: Attempts = field(init=False)
    _declared: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._attempts = Attempts(self.limits.max_tracked if self.reruns else 0)

    def case(
        self,
        suite: str,
        name: str,
        outcome: Outcome,
        *,
        seconds: float | None = None,
        message: str | None = None,
        text: str | None = None,
    ) -> None:
        """Count one case: the suite it stands in ("" for none), and its name as people know it.

        `message` and `text` (a stack trace, a diff) of one that failed leave at level `full` only.
        """
        most = self.limits.max_text_chars
        suite, name = suite[:most], name[:most]
        if seconds is not None:
            self._case_seconds = (self._case_seconds or 0.0) + seconds
        failed = Failed(name, suite, message, text) if outcome.is_failure else Failed("")
        self._attempts.add((suite, name), outcome, self._counts_of(suite), failed)

    def passed(self, suite: str, number: int) -> None:
        """Count some cases of a suite that passed, by their number; without `reruns` alone, where each counts."""
        counts = self._counts_of(suite[: self.limits.max_text_chars])
        counts.attempts += number
        counts.passed += number

    def suite(self, name: str) -> None:
        """List a suite, also if it has no case."""
        self._counts_of(name[: self.limits.max_text_chars])

    def declare(self, **totals: int | None) -> None:
        """Add to what the report declares: `tests`, `failures`, `errors`, `skipped`; None is not declared."""
        for name, number in totals.items():
            if number is not None:
                self._declared[name] = self._declared.get(name, 0) + number

    def counts(self) -> Counts:
        """Give the counts of all suites so far."""
        counts = Counts()
        for part in (*self._suites.values(), self._other):
            counts.add(part)
        return counts

    def claim(self, title: str) -> Claim:
        """Make the claim; it is named after the tool, else `title`."""
        summary = Summary(
            tool=self.tool,
            tool_version=self.tool_version,
            reported_at=self.reported_at,
            seconds=self._case_seconds if self.seconds is None else self.seconds,
        )
        for name, counts in self._suites.items():
            summary.suite(name, counts, ())
        summary.counts.add(self._other)
        summary.suite_count += len(self._other_suites)
        summary.failed = list(self._attempts.failures())[:LISTED]
        summary.declared = self._contradicting(summary.counts)
        return summary.claim(title)

    def _counts_of(self, suite: str) -> Counts:
        known = self._suites.get(suite)
        if known is not None:
            return known
        if len(self._suites) < LISTED:
            return self._suites.setdefault(suite, Counts())
        if len(self._other_suites) < self.limits.max_tracked:
            self._other_suites.add(hash(suite))
        return self._other

    def _contradicting(self, counts: Counts) -> JsonObject:
        explained = {
            "tests": {counts.total, counts.attempts, counts.total - counts.skipped},
            "failures": {counts.failed, counts.attempts_failed, counts.failed + counts.errors},
            "errors": {counts.errors, counts.attempts_errors},
            "skipped": {counts.skipped},
        }
        is_explained = all(number in explained.get(name, {number}) for name, number in self._declared.items())
        return {} if is_explained else dict(self._declared)
