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

from collector.formats.findings.sarif_rules import REPORTED_FIELDS, RULE_FIELDS, Reported, Rules, scalar, severity
from collector.formats.findings.tally import LISTED, MESSAGE_CHARS, Tally
from collector.formats.json_events import EACH, Kind
from collector.formats.json_items import json_items
from collector.formats.json_places import ALL
from collector.formats.json_values import scalar_at
from collector.formats.times import moment
from shared.errors import Code, MalformedError

if TYPE_CHECKING:
    from collector.formats.claim import Claim, Severity, Thresholds
    from collector.formats.head import Head
    from collector.formats.json_events import Path
    from collector.formats.json_items import Piece
    from collector.formats.json_places import Places
    from collector.formats.limits import Limits
    from shared.encoding import JsonObject, JsonValue

TITLE = "SARIF"
VERSION = "2.1.0"

_RUN: Path = ("runs", EACH)
_RESULTS: Path = (*_RUN, "results")
_RESULT: Path = (*_RESULTS, EACH)
_MESSAGE: Path = ("message", "text")
_FILE: Path = ("locations", EACH, "physicalLocation", "artifactLocation", "uri")
_LINE: Path = ("locations", EACH, "physicalLocation", "region", "startLine")
_RESULT_FIELDS = {("kind",), ("baselineState",), ("suppressions", EACH, "status"), _MESSAGE, _FILE, _LINE}
_DRIVER: Path = (*_RUN, "tool", "driver")
_DRIVER_RULE: Path = (*_DRIVER, "rules", EACH)
_EXTENSION: Path = (*_RUN, "tool", "extensions", EACH)
_EXTENSION_RULE: Path = (*_EXTENSION, "rules", EACH)
_EXTERNAL: Path = (*_RUN, "externalPropertyFileReferences", "results")
_SUCCESS: Path = (*_RUN, "invocations", EACH, "executionSuccessful")
_ENDED: Path = (*_RUN, "invocations", EACH, "endTimeUtc")
_PLACES: Places = {
    ("version",): ALL,
    _RESULT: REPORTED_FIELDS | _RESULT_FIELDS,
    (*_DRIVER, "name"): ALL,
    (*_DRIVER, "version"): ALL,
    (*_DRIVER, "semanticVersion"): ALL,
    _DRIVER_RULE: RULE_FIELDS,
    _EXTENSION_RULE: RULE_FIELDS,
    _EXTERNAL: (),
    _SUCCESS: ALL,
    _ENDED: ALL,
}

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
    extension: int = -1


@dataclass(slots=True)
class _Report:
    """What is known of the whole file so far."""

    limits: Limits
    tally: Tally
    version: JsonValue = None
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
    for piece in json_items(stream, limits, _PLACES):
        _take(report, piece)
    if report.version != VERSION:
        raise MalformedError(Code.BAD_SYNTAX, "the version of this SARIF log is not 2.1.0", _HINT)
    return _claim(report, thresholds)


def _take(report: _Report, piece: Piece) -> None:
    path, value, run = piece.path, piece.value, report.run
    if path == ("version",):
        report.version = value
    elif path == ("runs",) and piece.kind is Kind.VALUE:
        raise MalformedError(Code.BAD_SYNTAX, "/runs is not an array", _HINT)
    elif path == () and piece.kind is Kind.VALUE:
        raise MalformedError(Code.BAD_SYNTAX, "a SARIF log is one object", _HINT)
    elif path == _RUN:
        _start_or_end_run(report, piece)
    elif run is None:
        return
    elif path == _RESULT:
        _take_result(report, run, value)
    elif path == _RESULTS:
        run.has_results = run.has_results or piece.kind is Kind.ARRAY
    elif piece.kind is Kind.VALUE:
        _take_about(report, run, piece)
    elif path == _EXTENSION and piece.kind is Kind.MAP:
        run.extension = int(piece.name)


def _take_about(report: _Report, run: _Run, piece: Piece) -> None:
    """Take what stands beside the results: the tool and its rules, the invocations."""
    path, value = piece.path, piece.value
    if path == _DRIVER_RULE:
        run.rules.add(-1, int(piece.name), value)
    elif path == _EXTENSION_RULE:
        run.rules.add(run.extension, int(piece.name), value)
    elif path[:-1] == _DRIVER:
        if report.runs == 1 and isinstance(value, str):
            report.tool[str(piece.name)] = value[: report.limits.max_text_chars]
    elif path == _EXTERNAL:
        run.external = True
    elif path == _SUCCESS and value is False:
        report.tally.succeeded = False
    elif path == _ENDED and report.tally.reported_at is None and isinstance(value, str):
        report.tally.reported_at = moment(value)


def _start_or_end_run(report: _Report, piece: Piece) -> None:
    if piece.kind is Kind.MAP:
        report.runs += 1
        report.run = _Run(Rules(report.limits))
    elif piece.kind is Kind.MAP_END and report.run is not None:
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


def _take_result(report: _Report, run: _Run, result: JsonValue) -> None:
    if not isinstance(result, dict):
        raise MalformedError(Code.BAD_SYNTAX, "an item of results is not an object", _HINT)
    kind = scalar(result, "kind")
    if kind in _NO_FINDING or scalar(result, "baselineState") == "absent":
        return
    if _is_suppressed(result.get("suppressions")):
        report.tally.suppressed += 1
        return
    report.tally.undecided += kind in _UNDECIDED
    reported = Reported.of(result, report.limits, levelless=kind in _NO_LEVEL)
    if len(run.shown) < LISTED:
        run.shown.append(_shown(reported, result, report.limits))
    run.results[reported] += 1
    if len(run.results) > report.limits.max_tracked:
        raise MalformedError(Code.TOO_LARGE, f"more than {report.limits.max_tracked} rules have results")


def _is_suppressed(suppressions: JsonValue) -> bool:
    """Say whether there are suppressions, and all are accepted, which they are where they say nothing."""
    if not isinstance(suppressions, list):
        return False
    said = {one.get("status", "accepted") == "accepted" for one in suppressions if isinstance(one, dict)}
    return said == {True}


def _shown(reported: Reported, result: JsonObject, limits: Limits) -> _Shown:
    path, line, message = (scalar_at(result, *field) for field in (_FILE, _LINE, _MESSAGE))
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
