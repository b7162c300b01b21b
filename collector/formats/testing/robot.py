"""Robot Framework's `output.xml` (root `robot`), as versions 3 to 7 and Rebot write it.

Rules that are ours:

* What counts are the tests (and tasks), each by its own `status`; those of keywords mean nothing, for a keyword may
  fail in a test that passes. A test without a status has failed. Of version 3, tests that are not critical count, too.
* A suite that says that it failed while no test in it did counts as one error more. So is a suite tear-down that
  failed: Robot fails its tests for it in its own statistics, which then do not count as totals, but not in the file.
* Times have no zone, so the file says no moment.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, BinaryIO

from collector.formats.numbers import count, seconds
from collector.formats.testing.outcomes import TEXT_CHARS, Outcome, outcome_of
from collector.formats.testing.tally import Tally
from collector.formats.xml_events import Start, xml_events
from shared.errors import Code, MalformedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from collector.formats.claim import Claim, Thresholds
    from collector.formats.head import Head
    from collector.formats.limits import Limits

TITLE = "Robot Framework"

_GENERATOR = re.compile(r"(?:Robot|Rebot) (\d\S*)", re.ASCII)
_TIME = re.compile(r"\d{8} \d\d:\d\d:\d\d\.\d{3}", re.ASCII)
_TIME_FORMAT = "%Y%m%d %H:%M:%S.%f"


@dataclass(slots=True)
class _Open:
    """A suite or a test that is open: its full name, the status it has, and how many cases had failed before it."""

    depth: int
    is_test: bool
    name: str
    failures: int
    outcome: Outcome | None = None
    message: str | None = None


@dataclass(slots=True)
class _Report:
    """What is known of the whole file so far; `declared` is the last line of the totals, which is that of all tests."""

    tally: Tally
    open: list[_Open] = field(default_factory=list)
    failures: int = 0
    own_faults: int = 0
    is_in_statistics: bool = False
    is_in_total: bool = False
    declared: Mapping[str, str] = field(default_factory=dict)


def recognise(head: Head) -> bool:
    """Say whether the root is Robot Framework's `robot`, and no description of a robot."""
    return head.root == "robot" and ("generator" in head.attributes or "suite" in head.children)


def read(stream: BinaryIO, thresholds: Thresholds, limits: Limits) -> Claim:
    """Count the tests of an output.xml; raises `MalformedError` where it is no whole XML document."""
    del thresholds
    report = _Report(Tally(limits))
    for event in xml_events(stream, limits, text_of=frozenset({"status"}), text_chars=TEXT_CHARS):
        if isinstance(event, Start):
            _start(report, event)
        elif report.open and event.depth == report.open[-1].depth:
            _end(report, report.open.pop())
        elif report.open and event.name == "status" and event.depth == report.open[-1].depth + 1:
            report.open[-1].message = event.text.strip() or None
        elif event.name == "statistics":
            report.is_in_statistics = False
        elif event.name == "total":
            report.is_in_total = False
    if report.declared and not report.own_faults:
        passed, failed, skipped = (count(report.declared.get(name)) or 0 for name in ("pass", "fail", "skip"))
        report.tally.declare(tests=passed + failed + skipped, failures=failed, skipped=skipped)
    return report.tally.claim(TITLE)


def _start(report: _Report, event: Start) -> None:
    name, attributes = event.name, event.attributes
    around = report.open[-1] if report.open else None
    if event.depth == 1:
        if name != "robot":
            raise MalformedError(Code.BAD_SYNTAX, "the root element is not robot")
        if generator := _GENERATOR.match(attributes.get("generator", "")):
            report.tally.tool, report.tally.tool_version = TITLE, generator[1][: report.tally.limits.max_text_chars]
    elif name in {"suite", "test"} and not report.is_in_statistics:
        full_name = ".".join(filter(None, (around.name if around else "", attributes.get("name"))))
        report.open.append(
            _Open(event.depth, name == "test", full_name[: report.tally.limits.max_text_chars], report.failures)
        )
    elif name == "status" and around is not None and event.depth == around.depth + 1:
        outcome = outcome_of(attributes.get("status"))
        around.outcome = outcome if around.outcome is None else max(around.outcome, outcome)
        if len(report.open) == 1:
            report.tally.seconds = _elapsed(attributes)
    elif name == "statistics" and around is None:
        report.is_in_statistics = True
    elif name == "total":
        report.is_in_total = report.is_in_statistics
    elif name == "stat" and report.is_in_total:
        report.declared = attributes


def _end(report: _Report, ended: _Open) -> None:
    outcome = Outcome.FAILED if ended.outcome is None else ended.outcome
    if ended.is_test:
        suite = report.open[-1].name if report.open else ""
        report.failures += outcome.is_failure
        report.tally.case(suite, ended.name, outcome, message=ended.message)
    elif outcome.is_failure and ended.failures == report.failures:
        report.failures += 1
        report.own_faults += 1
        report.tally.case(ended.name, ended.name, Outcome.ERROR, message=ended.message)


def _elapsed(attributes: Mapping[str, str]) -> float | None:
    if "elapsed" in attributes:
        return seconds(attributes["elapsed"])
    start, end = _moment(attributes.get("starttime", "")), _moment(attributes.get("endtime", ""))
    return None if start is None or end is None or end < start else (end - start).total_seconds()


def _moment(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, _TIME_FORMAT) if _TIME.fullmatch(text) else None  # noqa: DTZ007
    except ValueError:
        return None
