"""Cobertura XML (coverage-04.dtd): coverage.py, coverlet, gcovr, llvm, gocover-cobertura and Cobertura.

What counts are the lines, not the rates that are declared:

* The lines of a class count; those of its methods are the same lines again and count only if the class has
  none itself (Swift writes such reports).
* A line of a source file counts once, however many classes of the package stand in that file; it is covered
  if it was hit in any of them. A line whose hits cannot be read is not covered.
* Branches are the conditions that `condition-coverage` counts, as in "50% (1/2)".
* Only where there is no line at all, the totals or else the rate that the root declares are taken. Where
  there is none of these either, nothing was measured: no `coverage` field, and not passed if a minimum is
  configured.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from collector.formats.coverage.tally import Sums, Tally
from collector.formats.numbers import count, seconds
from collector.formats.times import epoch
from collector.formats.xml_events import read_xml
from shared.errors import Code, MalformedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from collector.formats.claim import Claim, Thresholds
    from collector.formats.head import Head
    from collector.formats.limits import Limits

TITLE = "Cobertura"

_HIT = re.compile(r"0*[1-9][0-9]*(?:\.[0-9]*)?")
_CONDITIONS = re.compile(r"\((\d{1,9})/(\d{1,9})\)", re.ASCII)
_MAX_CONDITION_CHARS = 40


class _Line(NamedTuple):
    """One line: its number, hit or not, and its conditions."""

    number: int | None
    hit: bool
    branches_covered: int
    branches: int


@dataclass(slots=True)
class _Class:
    """The class that is open: its file, whether it has lines itself, and those of its methods until that is known."""

    file: str
    has_lines: bool = False
    in_method: bool = False
    method_lines: list[_Line] = field(default_factory=list)


@dataclass(slots=True)
class _Report:
    """What is known of the whole file so far."""

    limits: Limits
    tally: Tally
    open_class: _Class | None = None

    def start(self, name: str, attributes: Mapping[str, str], depth: int, _namespace: str) -> None:
        """Take the start of an element."""
        open_class = self.open_class
        if depth == 1:
            if name != "coverage":
                raise MalformedError(Code.BAD_SYNTAX, "the root element is not coverage")
            _declare(self.tally, attributes)
        elif name == "class":
            file = attributes.get("filename") or attributes.get("name") or ""
            self.open_class = _Class(file[: self.limits.max_text_chars])
        elif open_class is not None and name == "line":
            _take_line(self, open_class, attributes)
        elif open_class is not None and name == "method":
            open_class.in_method = True

    def end(self, name: str, _text: str, _depth: int) -> None:
        """Take the end of an element."""
        open_class = self.open_class
        if name == "package":
            self.tally.settle()
        elif open_class is not None and name == "class":
            for line in open_class.method_lines:
                _add(self.tally, open_class, line)
            self.open_class = None
        elif open_class is not None and name == "method":
            open_class.in_method = False


def recognise(head: Head) -> bool:
    """Say whether the root is Cobertura's `coverage`; Clover's holds a `project`, SonarQube's no rates."""
    return (
        head.root == "coverage"
        and "project" not in head.children
        and ("line-rate" in head.attributes or "packages" in head.children)
    )


def read(stream: BinaryIO, thresholds: Thresholds, limits: Limits) -> Claim:
    """Count the lines of a Cobertura report; raises `MalformedError` where it is no whole XML document."""
    report = _Report(limits, Tally(limits))
    read_xml(stream, report, limits)
    return report.tally.claim(TITLE, thresholds)


def _take_line(report: _Report, inside: _Class, attributes: Mapping[str, str]) -> None:
    line = _line(attributes)
    if not inside.in_method:
        inside.has_lines = True
        inside.method_lines.clear()
        _add(report.tally, inside, line)
    elif not inside.has_lines:
        inside.method_lines.append(line)
        most = report.limits.max_tracked
        if len(inside.method_lines) > most:
            raise MalformedError(Code.TOO_LARGE, f"the methods of a class have more than {most} lines")


def _add(tally: Tally, inside: _Class, line: _Line) -> None:
    tally.line(inside.file, line.number, hit=line.hit, branches_covered=line.branches_covered, branches=line.branches)


def _line(attributes: Mapping[str, str]) -> _Line:
    said = attributes.get("condition-coverage")
    conditions = _CONDITIONS.search(said[:_MAX_CONDITION_CHARS]) if said else None
    return _Line(
        number=count(attributes.get("number")),
        hit=_HIT.fullmatch(attributes.get("hits", "").strip()) is not None,
        branches_covered=int(conditions[1]) if conditions else 0,
        branches=int(conditions[2]) if conditions else 0,
    )


def _declare(tally: Tally, declared: Mapping[str, str]) -> None:
    covered, total = count(declared.get("lines-covered")), count(declared.get("lines-valid"))
    rate = seconds(declared.get("line-rate"))
    if covered is not None and total is not None and covered <= total:
        branches = count(declared.get("branches-valid")) or 0
        tally.declared = Sums(covered, total, min(count(declared.get("branches-covered")) or 0, branches), branches)
    elif rate is not None and rate <= 1 and total != 0:
        tally.declared_rate = rate
    tally.reported_at = epoch(seconds(declared.get("timestamp")))
