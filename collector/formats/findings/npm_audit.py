"""npm audit JSON: `auditReportVersion` 2 of npm 7 and later, and the `advisories` of npm 6 and pnpm.

Each advisory is one finding for a package, however many versions, paths and dependants it reaches: version 2 by the
objects in `via` (texts there only point to another package), version 1 by the entries of `advisories`. What
`metadata.vulnerabilities` counts is something else, packages or paths, so it is no contradiction that it differs; but
where a package or the metadata says a worse severity than any advisory has, advisories are missing. Then the report is
not complete, as one without metadata and one of no dependency at all. What npm writes in place of a report when the
audit failed (no lock file, no answer of the registry) is a scan that failed: not passed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from collector.formats.claim import Severity
from collector.formats.findings.severities import severity_of_word
from collector.formats.findings.tally import Tally
from collector.formats.json_events import Kind, json_events
from shared.errors import Code, MalformedError

if TYPE_CHECKING:
    from collector.formats.claim import Claim, Thresholds
    from collector.formats.head import Head
    from collector.formats.json_events import Event, Scalar
    from collector.formats.limits import Limits

TITLE = "npm audit"

_PACKAGES, _ADVISORIES = "vulnerabilities", "advisories"
_ENTRY, _VIA = 2, 4
"""The length of the path of an entry of either list, and of an item of its `via`."""
_METADATA = ("metadata", "vulnerabilities")
_TOTALS = frozenset({("metadata", "dependencies", "total"), ("metadata", "totalDependencies")})
_FAILURES = frozenset({"ENOAUDIT", "ENOLOCK", "EAUDITGLOBAL", "EAUDITNOLOCK", "EAUDITNOPJSON"})
_LONGEST = 300
_KEPT = frozenset(
    {"severity", "title", "url", "source", "name", "module_name", "github_advisory_id", "patched_versions"}
)
_NO_FIX = frozenset({None, "", "<0.0.0"})
_HINT = "make the report again with `npm audit --json`"


class _Advisory(NamedTuple):
    """One advisory for one package."""

    id: str
    severity: Severity
    fixable: bool
    message: str


@dataclass(slots=True)
class _Report:
    """What is known of the file so far; `fields` are the scalars of an open entry, or of an open item of `via`."""

    limits: Limits
    advisories: dict[tuple[str, str], _Advisory] = field(default_factory=dict)
    fields: dict[str, Scalar] = field(default_factory=dict)
    via: list[dict[str, Scalar]] = field(default_factory=list)
    is_fixable: bool = False
    said: set[Severity] = field(default_factory=set)
    has_list: bool = False
    has_metadata: bool = False
    dependencies: int = 0
    failed: bool = False


def recognise(head: Head) -> bool:
    """Say whether a report of either version begins, or what npm writes where an audit failed."""
    found = head.keys
    return (
        ("auditReportVersion",) in found
        or ((_ADVISORIES,) in found and any((key,) in found for key in ("actions", "muted", "metadata")))
        or ("actions", "[]", "resolves") in found
        or head.text("error", "code") in _FAILURES
        or "/-/npm/v1/security/" in head.text("uri")
    )


def read(stream: BinaryIO, thresholds: Thresholds, limits: Limits) -> Claim:
    """Count the advisories of a report; raises `MalformedError` where it is no whole one."""
    report = _Report(limits)
    for event in json_events(stream, limits):
        _take(report, event)
    tally = Tally(limits, succeeded=not report.failed)
    for advisory in report.advisories.values():
        tally.finding(advisory.id, advisory.severity, fixable=advisory.fixable, message=advisory.message)
    worst = min((advisory.severity.rank for advisory in report.advisories.values()), default=len(Severity))
    is_explained = all(severity.rank >= worst for severity in report.said)
    tally.complete = is_explained and report.has_list and report.has_metadata and report.dependencies > 0
    return tally.claim(TITLE, thresholds)


def _take(report: _Report, event: Event) -> None:
    path, kind = event.path, event.kind
    if path == ():
        if kind not in {Kind.MAP, Kind.MAP_END}:
            raise MalformedError(Code.BAD_SYNTAX, "the report is not an object", _HINT)
    elif path[0] in {_PACKAGES, _ADVISORIES}:
        _take_entry(report, event)
    elif path[0] == "error" or path == ("statusCode",):
        report.failed = report.failed or kind is not Kind.VALUE or event.value is not None
    elif path == _METADATA:
        report.has_metadata = report.has_metadata or kind is Kind.MAP
    elif path in _TOTALS:
        report.dependencies = event.value if isinstance(event.value, int) else 0
    elif path[:2] == _METADATA and path[-1] != "total" and event.value != 0:
        report.said.add(severity_of_word(path[-1]))


def _take_entry(report: _Report, event: Event) -> None:
    path, kind = event.path, event.kind
    if len(path) <= _ENTRY:
        report.has_list = True
        if kind is Kind.MAP_END and len(path) == _ENTRY:
            _end_entry(report, str(path[0]), str(path[1]))
        elif kind is Kind.MAP_END:
            return
        elif kind is not Kind.MAP:
            raise MalformedError(Code.BAD_SYNTAX, f"/{path[0]}, or an entry of it, is not an object", _HINT)
        report.fields, report.via, report.is_fixable = {}, [], False
    elif path[2:] == ("fixAvailable",):
        report.is_fixable = report.is_fixable or kind is Kind.MAP or event.value is True
    elif path[0] == _PACKAGES and path[2] == "via":
        _take_via(report, event)
    elif len(path) == _ENTRY + 1 and kind is Kind.VALUE and path[-1] in _KEPT:
        report.fields[str(path[-1])] = _cut(event.value)


def _take_via(report: _Report, event: Event) -> None:
    if len(event.path) == _VIA and event.kind is Kind.MAP:
        report.via.append({})
        _bound(report, len(report.via))
    elif len(event.path) == _VIA + 1 and event.kind is Kind.VALUE and report.via and event.path[-1] in _KEPT:
        report.via[-1][str(event.path[-1])] = _cut(event.value)
    elif len(event.path) == _VIA - 1 and event.kind not in {Kind.ARRAY, Kind.ARRAY_END}:
        raise MalformedError(Code.BAD_SYNTAX, "the via of a package is not an array", _HINT)


def _end_entry(report: _Report, kind: str, key: str) -> None:
    fields = report.fields
    if kind == _PACKAGES:
        report.said.add(severity_of_word(fields.get("severity")))
        for via in report.via:
            _add(report, str(via.get("name") or key), str(via.get("source", "")), via, is_fixable=report.is_fixable)
    else:
        is_fixable = fields.get("patched_versions") not in _NO_FIX
        _add(report, str(fields.get("module_name", "")), key, fields, is_fixable=is_fixable)


def _add(report: _Report, package: str, number: str, said: dict[str, Scalar], *, is_fixable: bool) -> None:
    url = str(said.get("url") or "")
    name = url.rpartition("/")[2] if "/GHSA-" in url else str(said.get("github_advisory_id") or number)
    found = _Advisory(name, severity_of_word(said.get("severity")), is_fixable, f"{package}: {said.get('title') or ''}")
    known = report.advisories.get((package, name))
    if known is None or found.severity.rank < known.severity.rank:
        report.advisories[package, name] = found
        _bound(report, len(report.advisories))


def _bound(report: _Report, number: int) -> None:
    if number > report.limits.max_tracked:
        raise MalformedError(Code.TOO_LARGE, f"there are more than {report.limits.max_tracked} advisories")


def _cut(value: Scalar) -> Scalar:
    return value[:_LONGEST] if isinstance(value, str) else value
