"""SARIF 2.1.0 (OASIS): findings of static analysers and scanners, by severity, over all runs of a file.

Severity of a result: the `security-severity` of the result, else of its rule (9 critical, 7 high, 4 medium,
above 0 low, 0 info); else its `level`, else the default level of its rule, else "warning" (section
3.27.10): error high, warning medium, note low, none info. A level that SARIF does not know counts as error.

* `kind` (3.27.9): `pass` and `notApplicable` are no findings; `informational`, `open` and `review` have
  level none, so they are info, and the latter two are also counted as `undecided`.
* Suppressed results (3.27.23) are not counted but said, unless a suppression is under review, rejected or
  unknown. Results that a baseline calls `absent` are gone and not counted.
* A run without `results`, or with results in other files, has scanned nothing that can be seen here
  (3.14.23), and a file without a run nothing at all: not passed, and the evidence says so. So is one whose
  tool says that it failed.
* `ruleConfigurationOverrides` (3.20.5) are not applied.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from collector.formats.findings.sarif_rules import REPORTED_FIELDS, Reported, Rules, severity
from collector.formats.findings.tally import LISTED, MESSAGE_CHARS, Tally
from collector.formats.json_events import EACH, Event, Kind, json_events
from collector.formats.times import moment
from shared.errors import Code, MalformedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from collector.formats.claim import Claim, Severity, Thresholds
    from collector.formats.head import Head
    from collector.formats.json_events import Path, Scalar
    from collector.formats.limits import Limits
    from shared.encoding import JsonValue

TITLE = "SARIF"
VERSION = "2.1.0"

_RUN: Path = ("runs", EACH)
_RESULTS: Path = (*_RUN, "results")
_RESULT: Path = (*_RESULTS, EACH)
_SUPPRESSION: Path = (*_RESULT, "suppressions", EACH)
_SUPPRESSION_STATUS: Path = (*_SUPPRESSION, "status")
_MESSAGE: Path = ("message", "text")
_FILE: Path = ("locations", EACH, "physicalLocation", "artifactLocation", "uri")
_LINE: Path = ("locations", EACH, "physicalLocation", "region", "startLine")
_FIELDS: frozenset[Path] = REPORTED_FIELDS | {("kind",), ("baselineState",), _MESSAGE, _FILE, _LINE}
_DRIVER: Path = (*_RUN, "tool", "driver")
_EXTENSION: Path = (*_RUN, "tool", "extensions", EACH)
_EXTERNAL: Path = (*_RUN, "externalPropertyFileReferences", "results")
_SUCCESS: Path = (*_RUN, "invocations", EACH, "executionSuccessful")
_ENDED: Path = (*_RUN, "invocations", EACH, "endTimeUtc")
_LONGEST = max(len(_EXTENSION) + len(("rules", EACH, "defaultConfiguration", "level")), len(_RESULT) + len(_FILE))

_MARKS = (("runs", "[]", "tool"), ("runs", "[]", "results"))
_NO_FINDING = frozenset({"pass", "notApplicable"})
_NO_LEVEL = frozenset({"informational", "open", "review"})
_UNDECIDED = frozenset({"open", "review"})
_HINT = "make the report again as SARIF 2.1.0"


class _Shown(NamedTuple):
    """One of the first results: what its severity depends on, where it is and what it says."""

    reported: Reported
    path: str | None
    line: int | None
    message: str | None


@dataclass(slots=True)
class _Run:
    """One run while it is read; its rules may stand behind its results, so these are judged at its end."""

    rules: Rules
    results: Counter[Reported] = field(default_factory=Counter)
    shown: list[_Shown] = field(default_factory=list)
    has_results: bool = False
    external: bool = False
    result: dict[Path, Scalar] = field(default_factory=dict)
    suppression: Scalar = None
    suppressions: set[bool] = field(default_factory=set)


@dataclass(slots=True)
class _Report:
    """What is known of the whole file so far."""

    limits: Limits
    tally: Tally
    version: Scalar = None
    tool: dict[str, str] = field(default_factory=dict)
    runs: int = 0
    runs_without_results: int = 0
    run: _Run | None = None


def recognise(head: Head) -> bool:
    """Say whether the top of the document has SARIF's version, names its schema, or begins with its runs."""
    return "sarif" in head.text("$schema").lower() or (
        ("runs",) in head.keys and (head.text("version").startswith("2.") or any(path in head.keys for path in _MARKS))
    )


def read(stream: BinaryIO, thresholds: Thresholds, limits: Limits) -> Claim:
    """Count the results of a SARIF log; raises `MalformedError` where it is no whole SARIF 2.1.0 document."""
    report = _Report(limits, Tally(limits))
    for event in json_events(stream, limits):
        if len(event.path) <= _LONGEST:
            _take(report, event)
    if report.version != VERSION:
        raise MalformedError(Code.BAD_SYNTAX, "the version of this SARIF log is not 2.1.0", _HINT)
    return _claim(report, thresholds)


def _take(report: _Report, event: Event) -> None:
    path, run = event.path, report.run
    if path[:2] != _RUN:
        _take_top(report, event)
    elif path == _RUN:
        _start_or_end_run(report, event)
    elif run is None:
        return
    elif path[:3] == _RESULTS:
        _take_result(report, run, event)
    elif path[:4] == _DRIVER:
        if event.kind is Kind.VALUE and len(path) == len(_DRIVER) + 1 and report.runs == 1:
            _take_tool(report, str(path[-1]), event.value)
        run.rules.take(-1, path[len(_DRIVER) :], event)
    elif path[:5] == _EXTENSION:
        if path == _EXTENSION and event.kind is Kind.MAP:
            run.rules.extensions += 1
        run.rules.take(run.rules.extensions - 1, path[len(_EXTENSION) :], event)
    elif path[:4] == _EXTERNAL:
        run.external = True
    elif path == _SUCCESS and event.value is False:
        report.tally.succeeded = False
    elif path == _ENDED and report.tally.reported_at is None:
        report.tally.reported_at = moment(event.value)


def _take_top(report: _Report, event: Event) -> None:
    if event.path == ("version",):
        report.version = event.value
    elif event.path == () and event.kind not in {Kind.MAP, Kind.MAP_END}:
        raise MalformedError(Code.BAD_SYNTAX, "a SARIF log is one object", _HINT)
    elif event.path == ("runs",) and event.kind not in {Kind.ARRAY, Kind.ARRAY_END}:
        raise MalformedError(Code.BAD_SYNTAX, "/runs is not an array", _HINT)


def _take_tool(report: _Report, name: str, value: Scalar) -> None:
    if name in {"name", "version", "semanticVersion"} and isinstance(value, str):
        report.tool[name] = value[: report.limits.max_text_chars]


def _start_or_end_run(report: _Report, event: Event) -> None:
    if event.kind is Kind.MAP:
        report.runs += 1
        report.run = _Run(Rules(report.limits))
    elif event.kind is Kind.MAP_END and report.run is not None:
        _end_run(report, report.run)
        report.run = None
    else:
        raise MalformedError(Code.BAD_SYNTAX, "an item of /runs is not an object", _HINT)


def _end_run(report: _Report, run: _Run) -> None:
    report.runs_without_results += run.external or not run.has_results
    for reported, number in run.results.items():
        report.tally.count(*_judged(run, reported), number)
    for shown in run.shown:
        report.tally.show(*_judged(run, shown.reported), path=shown.path, line=shown.line, message=shown.message)


def _judged(run: _Run, reported: Reported) -> tuple[str, Severity]:
    rule = run.rules.find(reported)
    return reported.rule_id or (rule.id if rule else ""), severity(reported, rule)


def _take_result(report: _Report, run: _Run, event: Event) -> None:
    path = event.path
    if path == _RESULTS:
        run.has_results = run.has_results or event.kind is Kind.ARRAY
        if event.kind in {Kind.MAP, Kind.MAP_END} or (event.kind is Kind.VALUE and event.value is not None):
            raise MalformedError(Code.BAD_SYNTAX, "the results of a run are not an array", _HINT)
    elif path == _RESULT:
        if event.kind is Kind.MAP:
            run.result, run.suppressions = {}, set()
        elif event.kind is Kind.MAP_END:
            _end_result(report, run)
        else:
            raise MalformedError(Code.BAD_SYNTAX, "an item of results is not an object", _HINT)
    elif path == _SUPPRESSION:
        if event.kind is Kind.MAP_END:
            run.suppressions.add(run.suppression == "accepted")
        run.suppression = "accepted"
    elif path == _SUPPRESSION_STATUS:
        run.suppression = event.value
    elif event.kind is Kind.VALUE and path[len(_RESULT) :] in _FIELDS:
        run.result.setdefault(path[len(_RESULT) :], event.value)


def _end_result(report: _Report, run: _Run) -> None:
    result = run.result
    kind = result.get(("kind",), "fail")
    if kind in _NO_FINDING or result.get(("baselineState",)) == "absent":
        return
    if run.suppressions == {True}:
        report.tally.suppressed += 1
        return
    report.tally.undecided += kind in _UNDECIDED
    reported = Reported.of(result, report.limits, levelless=kind in _NO_LEVEL)
    if len(run.shown) < LISTED:
        run.shown.append(_shown(reported, result, report.limits))
    run.results[reported] += 1
    if len(run.results) > report.limits.max_tracked:
        raise MalformedError(Code.TOO_LARGE, f"more than {report.limits.max_tracked} rules have results")


def _shown(reported: Reported, result: Mapping[Path, Scalar], limits: Limits) -> _Shown:
    path, line, message = result.get(_FILE), result.get(_LINE), result.get(_MESSAGE)
    return _Shown(
        reported,
        path[: limits.max_text_chars] if isinstance(path, str) else None,
        line if isinstance(line, int) and not isinstance(line, bool) else None,
        message[:MESSAGE_CHARS] if isinstance(message, str) else None,
    )


def _claim(report: _Report, thresholds: Thresholds) -> Claim:
    tally, tool = report.tally, report.tool
    tally.tool = tool.get("name")
    tally.tool_version = tool.get("version") or tool.get("semanticVersion")
    tally.complete = report.runs > 0 and not report.runs_without_results
    more: dict[str, JsonValue] = {"runs": report.runs}
    if report.runs_without_results:
        more["runsWithoutResults"] = report.runs_without_results
    return tally.claim(TITLE, thresholds, more)
