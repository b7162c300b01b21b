"""NUnit's own XML: `test-results` of NUnit 2, `test-run` of NUnit 3 (and of Unity, which says `Failed(Child)`).

Rules that are ours:

* What counts are the `test-case` elements. Ignored, explicit, skipped and inconclusive ones and those that only
  warned were not shown to work: skipped. One that could not be run (`NotRunnable`, `Invalid`) or was cancelled is an
  error. A case that says in one place that it is well, and in another that it is not, is not.
* A suite, or the run, that says that it failed while no case in it did (its tear-down failed) counts as one error more.
  A suite that failed for the fault of the one around it (`site="Parent"`) hands this on.
* NUnit 2 has dates without a zone, so only NUnit 3 says when it ran.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

from collector.formats.numbers import count, seconds
from collector.formats.testing.outcomes import TEXT_CHARS, Outcome, outcome_of
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

TITLE = "NUnit"

_NUNIT_2, _NUNIT_3 = "test-results", "test-run"
_CASE, _SUITE = "test-case", "test-suite"
_TEXTS = frozenset({"message", "stack-trace"})
_DETAILS = re.compile(r"[(:]")
_WORDS = {
    "failure": Outcome.FAILED,
    "notrunnable": Outcome.ERROR,
    "cancelled": Outcome.ERROR,
    "inconclusive": Outcome.SKIPPED,
    "warning": Outcome.SKIPPED,
}
_ERRORS = frozenset({"error", "invalid", "cancelled"})
"""Labels of NUnit 3 that make an error of a failure."""


@dataclass(slots=True)
class _Open:
    """The run, a suite or a case that is open; `failures` is how many had been counted before it."""

    depth: int
    attributes: Mapping[str, str]
    outcome: Outcome
    failures: int
    message: str | None = None
    text: str | None = None

    @property
    def name(self) -> str:
        return self.attributes.get("fullname") or self.attributes.get("name") or ""


@dataclass(slots=True)
class _Report:
    """What is known of the whole file so far; `own_faults` counts suites that failed by themselves."""

    tally: Tally
    open: list[_Open] = field(default_factory=list)
    failure_depth: int = 0
    failures: int = 0
    own_faults: int = 0


def recognise(head: Head) -> bool:
    """Say whether the root is one of NUnit's two, and no other tool's `test-results`."""
    return head.root == _NUNIT_3 or (
        head.root == _NUNIT_2 and ("total" in head.attributes or not head.children.isdisjoint({_SUITE, "environment"}))
    )


def read(stream: BinaryIO, thresholds: Thresholds, limits: Limits) -> Claim:
    """Count the cases of an NUnit report; raises `MalformedError` where it is no whole XML document."""
    del thresholds
    report = _Report(Tally(limits))
    root: Mapping[str, str] = {}
    for event in xml_events(stream, limits, text_of=_TEXTS, text_chars=TEXT_CHARS):
        if isinstance(event, Start):
            if event.depth == 1:
                root = event.attributes
            _start(report, event)
        elif report.open and event.depth == report.open[-1].depth:
            _end(report, event.name, report.open.pop())
        elif event.depth == report.failure_depth:
            report.failure_depth = 0
        elif event.depth == report.failure_depth + 1:
            _text(report.open[-1], event)
    _declare(report, root)
    return report.tally.claim(TITLE)


def _start(report: _Report, event: Start) -> None:
    name, attributes, tally = event.name, event.attributes, report.tally
    if event.depth == 1:
        if name not in {_NUNIT_2, _NUNIT_3}:
            raise MalformedError(Code.BAD_SYNTAX, "the root element is neither test-results nor test-run")
        is_neutral = "result" not in attributes and name == _NUNIT_2
        outcome = Outcome.PASSED if is_neutral else _outcome(attributes)
        report.open.append(_Open(event.depth, attributes, outcome, 0))
        tally.reported_at = moment(attributes.get("start-time"))
        tally.seconds = seconds(attributes.get("duration"))
        _tool(tally, attributes.get("engine-version"))
    elif name == _SUITE:
        is_neutral = attributes.keys().isdisjoint({"result", "success"})
        outcome = Outcome.PASSED if is_neutral else _outcome(attributes)
        report.open.append(_Open(event.depth, attributes, outcome, report.failures))
        if tally.seconds is None:
            tally.seconds = seconds(attributes.get("time"))
    elif name == _CASE:
        report.open.append(_Open(event.depth, attributes, _outcome(attributes), report.failures))
    elif name == "failure" and report.open and event.depth == report.open[-1].depth + 1:
        report.failure_depth = event.depth
        report.open[-1].outcome = max(report.open[-1].outcome, Outcome.FAILED)
    elif name == "environment":
        _tool(tally, attributes.get("nunit-version"))


def _outcome(attributes: Mapping[str, str]) -> Outcome:
    word = _DETAILS.split(attributes.get("result", ""), maxsplit=1)[0].strip().lower()
    was_run, is_well = attributes.get("executed", "True"), attributes.get("success", "True")
    if not word and was_run.lower() == "false":
        return Outcome.SKIPPED
    if not word and "success" in attributes:
        word = "passed"
    outcome = _WORDS[word] if word in _WORDS else outcome_of(word)
    if outcome is Outcome.FAILED and attributes.get("label", "").lower() in _ERRORS:
        return Outcome.ERROR
    if outcome is Outcome.PASSED and is_well.lower() != "true":
        return Outcome.FAILED
    return Outcome.SKIPPED if outcome is Outcome.PASSED and was_run.lower() != "true" else outcome


def _text(inside: _Open, event: End) -> None:
    if event.name == "message" and inside.message is None:
        inside.message = event.text.strip()
    elif event.name == "stack-trace" and inside.text is None:
        inside.text = event.text.strip()


def _end(report: _Report, name: str, ended: _Open) -> None:
    around = report.open[-1] if report.open else None
    if name == _CASE:
        suite = ended.attributes.get("classname") or (around.name if around else "")
        time = seconds(ended.attributes.get("duration") or ended.attributes.get("time"))
        report.tally.case(suite, ended.name, ended.outcome, seconds=time, message=ended.message, text=ended.text)
        report.failures += ended.outcome.is_failure
    elif ended.outcome.is_failure and ended.failures == report.failures:
        if around is not None and ended.attributes.get("site") == "Parent":
            around.outcome = max(around.outcome, ended.outcome)
            return
        report.tally.case(ended.name, ended.name, Outcome.ERROR, message=ended.message, text=ended.text)
        report.failures += 1
        report.own_faults += 1


def _declare(report: _Report, root: Mapping[str, str]) -> None:
    """Compare what the run declares; faults of suites, which it does not count, are added to it."""
    number = {name: count(root.get(name)) for name in root}
    tests, own = number.get("total"), report.own_faults
    if tests is None:
        return
    if "failed" in number:
        unknown = [number.get(name) or 0 for name in ("skipped", "inconclusive", "warnings")]
        report.tally.declare(tests=tests + own, failures=(number["failed"] or 0) + own, skipped=sum(unknown))
        return
    errors = None if number.get("errors") is None else sum(number.get(name) or 0 for name in ("errors", "invalid"))
    report.tally.declare(tests=tests + (number.get("not-run") or 0) + own, failures=number.get("failures"))
    if errors is not None:
        report.tally.declare(errors=errors + own)


def _tool(tally: Tally, version: str | None) -> None:
    if version and tally.tool is None:
        tally.tool, tally.tool_version = TITLE, version[: tally.limits.max_text_chars]
