"""OpenCover XML (`CoverageSession`): OpenCover, AltCover and coverlet.

Rules that are ours:

* A line counts where a sequence point begins (`sl`), and is covered if any point that begins there was visited
  (`vc`); a source file in two modules is one file.
* Branch points belong to the line they begin at, else to the first line of their method.
* Only where there is no point at all, the summary of the session is taken: its points for lines.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

from collector.formats.coverage.tally import Sums, Tally
from collector.formats.numbers import count
from collector.formats.xml_events import Start, xml_events
from shared.errors import Code, MalformedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from collector.formats.claim import Claim, Thresholds
    from collector.formats.head import Head
    from collector.formats.limits import Limits

TITLE = "OpenCover"

_OF_SESSION = 2
"""Depth of the summary of the session."""

_Place = tuple[str, int | None]


@dataclass(slots=True)
class _Line:
    """A line of the method that is open."""

    hit: bool = False
    branches_covered: int = 0
    branches: int = 0


@dataclass(slots=True)
class _Report:
    """What is known of the whole file so far: the files of the module by their number, and the method that is open."""

    limits: Limits
    tally: Tally
    files: dict[str, str] = field(default_factory=dict)
    file: str = ""
    lines: dict[_Place, _Line] = field(default_factory=dict)


def recognise(head: Head) -> bool:
    """Say whether the root is OpenCover's."""
    return head.root == "CoverageSession"


def read(stream: BinaryIO, thresholds: Thresholds, limits: Limits) -> Claim:
    """Count the lines of an OpenCover report; raises `MalformedError` where it is no whole XML document."""
    report = _Report(limits, Tally(limits))
    for event in xml_events(stream, limits):
        if isinstance(event, Start):
            _start(report, event)
        elif event.name == "Method":
            _end_method(report)
    _end_method(report)
    return report.tally.claim(TITLE, thresholds)


def _start(report: _Report, event: Start) -> None:
    name, attributes = event.name, event.attributes
    if event.depth == 1 and name != "CoverageSession":
        raise MalformedError(Code.BAD_SYNTAX, "the root element is not CoverageSession")
    if name == "Module":
        report.files.clear()
    elif name == "File":
        _file(report, attributes)
    elif name == "Method":
        _end_method(report)
        report.file = ""
    elif name == "FileRef":
        report.file = attributes.get("uid", "")
    elif name == "SequencePoint":
        line = report.lines.setdefault(_place(report, attributes), _Line())
        line.hit = line.hit or _is_visited(attributes)
        _check(report, report.lines, "lines in a method")
    elif name == "BranchPoint" and report.lines:
        line = report.lines.get(_place(report, attributes)) or next(iter(report.lines.values()))
        line.branches += 1
        line.branches_covered += _is_visited(attributes)
    elif name == "Summary" and event.depth == _OF_SESSION:
        _declare(report.tally, attributes)


def _file(report: _Report, attributes: Mapping[str, str]) -> None:
    path = attributes.get("fullPath", "")[: report.limits.max_text_chars]
    report.files[attributes.get("uid", "")[: report.limits.max_text_chars]] = path
    _check(report, report.files, "files in a module")


def _place(report: _Report, attributes: Mapping[str, str]) -> _Place:
    uid = attributes.get("fileid", report.file)
    return report.files.get(uid, ""), count(attributes.get("sl"))


def _is_visited(attributes: Mapping[str, str]) -> bool:
    return (count(attributes.get("vc")) or 0) > 0


def _end_method(report: _Report) -> None:
    for (path, number), line in report.lines.items():
        report.tally.line(path, number, hit=line.hit, branches_covered=line.branches_covered, branches=line.branches)
    report.lines.clear()


def _check(report: _Report, held: Mapping[str, str] | Mapping[_Place, _Line], what: str) -> None:
    if len(held) > report.limits.max_tracked:
        raise MalformedError(Code.TOO_LARGE, f"there are more than {report.limits.max_tracked} {what}")


def _declare(tally: Tally, attributes: Mapping[str, str]) -> None:
    total, covered = count(attributes.get("numSequencePoints")), count(attributes.get("visitedSequencePoints"))
    branches = count(attributes.get("numBranchPoints")) or 0
    if total is not None and covered is not None and covered <= total:
        visited = min(count(attributes.get("visitedBranchPoints")) or 0, branches)
        tally.declared = Sums(covered, total, visited, branches)
