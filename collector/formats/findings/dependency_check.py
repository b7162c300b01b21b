"""OWASP Dependency-Check's reports, as JSON and as XML: the vulnerabilities of each dependency.

A vulnerability counts by the word for its severity, else by the worst of its CVSS scores (JSON before version 8 has no
word where it has scores), else as high. Suppressed vulnerabilities are said beside. A report without a dependency, or
with exceptions of the analysis, has not seen all there is, and is not passed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

from collector.formats.claim import Severity
from collector.formats.findings.items import Item, items, keys
from collector.formats.findings.severities import severity_of_score, severity_of_word
from collector.formats.findings.tally import Tally
from collector.formats.json_events import EACH, Kind
from collector.formats.times import moment
from collector.formats.xml_events import Start, xml_events

if TYPE_CHECKING:
    from collections.abc import Sequence

    from collector.formats.claim import Claim, Thresholds
    from collector.formats.head import Head
    from collector.formats.json_events import Event, Path, Scalar
    from collector.formats.limits import Limits
    from collector.formats.xml_events import End

TITLE = "Dependency-Check"

_DEPENDENCY: Path = ("dependencies", EACH)
_VULNERABILITY: Path = (*_DEPENDENCY, "vulnerabilities", EACH)
_SUPPRESSED: Path = (*_DEPENDENCY, "suppressedVulnerabilities", EACH)
_EXCEPTION: Path = ("scanInfo", "analysisExceptions", EACH)
_SCORES: tuple[Path, ...] = (("cvssv4", "baseScore"), ("cvssv3", "baseScore"), ("cvssv2", "score"))
_PLACES = {
    _VULNERABILITY: keys("name", "severity") | frozenset(_SCORES),
    _SUPPRESSED: keys(),
    _EXCEPTION: keys(),
}
_XML_SCORES = frozenset({"baseScore", "score"})
_XML_TEXTS = frozenset({"engineVersion", "reportDate", "fileName", "name", "severity"}) | _XML_SCORES
_DEPENDENCY_DEPTH = 3


def recognise_json(head: Head) -> bool:
    """Say whether a version of the schema and the scan or its dependencies stand at the top."""
    return ("reportSchema",) in head.keys and any((key,) in head.keys for key in ("scanInfo", "dependencies"))


def recognise_xml(head: Head) -> bool:
    """Say whether the root is an analysis, in the tool's namespace or with its account of the scan."""
    namespace = head.namespace.lower()
    return head.root == "analysis" and (
        ("dependency" in namespace and "check" in namespace) or {"scanInfo", "dependencies"} <= head.children
    )


def read_json(stream: BinaryIO, thresholds: Thresholds, limits: Limits) -> Claim:
    """Count the vulnerabilities of a JSON report; raises `MalformedError` where it is no whole one."""
    report = _Report(Tally(limits, tool=TITLE))
    for event in items(stream, limits, _PLACES):
        if not isinstance(event, Item):
            _take_event(report, event)
        elif event.place == _EXCEPTION:
            report.tally.complete = False
        elif event.place == _SUPPRESSED:
            report.tally.suppressed += 1
        else:
            report.vulnerability(event.text("name"), event.first("severity"), [event.first(*path) for path in _SCORES])
    return report.claim(thresholds)


def _take_event(report: _Report, event: Event) -> None:
    if event.path == _DEPENDENCY and event.kind is Kind.MAP:
        report.start_dependency()
    elif event.path == (*_DEPENDENCY, "fileName") and isinstance(event.value, str):
        report.file = event.value
    elif event.path == ("scanInfo", "engineVersion") and isinstance(event.value, str):
        report.tally.tool_version = event.value
    elif event.path == ("projectInfo", "reportDate"):
        report.tally.reported_at = moment(event.value)


def read_xml(stream: BinaryIO, thresholds: Thresholds, limits: Limits) -> Claim:
    """Count the vulnerabilities of an XML report; raises `MalformedError` where it is no whole one."""
    report = _Report(Tally(limits, tool=TITLE))
    found = _Found()
    for event in xml_events(stream, limits, text_of=_XML_TEXTS):
        if not isinstance(event, Start):
            _take_end(report, found, event)
        elif event.name == "vulnerability":
            report.tally.complete = report.tally.complete and not found.depth
            found.depth, found.name, found.severity = event.depth, "", None
            found.scores.clear()
        elif event.name == "suppressedVulnerability":
            report.tally.suppressed += 1
        elif event.name == "exception":
            report.tally.complete = False
        elif event.name == "dependency" and event.depth == _DEPENDENCY_DEPTH:
            report.start_dependency()
    return report.claim(thresholds)


@dataclass(slots=True)
class _Found:
    """The vulnerability that is open: at what depth (0 for none), and what was said of it."""

    depth: int = 0
    name: str = ""
    severity: str | None = None
    scores: list[Scalar] = field(default_factory=list)


def _take_end(report: _Report, found: _Found, event: End) -> None:
    if found.depth == event.depth:
        report.vulnerability(found.name, found.severity, found.scores)
        found.depth = 0
    elif found.depth == event.depth - 1 and event.name == "name":
        found.name = event.text
    elif found.depth == event.depth - 1 and event.name == "severity":
        found.severity = event.text or None
    elif found.depth == event.depth - 2 and event.name in _XML_SCORES:
        found.scores.append(event.text)
    elif event.name == "fileName" and event.depth == _DEPENDENCY_DEPTH + 1:
        report.file = event.text
    elif event.name == "engineVersion":
        report.tally.tool_version = event.text
    elif event.name == "reportDate":
        report.tally.reported_at = moment(event.text)


@dataclass(slots=True)
class _Report:
    """What is known of a report of either spelling so far."""

    tally: Tally
    has_dependency: bool = False
    file: str | None = None

    def start_dependency(self) -> None:
        self.has_dependency, self.file = True, None

    def vulnerability(self, name: str, word: Scalar, scores: Sequence[Scalar]) -> None:
        """Count one vulnerability of the dependency that is open: its name, the word for its severity, its scores."""
        known = [severity_of_score(score) for score in scores if score is not None]
        severity = min(known, key=lambda level: level.rank, default=Severity.HIGH)
        self.tally.finding(name, severity if word in {None, ""} else severity_of_word(word), path=self.file)

    def claim(self, thresholds: Thresholds) -> Claim:
        self.tally.complete = self.tally.complete and self.has_dependency
        return self.tally.claim(TITLE, thresholds)
