"""JUnit XML: test reports of pytest, Surefire, Gradle, Go, Jest, PHPUnit, Swift and others that write them.

There is no standard, so these rules are ours:

* What counts are the cases, never the totals that suites declare. Totals that agree neither with the cases,
  nor with their `failure` and `error` elements, are kept beside them as `declaredTotals`: a contradiction
  for the judge.
* A case counts once, whatever it holds: an `error` outweighs a `failure`, a `failure` outweighs `skipped`.
  A case without any of them is judged by its `status` or `result` where those say that it failed or was not
  run.
* An `error` or `failure` directly inside a suite (its set-up failed) counts as one case of that suite.
* Flaky is a case that passed on a rerun; it counts once, as its last outcome. Surefire says so itself with
  `flakyFailure` or `flakyError` inside a case that passed; others write one case an attempt
  (`attempts`).
* The message and the text of the first `failure` or `error` of a case are what is said about it; output is never
  looked at.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from collector.formats.numbers import seconds
from collector.formats.testing.attempts import Attempts
from collector.formats.testing.junit_totals import Totals
from collector.formats.testing.outcomes import TEXT_CHARS, Counts, Failed, Outcome
from collector.formats.testing.tally import Summary
from collector.formats.times import moment
from collector.formats.xml_events import read_xml
from shared.errors import Code, MalformedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from collector.formats.claim import Claim, Thresholds
    from collector.formats.head import Head
    from collector.formats.limits import Limits

TITLE = "JUnit"

_ROOTS = frozenset({"testsuites", "testsuite"})
_TEST_PLAN = "node_order"  # TestLink exports plans, which have no outcomes, under the same root

_ELEMENTS = {
    "failure": Outcome.FAILED,
    "rerunFailure": Outcome.FAILED,
    "error": Outcome.ERROR,
    "rerunError": Outcome.ERROR,
    "skipped": Outcome.SKIPPED,
    "ignored": Outcome.SKIPPED,
    "disabled": Outcome.SKIPPED,
}
_RERUNS = frozenset({"rerunFailure", "rerunError"})
_FLAKY = frozenset({"flakyFailure", "flakyError"})
_TELLING = frozenset({"failure", "error"})
_WORDS = {
    "fail": Outcome.FAILED,
    "failed": Outcome.FAILED,
    "failure": Outcome.FAILED,
    "error": Outcome.ERROR,
    "errored": Outcome.ERROR,
    "disabled": Outcome.SKIPPED,
    "skipped": Outcome.SKIPPED,
    "ignored": Outcome.SKIPPED,
    "notrun": Outcome.SKIPPED,
    "suppressed": Outcome.SKIPPED,
}
_PASSED, _NOT_FAILED = Outcome.PASSED, Failed("")
_TOOLS_BY_NAME = {
    "pytest": "pytest",
    "pytest tests": "pytest",
    "jest tests": "Jest",
    "vitest tests": "Vitest",
    "Mocha Tests": "Mocha",
    "AllTests": "GoogleTest",
    "rspec": "RSpec",
}


@dataclass(slots=True)
class _Found:
    """What was found in a `testcase`, or it says of itself: the worst outcome, and what the first failure says."""

    outcome: Outcome
    flaky: bool = False
    message: str | None = None
    text: str | None = None


class _Case(NamedTuple):
    """A `testcase` that is open; nothing is found in most of them."""

    depth: int
    attributes: Mapping[str, str]
    found: _Found | None


@dataclass(slots=True)
class _Suite:
    """A `testsuites` or `testsuite` that is open, with what it holds itself, not in nested suites."""

    depth: int
    name: str
    attempts: Attempts
    counts: Counts = field(default_factory=Counts)
    nested: bool = False
    broken: Outcome = Outcome.PASSED


@dataclass(slots=True)
class _Report:
    """What is known of the whole file so far."""

    limits: Limits
    summary: Summary = field(default_factory=Summary)
    totals: Totals = field(default_factory=Totals)
    case_seconds: float | None = None
    has_seconds: bool = False
    open_suites: list[_Suite] = field(default_factory=list)
    case_depth: int = 0
    attributes: Mapping[str, str] = field(default_factory=dict)
    found: _Found | None = None
    outer_cases: list[_Case] = field(default_factory=list)

    def start(self, name: str, attributes: Mapping[str, str], depth: int, _namespace: str) -> None:
        """Take the start of an element."""
        if depth == 1 and name not in _ROOTS:
            raise MalformedError(Code.BAD_SYNTAX, "the root element is neither testsuites nor testsuite")
        if name == "testcase":
            if self.case_depth:
                self.outer_cases.append(_Case(self.case_depth, self.attributes, self.found))
            self.case_depth, self.attributes = depth, attributes
            self.found = _said(attributes) if "status" in attributes or "result" in attributes else None
        elif self.case_depth:
            if depth == self.case_depth + 1:
                self.found = _child_of_case(self, name, attributes)
        elif name in _ROOTS:
            _start_suite(self, name, attributes, depth)
        elif name in _TELLING and self.open_suites and depth == self.open_suites[-1].depth + 1:
            suite = self.open_suites[-1]
            suite.broken = max(suite.broken, _ELEMENTS[name])
            self.totals.saw(_ELEMENTS[name])
        elif name == "property":
            _property(self, attributes)

    def end(self, name: str, text: str, depth: int) -> None:
        """Take the end of an element."""
        if depth == self.case_depth:
            _end_case(self)
            self.case_depth = 0
            if self.outer_cases:
                self.case_depth, self.attributes, self.found = self.outer_cases.pop()
        elif self.case_depth:
            if depth == self.case_depth + 1 and name in _TELLING and self.found and self.found.text is None:
                self.found.text = text
        elif self.open_suites and depth == self.open_suites[-1].depth:
            _end_suite(self, self.open_suites.pop())


def recognise(head: Head) -> bool:
    """Say whether the root element is one of JUnit's two."""
    return head.root in _ROOTS and _TEST_PLAN not in head.children


def read(stream: BinaryIO, thresholds: Thresholds, limits: Limits) -> Claim:
    """Count the cases of a JUnit report; raises `MalformedError` where it is no whole XML document."""
    del thresholds
    report = _Report(limits)
    read_xml(stream, report, limits, text_of=_TELLING, text_chars=TEXT_CHARS)
    summary, declared_seconds = report.summary, report.totals.seconds()
    summary.seconds = report.case_seconds if declared_seconds is None else declared_seconds
    summary.declared = report.totals.contradicting(summary.counts)
    return summary.claim(TITLE)


def _said(attributes: Mapping[str, str]) -> _Found | None:
    """Return what a case says of itself, if that is anything but that it passed."""
    for key in ("status", "result"):
        if outcome := _WORDS.get(attributes.get(key, "").lower()):
            return _Found(outcome)
    return None


def _child_of_case(report: _Report, name: str, attributes: Mapping[str, str]) -> _Found | None:
    """Take a child of a case, and return what was found in that so far."""
    outcome = _ELEMENTS.get(name)
    if outcome is None and name not in _FLAKY:
        return report.found
    found = report.found or _Found(_PASSED)
    if name in _TELLING and found.message is None:
        found.message = attributes.get("message", "")
    if outcome is None:
        found.flaky = True
    else:
        found.outcome = max(found.outcome, outcome)
        if name not in _RERUNS:
            report.totals.saw(outcome)
    return found


def _start_suite(report: _Report, element: str, attributes: Mapping[str, str], depth: int) -> None:
    report.totals.declare(element, depth, attributes)
    report.has_seconds = report.totals.seconds() is not None
    if report.open_suites:
        report.open_suites[-1].nested = True
    name, summary = attributes.get("name", ""), report.summary
    if summary.tool is None:
        summary.tool = _TOOLS_BY_NAME.get(name)
    if summary.tool is None and "surefire" in attributes.get("noNamespaceSchemaLocation", ""):
        summary.tool = "Surefire"
    if summary.reported_at is None:
        summary.reported_at = moment(attributes.get("timestamp"))
    limits = report.limits
    report.open_suites.append(_Suite(depth, name[: limits.max_text_chars], Attempts(limits.max_tracked)))


def _property(report: _Report, attributes: Mapping[str, str]) -> None:
    summary = report.summary
    if summary.tool is None and attributes.get("name") == "go.version":
        summary.tool = "go test"
        summary.tool_version = attributes.get("value", "")[: report.limits.max_text_chars] or None


def _end_case(report: _Report) -> None:
    found, suite, said = report.found, report.open_suites[-1], report.attributes.get
    # What the suites declare comes before what the cases add up to.
    if not report.has_seconds and (time := seconds(said("time"))) is not None:
        report.case_seconds = (report.case_seconds or 0.0) + time
    name, group = said("name", ""), said("classname", "")
    identity = group, name, said("file", ""), said("line", "")
    if found is None:
        suite.attempts.add(identity, _PASSED, suite.counts, _NOT_FAILED)
        return
    full_name = f"{group}.{name}" if group and group != name else name
    suite.attempts.add(
        identity,
        Outcome.FLAKY if found.flaky and found.outcome is _PASSED else found.outcome,
        suite.counts,
        Failed(full_name[: report.limits.max_text_chars], suite.name, found.message, found.text),
    )


def _end_suite(report: _Report, suite: _Suite) -> None:
    if suite.broken is not Outcome.PASSED:
        suite.attempts.add((), suite.broken, suite.counts, Failed(suite.name, suite.name))
    if suite.counts.total or not suite.nested:
        report.summary.suite(suite.name, suite.counts, suite.attempts.failures())
