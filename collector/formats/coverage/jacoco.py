"""JaCoCo XML (report.dtd): JaCoCo of Maven, Gradle and Ant, and Kover, which writes the same.

Rules that are ours:

* What counts are the `line` elements of source files. A line is covered if any of its instructions was (`ci`), as in
  JaCoCo's own `LINE` counter; its branches are `mb` and `cb`.
* The same file in two modules (`group`) is two files.
* Only where there is no line at all, the `LINE` and `BRANCH` counters of the whole report are taken.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

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

TITLE = "JaCoCo"

_PLACES = frozenset({"group", "package"})
_IN_PLACES = frozenset({"package", "class", "sourcefile", "counter"})
_OF_COUNTERS = 2


@dataclass(slots=True)
class _Report:
    """What is known of the whole file so far: the groups and package that are open, and the source file."""

    tally: Tally
    places: list[str] = field(default_factory=list)
    file: str | None = None
    counters: dict[str, tuple[int, int]] = field(default_factory=dict)

    def start(self, name: str, attributes: Mapping[str, str], depth: int, _namespace: str) -> None:
        """Take the start of an element."""
        if depth == 1 and name != "report":
            raise MalformedError(Code.BAD_SYNTAX, "the root element is not report")
        if name == "line" and self.file is not None:
            _line(self.tally, self.file, attributes)
        elif name in _PLACES:
            self.places.append(attributes.get("name", "")[: self.tally.limits.max_text_chars])
        elif name == "sourcefile":
            self.file = "/".join(filter(None, (*self.places, attributes.get("name"))))
        elif name == "counter" and depth == _OF_COUNTERS:
            _counter(self, attributes)
        elif name == "sessioninfo":
            self.tally.reported_at = epoch(seconds(attributes.get("dump"))) or self.tally.reported_at

    def end(self, name: str, _text: str, _depth: int) -> None:
        """Take the end of an element."""
        if name in _PLACES and self.places:
            self.places.pop()
        elif name == "sourcefile":
            self.file = None


def recognise(head: Head) -> bool:
    """Say whether the root is a `report` of sessions, packages and counters."""
    if head.root != "report":
        return False
    if not head.children.isdisjoint({"sessioninfo", "counter"}):
        return True
    return not head.children.isdisjoint(_PLACES) and not head.grandchildren.isdisjoint(_IN_PLACES)


def read(stream: BinaryIO, thresholds: Thresholds, limits: Limits) -> Claim:
    """Count the lines of a JaCoCo report; raises `MalformedError` where it is no whole XML document."""
    report = _Report(Tally(limits))
    read_xml(stream, report, limits)
    covered, total = report.counters.get("LINE", (0, 0))
    if total:
        report.tally.declared = Sums(covered, total, *report.counters.get("BRANCH", (0, 0)))
    return report.tally.claim(TITLE, thresholds)


def _line(tally: Tally, file: str, attributes: Mapping[str, str]) -> None:
    missed, covered = count(attributes.get("mb")) or 0, count(attributes.get("cb")) or 0
    is_hit = (count(attributes.get("ci")) or 0) > 0
    tally.line(file, count(attributes.get("nr")), hit=is_hit, branches_covered=covered, branches=missed + covered)


def _counter(report: _Report, attributes: Mapping[str, str]) -> None:
    missed, covered = count(attributes.get("missed")), count(attributes.get("covered"))
    kind = attributes.get("type", "")
    if missed is not None and covered is not None and kind in {"LINE", "BRANCH"}:
        report.counters[kind] = covered, missed + covered
