"""Snyk JSON (`snyk test`, `snyk container test`, `snyk iac test` with `--json`): the issues of one project or of many.

Each vulnerable path and each issue of infrastructure as code is a finding, by the worse of the words for its severity
(older versions say critical in `severityWithCritical` alone). What is filtered by an ignore or a patch, and ignored
issues, are suppressed. Not passed is a report with a project that failed (an `error`, or not `ok` although nothing was
found that counts), that does not say whether it is `ok`, or that was told to leave out what `fail_on` is about
(`severityThreshold`); or a report without a project that has dependencies or is infrastructure as code. Snyk Code
writes SARIF.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from collector.formats.claim import Severity
from collector.formats.findings.items import Item, items, keys
from collector.formats.findings.severities import severity_of_word
from collector.formats.findings.tally import Tally
from collector.formats.json_events import EACH, Kind

if TYPE_CHECKING:
    from collector.formats.claim import Claim, Thresholds
    from collector.formats.head import Head
    from collector.formats.json_events import Event, Path, Scalar
    from collector.formats.limits import Limits

TITLE = "Snyk"

_ONE: Path = ()
_MANY: Path = (EACH,)
_APPLICATION: Path = ("applications", EACH)
_PROJECTS = (_ONE, _MANY, (*_ONE, *_APPLICATION), (*_MANY, *_APPLICATION))
_VULNERABILITIES, _ISSUES = "vulnerabilities", "infrastructureAsCodeIssues"
_FIXES = ("isUpgradable", "isPatchable", "isPinnable")
_WANTED = {
    (_VULNERABILITIES, EACH): keys(
        "id", "severity", "severityWithCritical", "packageName", "version", "title", *_FIXES
    ),
    (_ISSUES, EACH): keys("id", "severity", "title", "lineNumber", "isIgnored"),
    ("filtered", "ignore", EACH): keys(),
    ("filtered", "patch", EACH): keys(),
}
_PLACES = {(*project, *place): wanted for project in _PROJECTS for place, wanted in _WANTED.items()}
_VULNERABILITY_MARKS = ("isUpgradable", "isPatchable", "moduleName", "semver")


def recognise(head: Head) -> bool:
    """Say whether a project says if it is ok beside its issues, or begins with vulnerabilities as Snyk tells them."""
    found = head.keys
    if any(
        isinstance(found.get((*project, "ok")), bool)
        and any((*project, key) in found for key in (_VULNERABILITIES, _ISSUES, "error"))
        for project in ((), ("[]",))
    ):
        return True
    if any((_VULNERABILITIES, "[]", key) in found for key in _VULNERABILITY_MARKS):
        return True
    # Of the first of many projects with many vulnerabilities, nothing else is within the head.
    return {path[:2] for path in found} == {("[]", _VULNERABILITIES)}


def read(stream: BinaryIO, thresholds: Thresholds, limits: Limits) -> Claim:
    """Count the issues of a Snyk report; raises `MalformedError` where it is no whole one."""
    report = _Report(Tally(limits, tool=TITLE), thresholds)
    for event in items(stream, limits, _PLACES):
        if isinstance(event, Item):
            report.item(event)
        elif event.path in _PROJECTS and event.kind is Kind.MAP:
            report.open.append(_Project())
        elif event.path in _PROJECTS and event.kind is Kind.MAP_END:
            report.end(report.open.pop())
        elif event.path[:-1] in _PROJECTS and report.open:
            report.field(report.open[-1], event)
    report.tally.complete = report.tally.complete and report.has_content
    return report.tally.claim(TITLE, thresholds)


@dataclass(slots=True)
class _Project:
    """One project while it is read: what it says of itself, and what was seen in it."""

    ok: Scalar = None
    has_list: bool = False
    has_content: bool = False
    has_failed: bool = False
    has_issues: bool = False
    file: str | None = None


class _Report:
    """What is known of the report so far; an application stands in the project of its image."""

    def __init__(self, tally: Tally, thresholds: Thresholds) -> None:
        self.tally = tally
        self.open: list[_Project] = []
        self.has_content = False
        self._fail_on = thresholds.fail_on

    def field(self, project: _Project, event: Event) -> None:
        name, value = event.path[-1], event.value
        if event.kind is Kind.ARRAY:
            project.has_list = project.has_list or name in {_VULNERABILITIES, _ISSUES}
            project.has_content = project.has_content or name == _ISSUES
        elif name == "ok":
            project.ok = value
        elif name == "error":
            project.has_failed = project.has_failed or event.kind is not Kind.VALUE or bool(value)
        elif name == "dependencyCount":
            project.has_content = project.has_content or (isinstance(value, int) and value > 0)
        elif name == "severityThreshold" and value is not None:
            self.tally.complete = self.tally.complete and severity_of_word(value).rank >= self._fail_on.rank
        elif name == "targetFile" and isinstance(value, str):
            project.file = value

    def item(self, item: Item) -> None:
        project = self.open[-1]
        project.has_content = True
        if "filtered" in item.place or item.first("isIgnored") is True:
            self.tally.suppressed += 1
            return
        project.has_issues = True
        words = (item.first("severity"), item.first("severityWithCritical"))
        said = [severity_of_word(word) for word in words if word is not None]
        is_vulnerability = _VULNERABILITIES in item.place
        self.tally.finding(
            item.text("id"),
            min(said, key=lambda level: level.rank, default=Severity.HIGH),
            fixable=any(item.first(fix) is True for fix in _FIXES) if is_vulnerability else None,
            path=project.file,
            line=item.whole("lineNumber"),
            message=item.words("packageName", "version", "title"),
        )

    def end(self, project: _Project) -> None:
        if project.has_failed or (project.ok is False and not project.has_issues):
            self.tally.succeeded = False
        if not project.has_list or not isinstance(project.ok, bool):
            self.tally.complete = False
        self.has_content = self.has_content or project.has_content
