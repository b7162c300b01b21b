"""govulncheck JSON (`govulncheck -format json`, protocol v1): each vulnerability once, at its most exact level.

The tool reports one vulnerability at up to three levels: its module is required, its package is imported, its symbol is
called. The Go database has no severities. So in a scan for symbols what is called is high, what is imported medium and
what is only required low: the tool itself fails on calls alone. A scan at another level cannot tell, and there all is
high.

The stream has no end mark: a file cut between two messages reads as whole. What shows that a scan came as far as its
verdict is the progress message "Checking ...", which follows the download of the database; a stream without it is not
complete (a database out of reach and a program that does not build leave such a file, as queries do, and releases up to
1.0.1, which did not say it). A process that was killed between the check of the imports and that of the calls cannot be
told from one that found no calls; its exit code can, and `fail_on = "medium"` does not wait for it. An array around the
messages (`jq -s`) is read too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from collector.formats.claim import Severity
from collector.formats.findings.tally import Tally
from collector.formats.json_events import EACH, Kind
from collector.formats.json_stream import json_stream
from shared.errors import Code, MalformedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from collector.formats.claim import Claim, Thresholds
    from collector.formats.head import Head
    from collector.formats.json_events import Event, Path, Scalar
    from collector.formats.limits import Limits

TITLE = "govulncheck"

_FINDING: Path = ("finding",)
_FRAME: Path = (*_FINDING, "trace", EACH)
_KEPT = frozenset({"osv", "fixed_version", "module", "package", "function"})
_MESSAGE: Path = ("progress", "message")
_CHECKING = "Checking "
_SYMBOL = "symbol"
_HINT = "make the report again with `govulncheck -format json`"


class _Found(NamedTuple):
    """A vulnerability at one level, most exact first; `severity` is what that level says in a scan for symbols."""

    severity: Severity
    is_fixable: bool
    module: str


@dataclass(slots=True)
class _Report:
    """What is known of the stream so far, and of the message that is read."""

    limits: Limits
    level: Scalar = None
    tool: dict[str, str] = field(default_factory=dict)
    was_checked: bool = False
    found: dict[str, _Found] = field(default_factory=dict)
    finding: dict[str | int, Scalar] = field(default_factory=dict)


def recognise(head: Head) -> bool:
    """Say whether the first message is the configuration of a scan."""
    return any((*message, "config", "protocol_version") in head.keys for message in ((), ("[]",)))


def read(stream: BinaryIO, thresholds: Thresholds, limits: Limits) -> Claim:
    """Count the vulnerabilities of a stream of messages; raises `MalformedError` where it is no whole one."""
    report = _Report(limits)
    for event in _messages(stream, limits):
        _take(report, event)
    tally = Tally(limits, complete=report.was_checked)
    tally.tool, tally.tool_version = report.tool.get("scanner_name"), report.tool.get("scanner_version")
    for osv, found in report.found.items():
        severity = found.severity if report.level == _SYMBOL else Severity.HIGH
        tally.finding(osv, severity, fixable=found.is_fixable, message=found.module)
    return tally.claim(TITLE, thresholds)


def _messages(stream: BinaryIO, limits: Limits) -> Iterator[Event]:
    """Yield the events of all messages, with the paths that they have in their message."""
    is_array = False
    for number, value in enumerate(json_stream(stream, limits)):
        if is_array:
            raise MalformedError(Code.BAD_SYNTAX, "something follows behind the array of messages", _HINT)
        for event in value:
            if event.path == () and event.kind in {Kind.ARRAY, Kind.ARRAY_END} and number == 0:
                is_array = True
                continue
            path = event.path[1:] if is_array else event.path
            if path == () and event.kind not in {Kind.MAP, Kind.MAP_END}:
                raise MalformedError(Code.BAD_SYNTAX, "a message is not an object", _HINT)
            yield event._replace(path=path)


def _take(report: _Report, event: Event) -> None:
    path, kind = event.path, event.kind
    if path[:1] == ("finding",):
        if path == _FINDING:
            if kind is Kind.MAP_END:
                _end_finding(report)
            elif kind is not Kind.MAP:
                raise MalformedError(Code.BAD_SYNTAX, "a finding is not an object", _HINT)
            report.finding = {}
        elif kind is Kind.VALUE and path[:-1] in {_FINDING, _FRAME} and path[-1] in _KEPT:
            report.finding.setdefault(path[-1], event.value)
    elif path == _MESSAGE:
        report.was_checked = report.was_checked or str(event.value).startswith(_CHECKING)
    elif path[:1] == ("config",) and len(path) == len(("config", "scan_level")):
        if path[-1] == "scan_level":
            report.level = event.value
        elif path[-1] in {"scanner_name", "scanner_version"} and isinstance(event.value, str):
            report.tool[str(path[-1])] = event.value


def _end_finding(report: _Report) -> None:
    """Keep a finding where it is more exact than what is known; one without any level counts as called."""
    said = report.finding
    osv = str(said.get("osv") or "")[: report.limits.max_text_chars]
    module = str(said.get("module") or "")[: report.limits.max_text_chars]
    severity = Severity.HIGH
    if not said.get("function"):
        severity = Severity.MEDIUM if said.get("package") else Severity.LOW if module else Severity.HIGH
    found = _Found(severity, bool(said.get("fixed_version")), module)
    known = report.found.get(osv)
    if known is None or found.severity.rank < known.severity.rank:
        report.found[osv] = found
    if len(report.found) > report.limits.max_tracked:
        raise MalformedError(Code.TOO_LARGE, f"more than {report.limits.max_tracked} vulnerabilities are found")
