"""TRX: the results of Visual Studio, `dotnet test` and Microsoft.Testing.Platform (`TestRun`).

Rules that are ours:

* What counts are the results. One that holds inner results (data rows, ordered tests) is not counted beside them,
  unless it failed and none of them did.
* Skipped are `NotExecuted` and `Inconclusive`. Any other word than `Passed` is a failure, also `Warning` and
  `InProgress`; a result without an outcome is an error, because that is the one outcome which is not written.
* A run that says that it failed (`ResultSummary`, or a `RunInfo` that is more than a warning: a crash, an abort)
  although no result did, counts as one error more.
* The name of the run is made of a user and a host, and is not read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

from collector.formats.numbers import count
from collector.formats.testing.outcomes import TEXT_CHARS, Outcome
from collector.formats.testing.tally import Tally
from collector.formats.times import moment
from collector.formats.xml_events import Start, xml_events
from shared.errors import Code, MalformedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from collector.formats.claim import Claim, Thresholds
    from collector.formats.head import Head
    from collector.formats.limits import Limits
    from collector.formats.xml_events import End

TITLE = "TRX"

_NAMESPACE = "microsoft.com/schemas/VisualStudio/TeamTest/"
_PARTS = frozenset({"Results", "ResultSummary", "TestDefinitions", "TestSettings"})
_CONTAINERS = frozenset({"Results", "InnerResults"})
_TEXTS = frozenset({"Message", "StackTrace"})
_DURATION = re.compile(r"(?:(\d{1,6})\.)?(\d{1,3}):(\d\d):(\d\d(?:\.\d{1,9})?)", re.ASCII)
_RUN = "test run"

_WORDS = {
    "passed": Outcome.PASSED,
    "notexecuted": Outcome.SKIPPED,
    "inconclusive": Outcome.SKIPPED,
    "": Outcome.ERROR,
    "error": Outcome.ERROR,
    "timeout": Outcome.ERROR,
    "aborted": Outcome.ERROR,
    "disconnected": Outcome.ERROR,
    "notrunnable": Outcome.ERROR,
    "passedbutrunaborted": Outcome.ERROR,
}
_FAILURES = ("failed", "error", "timeout", "aborted", "disconnected", "notRunnable", "passedButRunAborted")
"""Counters of what is a failure here."""
_WELL = frozenset({"completed", "passed"})
_WELL_ENOUGH = _WELL | {"warning"}


@dataclass(slots=True)
class _Result:
    """A result that is open; `failures` is how many had been counted before it."""

    depth: int
    name: str
    outcome: Outcome
    seconds: float | None
    failures: int
    has_inner: bool = False
    message: str | None = None
    text: str | None = None


@dataclass(slots=True)
class _Report:
    """What is known of the whole file so far; `containers` are the depths of the open ones."""

    tally: Tally
    containers: list[int] = field(default_factory=list)
    open: list[_Result] = field(default_factory=list)
    in_error: bool = False
    failures: int = 0
    is_nested: bool = False
    is_well: bool = True
    counters: Mapping[str, str] = field(default_factory=dict)


def recognise(head: Head) -> bool:
    """Say whether the root is Visual Studio's `TestRun`."""
    return head.root == "TestRun" and (_NAMESPACE in head.namespace or not _PARTS.isdisjoint(head.children))


def read(stream: BinaryIO, thresholds: Thresholds, limits: Limits) -> Claim:
    """Count the results of a TRX file; raises `MalformedError` where it is no whole XML document."""
    del thresholds
    report = _Report(Tally(limits))
    for event in xml_events(stream, limits, text_of=_TEXTS, text_chars=TEXT_CHARS):
        if isinstance(event, Start):
            _start(report, event)
        else:
            _end(report, event)
    tests, faults = count(report.counters.get("total")), 0
    if not report.is_well and not report.failures:
        report.tally.case("", _RUN, Outcome.ERROR)
        faults = 1
    if tests is not None and not report.is_nested:
        failures = sum(count(report.counters.get(name)) or 0 for name in _FAILURES)
        report.tally.declare(tests=tests + faults, failures=failures)
    return report.tally.claim(TITLE)


def _start(report: _Report, event: Start) -> None:
    name, attributes = event.name, event.attributes
    if event.depth == 1 and name != "TestRun":
        raise MalformedError(Code.BAD_SYNTAX, "the root element is not TestRun")
    if name in _CONTAINERS:
        report.containers.append(event.depth)
        if report.open:
            report.open[-1].has_inner = report.is_nested = True
    elif report.containers and event.depth == report.containers[-1] + 1:
        outcome = _WORDS.get(attributes.get("outcome", "").strip().lower(), Outcome.FAILED)
        time = _seconds(attributes.get("duration", ""))
        report.open.append(_Result(event.depth, attributes.get("testName", ""), outcome, time, report.failures))
    elif name == "ErrorInfo":
        report.in_error = True
    elif name == "Times":
        report.tally.reported_at = moment(attributes.get("start"))
    elif name == "ResultSummary":
        report.is_well = report.is_well and attributes.get("outcome", "").lower() in _WELL
    elif name == "RunInfo":
        report.is_well = report.is_well and attributes.get("outcome", "").lower() in _WELL_ENOUGH
    elif name == "Counters":
        report.counters = attributes


def _end(report: _Report, event: End) -> None:
    if report.open and event.depth == report.open[-1].depth:
        _end_result(report, report.open.pop())
    elif report.containers and event.depth == report.containers[-1]:
        report.containers.pop()
    elif event.name == "ErrorInfo":
        report.in_error = False
    elif report.open and report.in_error:
        result = report.open[-1]
        if event.name == "Message" and result.message is None:
            result.message = event.text.strip()
        elif event.name == "StackTrace" and result.text is None:
            result.text = event.text.strip()


def _end_result(report: _Report, result: _Result) -> None:
    if result.has_inner and not (result.outcome.is_failure and result.failures == report.failures):
        return
    report.failures += result.outcome.is_failure
    report.tally.case("", result.name, result.outcome, seconds=result.seconds, message=result.message, text=result.text)


def _seconds(duration: str) -> float | None:
    found = _DURATION.fullmatch(duration.strip())
    if found is None:
        return None
    days, hours, minutes, rest = found.groups()
    return int(days or 0) * 86_400 + int(hours) * 3_600 + int(minutes) * 60 + float(rest)
