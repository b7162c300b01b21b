"""How a test case can end, the counts of cases by outcome, and what is kept of one that failed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from shared.encoding import JsonObject

MESSAGE_CHARS = 2_000
TEXT_CHARS = 8_000
"""Kept of what a report says about a failure: more than may leave, so that a secret at the cut is seen whole."""


class Outcome(IntEnum):
    """How a case ended; a larger value outweighs a smaller one. Flaky: it passed, but only on a rerun."""

    PASSED = 0
    FLAKY = 1
    SKIPPED = 2
    FAILED = 3
    ERROR = 4

    @property
    def is_failure(self) -> bool:
        """Whether one such case is enough for a run not to pass."""
        return self >= _FAILED


_FAILED = Outcome.FAILED

_WORDS = {
    "pass": Outcome.PASSED,
    "passed": Outcome.PASSED,
    "ok": Outcome.PASSED,
    "success": Outcome.PASSED,
    "successful": Outcome.PASSED,
    "error": Outcome.ERROR,
    "errored": Outcome.ERROR,
    "broken": Outcome.ERROR,
    **dict.fromkeys(
        (
            "skip", "skipped", "ignored", "ignore", "disabled", "pending", "todo", "notrun", "not run", "not_run",
            "notexecuted", "notrunnable", "suppressed",
        ),
        Outcome.SKIPPED,
    ),
}  # fmt: skip


def outcome_of(word: object) -> Outcome:
    """Read a tool's word for an outcome, in either case; a word that is not known counts as failed."""
    return _WORDS.get(word.strip().lower(), Outcome.FAILED) if isinstance(word, str) else Outcome.FAILED


@dataclass(slots=True)
class Counts:
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
        """All cases, each counted once; flaky ones are among the passed."""
        return self.passed + self.skipped + self.failed + self.errors

    def count(self, outcome: Outcome) -> None:
        """Count one case."""
        self.passed += outcome <= Outcome.FLAKY
        self.flaky += outcome is Outcome.FLAKY
        self.skipped += outcome is Outcome.SKIPPED
        self.failed += outcome is Outcome.FAILED
        self.errors += outcome is Outcome.ERROR

    def attempt(self, outcome: Outcome) -> None:
        """Count one attempt at a case."""
        self.attempts += 1
        self.attempts_failed += outcome is Outcome.FAILED
        self.attempts_errors += outcome is Outcome.ERROR

    def add(self, other: Counts) -> None:
        """Add the counts of another part of the report."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


class Failed(NamedTuple):
    """A case that failed: its full name, its suite, and what the report says about it, where it says anything."""

    name: str
    suite: str = ""
    message: str | None = None
    text: str | None = None

    def cut(self) -> Failed:
        """Give the same with message and text cut at their lengths."""
        return self._replace(
            message=self.message and self.message[:MESSAGE_CHARS], text=self.text and self.text[:TEXT_CHARS]
        )

    def bare(self) -> Failed:
        """Give the same without message and text, which take most of the memory."""
        return Failed(self.name, self.suite)

    def row(self) -> JsonObject:
        """Give the row of `failedCases`; what is empty is left out."""
        return {key: value for key, value in self._asdict().items() if value}
