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
from typing import TYPE_CHECKING, BinaryIO

from collector.formats.claim import Basis, Claim, ClaimType, Severity, cut_list
from collector.formats.json_events import EACH, Event, Kind, json_events
from collector.formats.sarif_rules import REPORTED_FIELDS, Reported, Rules, severity
from shared.errors import Code, MalformedError

if TYPE_CHECKING:
    from collector.formats.claim import Thresholds
    from collector.formats.head import Head
    from collector.formats.json_events import Path, Scalar
    from collector.formats.limits import Limits
    from shared.encoding import JsonObject, JsonValue

TITLE = "SARIF"
VERSION = "2.1.0"
LISTED = 200

_RUN: Path = ("runs", EACH)
_RESULTS: Path = (*_RUN, "results")
_RESULT: Path = (*_RESULTS, EACH)
_SUPPRESSION: Path = (*_RESULT, "suppressions", EACH)
_SUPPRESSION_STATUS: Path = (*_SUPPRESSION, "status")
_FIELDS: frozenset[Path] = REPORTED_FIELDS | {("kind",), ("baselineState",)}
_DRIVER: Path = (*_RUN, "tool", "driver")
_EXTENSION: Path = (*_RUN, "tool", "extensions", EACH)
_EXTERNAL: Path = (*_RUN, "externalPropertyFileReferences", "results")
_SUCCESS: Path = (*_RUN, "invocations", EACH, "executionSuccessful")
_LONGEST = len(_EXTENSION) + len(("rules", EACH, "defaultConfiguration", "level"))

_MARKS = (("runs", "[]", "tool"), ("runs", "[]", "results"))
_NO_FINDING = frozenset({"pass", "notApplicable"})
_NO_LEVEL = frozenset({"informational", "open", "review"})
_UNDECIDED = frozenset({"open", "review"})
_HINT = "make the report again as SARIF 2.1.0"


@dataclass(slots=True)
class _Run:
    """One run while it is read; its rules may stand behind its results, so these are judged at its end."""

    rules: Rules
    results: Counter[Reported] = field(default_factory=Counter)
    has_results: bool = False
    external: bool = False
    result: dict[Path, Scalar] = field(default_factory=dict)
    suppression: Scalar = None
    suppressions: set[bool] = field(default_factory=set)


@dataclass(slots=True)
class _Report:
    """What is known of the whole file so far."""

    limits: Limits
    version: Scalar = None
    tool: dict[str, str] = field(default_factory=dict)
    runs: int = 0
    runs_without_results: int = 0
    failed: bool = False
    suppressed: int = 0
    undecided: int = 0
    findings: Counter[tuple[Severity, str]] = field(default_factory=Counter)
    run: _Run | None = None


def recognise(head: Head) -> bool:
    """Say whether the top of the document has SARIF's version, names its schema, or begins with its runs."""
    return "sarif" in head.text("$schema").lower() or (
        ("runs",) in head.keys and (head.text("version").startswith("2.") or any(path in head.keys for path in _MARKS))
    )


def read(stream: BinaryIO, thresholds: Thresholds, limits: Limits) -> Claim:
    """Count the results of a SARIF log; raises `MalformedError` where it is no whole SARIF 2.1.0 document."""
    report = _Report(limits)
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
        report.failed = True


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
        rule = run.rules.find(reported)
        found = severity(reported, rule)
        rule_id = reported.rule_id or (rule.id if rule else "")
        report.findings[found, rule_id] += number
        _check_tracked(report, len(report.findings))


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
        run.result[path[len(_RESULT) :]] = event.value


def _end_result(report: _Report, run: _Run) -> None:
    result = run.result
    kind = result.get(("kind",), "fail")
    if kind in _NO_FINDING or result.get(("baselineState",)) == "absent":
        return
    if run.suppressions == {True}:
        report.suppressed += 1
        return
    report.undecided += kind in _UNDECIDED
    run.results[Reported.of(result, report.limits, levelless=kind in _NO_LEVEL)] += 1
    _check_tracked(report, len(run.results))


def _check_tracked(report: _Report, number: int) -> None:
    if number > report.limits.max_tracked:
        raise MalformedError(Code.TOO_LARGE, f"more than {report.limits.max_tracked} rules have results")


def _claim(report: _Report, thresholds: Thresholds) -> Claim:
    evidence: JsonObject = {level.value: 0 for level in Severity}
    for (level, _), number in report.findings.items():
        evidence[level.value] = number + int(str(evidence[level.value]))
    evidence |= {"total": report.findings.total(), "suppressed": report.suppressed, "runs": report.runs}
    listed = sorted(report.findings.items(), key=lambda item: (item[0][0].rank, -item[1], item[0][1]))
    rules: list[JsonValue] = [
        {"id": rule, "severity": level.value, "count": number} for (level, rule), number in listed[:LISTED]
    ]
    cut_list(evidence, "rules", rules, len(listed))
    if report.undecided:
        evidence["undecided"] = report.undecided
    if report.runs_without_results:
        evidence["runsWithoutResults"] = report.runs_without_results
    if report.failed:
        evidence["executionSuccessful"] = False
    if tool := report.tool.get("name"):
        evidence["tool"] = tool
    if version := report.tool.get("version") or report.tool.get("semanticVersion"):
        evidence["toolVersion"] = version
    is_complete = report.runs > 0 and not report.runs_without_results and not report.failed
    return Claim(
        type=ClaimType.SECURITY_SCAN,
        name=report.tool.get("name") or TITLE,
        basis=Basis.MEASURED,
        passed=is_complete and not any(level.rank <= thresholds.fail_on.rank for level, _ in report.findings),
        evidence=evidence,
    )
