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
from typing import TYPE_CHECKING, BinaryIO

from collector.formats.claim import Basis, Claim, ClaimType
from collector.formats.numbers import count, percent, seconds
from collector.formats.xml_events import Start, xml_events
from shared.errors import Code, MalformedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from collector.formats.claim import Thresholds
    from collector.formats.head import Head
    from collector.formats.limits import Limits
    from shared.encoding import JsonObject

TITLE = "Cobertura"

_HIT = re.compile(r"0*[1-9][0-9]*(?:\.[0-9]*)?")
_CONDITIONS = re.compile(r"\((\d{1,9})/(\d{1,9})\)", re.ASCII)
_MAX_CONDITION_CHARS = 40


@dataclass(frozen=True, slots=True)
class _Line:
    """One line: hit or not, and its conditions."""

    hit: bool
    branches_covered: int
    branches: int

    def merged(self, other: _Line) -> _Line:
        return _Line(
            self.hit or other.hit,
            max(self.branches_covered, other.branches_covered),
            max(self.branches, other.branches),
        )


_Lines = dict[int, _Line]


@dataclass(slots=True)
class _Report:
    """What is known so far: the sums, the lines of the open package by file, and those of the open class."""

    limits: Limits
    declared: Mapping[str, str] = field(default_factory=dict)
    covered: int = 0
    total: int = 0
    branches_covered: int = 0
    branches: int = 0
    files: dict[str, _Lines] = field(default_factory=dict)
    tracked: int = 0
    file: str | None = None
    class_lines: _Lines = field(default_factory=dict)
    method_lines: _Lines = field(default_factory=dict)
    in_method: bool = False

    def add_line(self, attributes: Mapping[str, str]) -> None:
        lines = self.method_lines if self.in_method else self.class_lines
        # A line without a number cannot be told from another: it counts for itself.
        number = count(attributes.get("number"))
        key = -1 - len(lines) if number is None else number
        line = _line(attributes)
        lines[key] = lines[key].merged(line) if key in lines else line
        if len(lines) > self.limits.max_tracked:
            raise MalformedError(Code.TOO_LARGE, f"a class has more than {self.limits.max_tracked} lines")

    def end_class(self) -> None:
        lines = self.files.setdefault(self.file or "", {})
        before = len(lines)
        for number, line in (self.class_lines or self.method_lines).items():
            key = number if number >= 0 else -1 - len(lines)
            lines[key] = lines[key].merged(line) if key in lines else line
        self.tracked += 1 + len(lines) - before
        self.class_lines, self.method_lines, self.file = {}, {}, None
        if self.tracked > self.limits.max_tracked:
            self.end_package()

    def end_package(self) -> None:
        for lines in self.files.values():
            self.total += len(lines)
            for line in lines.values():
                self.covered += line.hit
                self.branches_covered += line.branches_covered
                self.branches += line.branches
        self.files, self.tracked = {}, 0


def recognise(head: Head) -> bool:
    """Say whether the root is Cobertura's `coverage`; Clover's holds a `project`, SonarQube's no rates."""
    return (
        head.root == "coverage"
        and "project" not in head.children
        and ("line-rate" in head.attributes or "packages" in head.children)
    )


def read(stream: BinaryIO, thresholds: Thresholds, limits: Limits) -> Claim:
    """Count the lines of a Cobertura report; raises `MalformedError` where it is no whole XML document."""
    report = _Report(limits)
    for event in xml_events(stream, limits):
        name = event.name
        if isinstance(event, Start):
            if event.depth == 1:
                if name != "coverage":
                    raise MalformedError(Code.BAD_SYNTAX, "the root element is not coverage")
                report.declared = event.attributes
            elif name == "line" and report.file is not None:
                report.add_line(event.attributes)
            elif name == "class":
                file = event.attributes.get("filename") or event.attributes.get("name") or ""
                report.file = file[: limits.max_text_chars]
            elif name == "method":
                report.in_method = True
        elif name == "class":
            report.end_class()
        elif name == "method":
            report.in_method = False
        elif name == "package":
            report.end_package()
    report.end_package()
    return _claim(report, thresholds)


def _line(attributes: Mapping[str, str]) -> _Line:
    said = attributes.get("condition-coverage")
    conditions = _CONDITIONS.search(said[:_MAX_CONDITION_CHARS]) if said else None
    total = int(conditions[2]) if conditions else 0
    covered = min(int(conditions[1]), total) if conditions else 0
    return _Line(_HIT.fullmatch(attributes.get("hits", "").strip()) is not None, covered, total)


def _claim(report: _Report, thresholds: Thresholds) -> Claim:
    evidence: JsonObject = {}
    if report.total:
        _put(evidence, report.covered, report.total, report.branches_covered, report.branches)
    else:
        _put_declared(evidence, report.declared)
    coverage = evidence.get("coverage")
    enough = isinstance(coverage, float) and coverage >= (thresholds.min_coverage or 0.0)
    return Claim(
        type=ClaimType.COVERAGE,
        name=TITLE,
        basis=Basis.MEASURED,
        passed=enough or thresholds.min_coverage is None,
        evidence=evidence,
    )


def _put(evidence: JsonObject, covered: int, total: int, branches_covered: int, branches: int) -> None:
    if total:
        evidence["coverage"] = percent(covered, total)
    evidence["linesCovered"], evidence["linesTotal"] = covered, total
    if branches:
        evidence["branchesCovered"], evidence["branchesTotal"] = branches_covered, branches


def _put_declared(evidence: JsonObject, declared: Mapping[str, str]) -> None:
    covered, total = count(declared.get("lines-covered")), count(declared.get("lines-valid"))
    rate = seconds(declared.get("line-rate"))
    if covered is not None and total is not None and covered <= total:
        branches_covered, branches = (
            count(declared.get("branches-covered")),
            count(declared.get("branches-valid")),
        )
        _put(evidence, covered, total, min(branches_covered or 0, branches or 0), branches or 0)
    elif rate is not None and rate <= 1 and "line-rate" in declared and total != 0:
        evidence["coverage"] = round(100 * rate, 2)
    else:
        _put(evidence, 0, 0, 0, 0)
