"""xUnit.net XML: `assemblies` or one `assembly`, of xUnit.net v2 and v3; v1 differs by `class` for `collection`.

Rules that are ours:

* What counts are the `test` elements. A word that is neither `Pass`, `Skip` nor `NotRun` is a failure, and a test that
  holds a `failure` has not passed, whatever it says.
* An `error` (a clean-up or a fixture that failed, a crash) is one error more, and so is the `failure` of a class.
"""

from __future__ import annotations

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

TITLE = "xUnit.net"

_ROOTS = frozenset({"assemblies", "assembly"})
_TEXTS = frozenset({"message", "stack-trace"})
_CASES = frozenset({"test", "error"})
_GROUPS = frozenset({"collection", "class"})
_OF_ASSEMBLY = ("total", "test-framework", "run-date")
"""Attributes by which an assembly is told from the manifests and descriptors that have the same root."""


@dataclass(slots=True)
class _Case:
    """A `test` or an `error` that is open."""

    depth: int
    name: str
    suite: str
    outcome: Outcome
    seconds: float | None = None
    message: str | None = None
    text: str | None = None


@dataclass(slots=True)
class _Report:
    """What is known of the whole file so far: the assembly and the group that are open, and the case, if one is."""

    tally: Tally
    assembly: str = ""
    group: str = ""
    open: list[_Case] = field(default_factory=list)
    failure_depth: int = 0


def recognise(head: Head) -> bool:
    """Say whether the root is one of xUnit.net's two, in no namespace."""
    if head.root not in _ROOTS or head.namespace:
        return False
    if head.root == "assemblies":
        return not head.children or "assembly" in head.children
    return any(name in head.attributes for name in _OF_ASSEMBLY) or not _GROUPS.isdisjoint(head.children)


def read(stream: BinaryIO, thresholds: Thresholds, limits: Limits) -> Claim:
    """Count the tests of an xUnit.net report; raises `MalformedError` where it is no whole XML document."""
    del thresholds
    report = _Report(Tally(limits))
    for event in xml_events(stream, limits, text_of=_TEXTS, text_chars=TEXT_CHARS):
        if isinstance(event, Start):
            _start(report, event)
        elif report.open and event.depth == report.open[-1].depth:
            _end(report, report.open.pop())
        elif event.depth == report.failure_depth:
            report.failure_depth = 0
        elif report.open and event.depth == report.failure_depth + 1:
            _text(report.open[-1], event)
    return report.tally.claim(TITLE)


def _start(report: _Report, event: Start) -> None:
    name, attributes = event.name, event.attributes
    if event.depth == 1 and name not in _ROOTS:
        raise MalformedError(Code.BAD_SYNTAX, "the root element is neither assemblies nor assembly")
    if event.depth == 1 or name == "assembly":
        _said(report.tally, attributes)
    if name == "assembly":
        report.assembly, report.group = attributes.get("name", ""), ""
        _declare(report.tally, attributes)
    elif name in _GROUPS:
        report.group = attributes.get("name", "")
    elif name == "test":
        suite = attributes.get("type") or report.group or report.assembly
        outcome, time = outcome_of(attributes.get("result")), seconds(attributes.get("time"))
        report.open.append(_Case(event.depth, attributes.get("name", ""), suite, outcome, time))
    elif name == "error":
        said = attributes.get("name") or attributes.get("type") or report.assembly
        report.open.append(_Case(event.depth, said, report.assembly, Outcome.ERROR))
    elif name == "failure":
        _failure(report, event.depth)


def _failure(report: _Report, depth: int) -> None:
    if not report.open:
        report.tally.case(report.group or report.assembly, report.group or report.assembly, Outcome.ERROR)
    elif depth == report.open[-1].depth + 1:
        report.failure_depth = depth
        report.open[-1].outcome = max(report.open[-1].outcome, Outcome.FAILED)


def _text(case: _Case, event: End) -> None:
    if event.name == "message" and case.message is None:
        case.message = event.text.strip()
    elif event.name == "stack-trace" and case.text is None:
        case.text = event.text.strip()


def _end(report: _Report, case: _Case) -> None:
    report.tally.case(case.suite, case.name, case.outcome, seconds=case.seconds, message=case.message, text=case.text)


def _declare(tally: Tally, attributes: Mapping[str, str]) -> None:
    """Take an assembly's totals; errors stand beside the tests, not among them."""
    tests, errors = count(attributes.get("total")), count(attributes.get("errors"))
    skipped = count(attributes.get("skipped"))
    tally.declare(
        tests=None if tests is None else tests + (errors or 0),
        failures=count(attributes.get("failed")),
        errors=errors,
        skipped=None if skipped is None else skipped + (count(attributes.get("not-run")) or 0),
    )
    if (time := seconds(attributes.get("time"))) is not None:
        tally.seconds = (tally.seconds or 0.0) + time


def _said(tally: Tally, attributes: Mapping[str, str]) -> None:
    tally.reported_at = tally.reported_at or moment(attributes.get("start-rtf"))
    name, _, version = attributes.get("test-framework", "")[: tally.limits.max_text_chars].rpartition(" ")
    if tally.tool is None and name.startswith(TITLE):
        tally.tool, tally.tool_version = TITLE, version
