"""Runs of Go packages in one stream of events: which tests ended how, and what a rerun makes good.

Packages are tested side by side, so their events are mixed; a run of a package is all its events up to the
one that ends it. Rules, ours where Go has none:

* A test counts once in a run, as the worst that it came to (`-count`). One that began and never ended is an
  error. A benchmark reports no end: it passed if its package did.
* A package that failed is an error of its own unless a test in it failed and its last word is `FAIL`; that is
  what the testing package prints when it got to its end. After a panic, `os.Exit` or a time-out it did not,
  and tests that nobody sees were not run. A package that never ended is an error too.
* A later run of a package whose top-level tests all failed before is a rerun (gotestsum): what failed there
  counts as its last outcome, flaky if that is passed, and what had not failed is not counted again. Any other
  later run counts for itself, and its passes make nothing good; neither is an error of a package ever made good.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from collector.formats.testing.outcomes import TEXT_CHARS, Outcome
from collector.formats.testing.tally import LISTED_CASES
from shared.errors import Code, MalformedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from collector.formats.limits import Limits
    from collector.formats.testing.tally import Tally
    from shared.encoding import JsonObject

_ENDS = {"pass": Outcome.PASSED, "bench": Outcome.PASSED, "fail": Outcome.FAILED, "skip": Outcome.SKIPPED}
_PRINTS_OR_BEGINS = frozenset(("output", "run"))
_HELD_TEXTS = 100
_PASSED = Outcome.PASSED


@dataclass(slots=True)
class _Test:
    """A test in a run: how often it began without having ended, the worst that it came to, and what it printed."""

    running: int = 0
    outcome: Outcome | None = None
    text: str | None = None

    def end(self, outcome: Outcome) -> None:
        """Take one end of it."""
        self.running -= 1
        self.outcome = outcome if self.outcome is None else max(self.outcome, outcome)


@dataclass(slots=True)
class _Run:
    """A run of a package that has not ended: its tests, what it printed itself, whether there was more than output."""

    tests: dict[str, _Test] = field(default_factory=dict)
    own: _Test = field(default_factory=_Test)
    begun: bool = False
    got_to_its_end: bool = False


@dataclass(slots=True)
class _Failure:
    """A test that failed in one run at least: how it ended last, and what it said first."""

    outcome: Outcome
    text: str | None


@dataclass(slots=True)
class Runs:
    """Takes the events of a stream in their order, and counts into the tally; `finish` must be the last call."""

    limits: Limits
    tally: Tally
    _open: dict[str, _Run] = field(default_factory=dict)
    _ended: set[str] = field(default_factory=set)
    _failures: dict[tuple[str, str], _Failure] = field(default_factory=dict)
    _held: int = 0
    _texts: int = 0

    def others(self, events: Iterable[tuple[int, JsonObject | str]]) -> Iterator[tuple[int, JsonObject | str]]:
        """Take the events of tests in packages that are known, and yield all other with their numbers.

        Those are the many, so no more is looked at than must be: a name that is found is a string of bearable length.
        """
        opened, longest = self._open, self.limits.max_text_chars
        for numbered in events:
            event: Any = numbered[1]
            try:
                run = opened[event["Package"]]
                name = event["Test"]
                action = event["Action"]
                test = run.tests.get(name)
                outcome = None if action in _PRINTS_OR_BEGINS else _ENDS[action]
            except (KeyError, TypeError):
                yield numbered
                continue
            if outcome is not None and test is not None:
                self._end_test(test, outcome)
            elif action == "run" and type(name) is str and 0 < len(name) <= longest:
                self._test(run, name).running += 1
            elif action == "output" and test is not None and type(event.get("Output")) is str:
                if test.text is not None or self._texts < _HELD_TEXTS:
                    self._keep(test, event["Output"])
                continue
            else:
                yield numbered
                continue
            run.begun = True

    def take(self, package: str, test: str, action: str) -> None:
        """Take one event that is no output; `test` is "" where it is about the package."""
        package, test = package[: self.limits.max_text_chars], test[: self.limits.max_text_chars]
        run = self._open.get(package) or self._begin(package)
        run.begun = True
        outcome = _ENDS.get(action)
        if not test:
            if outcome is not None:
                del self._open[package]
                self._end(package, run, outcome)
        elif outcome is not None:
            self._end_test(self._test(run, test), outcome)
        elif action == "run":
            self._test(run, test).running += 1

    def hear(self, package: str, test: str, output: str) -> None:
        """Take one event of output; `test` is "" where the package says it itself."""
        package, test = package[: self.limits.max_text_chars], test[: self.limits.max_text_chars]
        run = self._open.get(package) or self._begin(package)
        self._keep(self._test(run, test) if test else run.own, output)
        if not test and output.strip() == "FAIL":
            run.got_to_its_end = True

    def finish(self) -> None:
        """Count what never ended, and the tests that failed in any run."""
        for package, run in self._open.items():
            if run.begun or package not in self._ended:
                self._end(package, run, Outcome.ERROR)
        for (package, test), failure in self._failures.items():
            self.tally.case(package, f"{package}.{test}", failure.outcome, text=failure.text)

    def _test(self, run: _Run, name: str) -> _Test:
        test = run.tests.get(name)
        if test is None:
            self._hold(1)
            test = run.tests[name] = _Test()
        return test

    def _end_test(self, test: _Test, outcome: Outcome) -> None:
        test.end(outcome)
        if test.text is not None and not outcome.is_failure:
            test.text = None
            self._texts -= 1

    def _keep(self, test: _Test, output: str) -> None:
        if test.text is None:
            if self._texts < _HELD_TEXTS:
                self._texts += 1
                test.text = output[:TEXT_CHARS]
        elif len(test.text) < TEXT_CHARS:
            test.text += output[:TEXT_CHARS]

    def _end(self, package: str, run: _Run, ended: Outcome) -> None:
        for name, test in run.tests.items():
            if test.running > 0:
                is_well = ended is Outcome.PASSED and name.startswith("Benchmark")
                test.end(Outcome.PASSED if is_well else Outcome.ERROR)
        outcomes = {name: test.outcome for name, test in run.tests.items() if test.outcome is not None}
        is_rerun = package in self._ended and all(
            (package, name.partition("/")[0]) in self._failures for name in outcomes
        )
        if ended is not Outcome.SKIPPED:
            self.tally.suite(package)
        for name, outcome in outcomes.items():
            if outcome is not _PASSED or is_rerun:
                self._count(package, name, outcome, run.tests[name].text, is_rerun=is_rerun)
        if not is_rerun and _PASSED in outcomes.values():
            self.tally.passed(package, sum(outcome is _PASSED for outcome in outcomes.values()))
        is_explained = run.got_to_its_end and any(outcome.is_failure for outcome in outcomes.values())
        if ended is Outcome.ERROR or (ended is Outcome.FAILED and not is_explained):
            self.tally.case(package, package, Outcome.ERROR, text=run.own.text)
        self._texts -= sum(test.text is not None for test in (run.own, *run.tests.values()))
        self._held -= len(run.tests)
        self._ended.add(package)

    def _count(self, package: str, name: str, outcome: Outcome, text: str | None, *, is_rerun: bool) -> None:
        key = package, name
        known = self._failures.get(key)
        if is_rerun and known is not None:
            if outcome is not Outcome.SKIPPED:
                known.outcome = outcome if outcome.is_failure else Outcome.FLAKY
        elif outcome.is_failure and known is None and len(self._failures) < self.limits.max_tracked:
            self._failures[key] = _Failure(outcome, text if len(self._failures) < LISTED_CASES else None)
        elif outcome.is_failure or not is_rerun:
            self.tally.case(package, f"{package}.{name}", outcome, text=text)

    def _begin(self, package: str) -> _Run:
        self._hold(int(package not in self._ended))
        run = self._open[package] = _Run()
        return run

    def _hold(self, more: int) -> None:
        self._held += more
        if self._held > self.limits.max_tracked:
            raise MalformedError(
                Code.TOO_LARGE, f"more than {self.limits.max_tracked} packages, and tests in those that have not ended"
            )
