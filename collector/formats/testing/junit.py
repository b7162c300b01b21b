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
from typing import TYPE_CHECKING, BinaryIO

from collector.formats.numbers import seconds
from collector.formats.testing.attempts import Attempts
from collector.formats.testing.junit_totals import Totals
from collector.formats.testing.outcomes import TEXT_CHARS, Counts, Failed, Outcome
from collector.formats.testing.tally import Summary
from collector.formats.times import moment
from collector.formats.xml_events import End, Start, xml_events
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
class _Case:
    """A `testcase` that is open: where it stands, who it is, the worst that it held so far, and what that says."""

    depth: int
    attributes: Mapping[str, str]
    outcome: Outcome
    flaky: bool = False
    message: str | None = None
    text: str | None = None


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
    open_suites: list[_Suite] = field(default_factory=list)
    open_cases: list[_Case] = field(default_factory=list)


def recognise(head: Head) -> bool:
    """Say whether the root element is one of JUnit's two."""
    return head.root in _ROOTS and _TEST_PLAN not in head.children


def read(stream: BinaryIO, thresholds: Thresholds, limits: Limits) -> Claim:
    """Count the cases of a JUnit report; raises `MalformedError` where it is no whole XML document."""
    del thresholds
    report = _Report(limits)
    for event in xml_events(stream, limits, text_of=_TELLING, text_chars=TEXT_CHARS):
        if isinstance(event, Start):
            _start(report, event)
        elif report.open_cases and event.depth == report.open_cases[-1].depth:
            _end_case(report, report.open_cases.pop())
        elif report.open_cases:
            _end_within_case(report.open_cases[-1], event)
        elif report.open_suites and event.depth == report.open_suites[-1].depth:
            _end_suite(report, report.open_suites.pop())
    summary, declared_seconds = report.summary, report.totals.seconds()
    summary.seconds = report.case_seconds if declared_seconds is None else declared_seconds
    summary.declared = report.totals.contradicting(summary.counts)
    return summary.claim(TITLE)


def _start(report: _Report, event: Start) -> None:
    name, attributes = event.name, event.attributes
    if event.depth == 1 and name not in _ROOTS:
        raise MalformedError(Code.BAD_SYNTAX, "the root element is neither testsuites nor testsuite")
    case = report.open_cases[-1] if report.open_cases else None
    if name == "testcase":
        said = _WORDS.get(attributes.get("status", "").lower()) or _WORDS.get(attributes.get("result", "").lower())
        report.open_cases.append(_Case(event.depth, attributes, said or Outcome.PASSED))
    elif case is not None:
        if event.depth == case.depth + 1:
            _child_of_case(report, case, event)
    elif name in _ROOTS:
        _start_suite(report, event)
    elif name in {"failure", "error"} and report.open_suites and event.depth == report.open_suites[-1].depth + 1:
        suite = report.open_suites[-1]
        suite.broken = max(suite.broken, _ELEMENTS[name])
        report.totals.saw(_ELEMENTS[name])
    elif name == "property":
        _property(report, attributes)


def _child_of_case(report: _Report, case: _Case, event: Start) -> None:
    name = event.name
    if name in _TELLING and case.message is None:
        case.message = event.attributes.get("message", "")
    if outcome := _ELEMENTS.get(name):
        case.outcome = max(case.outcome, outcome)
        if name not in _RERUNS:
            report.totals.saw(outcome)
    elif name in _FLAKY:
        case.flaky = True


def _end_within_case(case: _Case, event: End) -> None:
    if event.depth == case.depth + 1 and event.name in _TELLING and case.text is None:
        case.text = event.text


def _start_suite(report: _Report, event: Start) -> None:
    attributes = event.attributes
    report.totals.declare(event.name, event.depth, attributes)
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
    report.open_suites.append(_Suite(event.depth, name[: limits.max_text_chars], Attempts(limits.max_tracked)))


def _property(report: _Report, attributes: Mapping[str, str]) -> None:
    summary = report.summary
    if summary.tool is None and attributes.get("name") == "go.version":
        summary.tool = "go test"
        summary.tool_version = attributes.get("value", "")[: report.limits.max_text_chars] or None


def _end_case(report: _Report, case: _Case) -> None:
    attributes = case.attributes
    if (time := seconds(attributes.get("time"))) is not None:
        report.case_seconds = (report.case_seconds or 0.0) + time
    name, group = attributes.get("name", ""), attributes.get("classname", "")
    full_name = f"{group}.{name}" if group and group != name else name
    suite, most = report.open_suites[-1], report.limits.max_text_chars
    is_flaky = case.flaky and case.outcome is Outcome.PASSED
    suite.attempts.add(
        (group, name, attributes.get("file", ""), attributes.get("line", "")),
        Outcome.FLAKY if is_flaky else case.outcome,
        suite.counts,
        Failed(full_name[:most], suite.name, case.message, case.text),
    )


def _end_suite(report: _Report, suite: _Suite) -> None:
    if suite.broken is not Outcome.PASSED:
        suite.attempts.add((), suite.broken, suite.counts, Failed(suite.name, suite.name))
    if suite.counts.total or not suite.nested:
        report.summary.suite(suite.name, suite.counts, suite.attempts.failures())
