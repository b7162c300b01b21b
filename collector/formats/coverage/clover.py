"""Clover XML: OpenClover, PHPUnit, Istanbul (nyc, Jest, Vitest) and others that write `coverage` with a `project`.

Rules that are ours:

* What counts are the lines of type `stmt` and `cond`, each once a file; those of type `method` are no lines of their
  own, and `testproject` is the tests themselves.
* A line is covered if its `count` is above zero. Where a condition has no `count`, its `truecount` decides: what
  `falsecount` means depends on who wrote it (times that it was false, or branches that were not taken).
* For the same reason branches are the `conditionals` that the metrics of a file state, not the counts of its lines.
* Only where there is no line at all, the metrics of the project are taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from collector.formats.coverage.tally import Sums, Tally
from collector.formats.numbers import count, seconds
from collector.formats.times import epoch
from collector.formats.xml_events import Start, xml_events
from shared.errors import Code, MalformedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from collector.formats.claim import Claim, Thresholds
    from collector.formats.head import Head
    from collector.formats.limits import Limits

TITLE = "Clover"

_LINES = frozenset({"stmt", "cond"})
_OF_PROJECT = 3
"""Depth of the metrics of the project."""


@dataclass(slots=True)
class _File:
    """The file that is open: its path, the depth of its metrics, and its conditionals (covered, all)."""

    path: str
    inside: int
    conditionals: tuple[int, int] = (0, 0)


@dataclass(slots=True)
class _Report:
    """What is known of the whole file so far."""

    tally: Tally
    file: _File | None = None
    is_of_tests: bool = False


def recognise(head: Head) -> bool:
    """Say whether the root is Clover's `coverage`, which holds a project."""
    return head.root == "coverage" and ("project" in head.children or "clover" in head.attributes)


def read(stream: BinaryIO, thresholds: Thresholds, limits: Limits) -> Claim:
    """Count the lines of a Clover report; raises `MalformedError` where it is no whole XML document."""
    report = _Report(Tally(limits))
    for event in xml_events(stream, limits):
        if isinstance(event, Start):
            _start(report, event)
        elif event.name == "testproject":
            report.is_of_tests = False
        elif event.name == "file":
            report.file = None
    return report.tally.claim(TITLE, thresholds)


def _start(report: _Report, event: Start) -> None:
    name, attributes, file = event.name, event.attributes, report.file
    if event.depth == 1:
        if name != "coverage":
            raise MalformedError(Code.BAD_SYNTAX, "the root element is not coverage")
        report.tally.reported_at = epoch(seconds(attributes.get("generated")))
    elif name == "testproject":
        report.is_of_tests = True
    elif report.is_of_tests:
        return
    elif name == "file":
        path = attributes.get("path") or attributes.get("name") or ""
        report.file = _File(path[: report.tally.limits.max_text_chars], event.depth + 1)
    elif name == "metrics" and event.depth == _OF_PROJECT:
        _declare(report.tally, attributes)
    elif name == "metrics" and file is not None and event.depth == file.inside:
        file.conditionals = _pair(attributes, "coveredconditionals", "conditionals") or (0, 0)
    elif name == "line" and file is not None and attributes.get("type") in _LINES:
        _line(report.tally, file, attributes)


def _line(tally: Tally, file: _File, attributes: Mapping[str, str]) -> None:
    covered = total = 0
    if attributes.get("type") == "cond":
        # One of the file's lines carries the branches of them all, so that they are counted once.
        (covered, total), file.conditionals = file.conditionals, (0, 0)
    hits = count(attributes.get("count", attributes.get("truecount")))
    tally.line(file.path, count(attributes.get("num")), hit=(hits or 0) > 0, branches_covered=covered, branches=total)


def _declare(tally: Tally, attributes: Mapping[str, str]) -> None:
    statements = _pair(attributes, "coveredstatements", "statements")
    if statements is not None:
        conditionals = _pair(attributes, "coveredconditionals", "conditionals") or (0, 0)
        tally.declared = Sums(*statements, *conditionals)


def _pair(attributes: Mapping[str, str], covered_name: str, total_name: str) -> tuple[int, int] | None:
    covered, total = count(attributes.get(covered_name)), count(attributes.get(total_name))
    return None if covered is None or total is None or covered > total else (covered, total)
