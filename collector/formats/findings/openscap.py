"""Results of an XCCDF checklist (NIST IR 7275, XCCDF 1.1 and 1.2) as OpenSCAP writes them, alone or in an ARF.

Each rule that failed is a finding of the severity that its result says; "unknown" and none are high. A rule that ended
in error or with a result that is unknown, to the scanner or to us, is at least high. A rule that was not checked (no
check that the scanner could do) is `undecided`: somebody has to look. Passed and fixed rules are fine; rules that do
not apply, were not selected or only inform say nothing. A benchmark without results, or with none of a rule that was
checked, is not complete.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from collector.formats.claim import Severity
from collector.formats.findings.severities import severity_of_word
from collector.formats.findings.tally import Tally
from collector.formats.times import moment
from collector.formats.xml_events import Start, xml_events

if TYPE_CHECKING:
    from collections.abc import Mapping

    from collector.formats.claim import Claim, Thresholds
    from collector.formats.head import Head
    from collector.formats.limits import Limits

TITLE = "OpenSCAP"

_FINE = frozenset({"pass", "fixed"})
_SILENT = frozenset({"notapplicable", "notselected", "informational"})
_XCCDF, _ARF = "/xccdf/", "/asset-reporting-format/"


def recognise(head: Head) -> bool:
    """Say whether a benchmark, its results or a collection of reports begins, in a name space of theirs."""
    is_xccdf = head.root in {"Benchmark", "TestResult"} and _XCCDF in head.namespace
    return is_xccdf or (head.root == "asset-report-collection" and _ARF in head.namespace)


def read(stream: BinaryIO, thresholds: Thresholds, limits: Limits) -> Claim:
    """Count the rules that failed; raises `MalformedError` where it is no whole document."""
    tally = Tally(limits)
    checked = 0
    tests = 0
    rule: Start | None = None
    result = ""
    for event in xml_events(stream, limits, frozenset({"result"})):
        if isinstance(event, Start):
            if event.name == "TestResult":
                tests += 1
                _take_tool(tally, event.attributes)
            elif event.name == "rule-result" and tests and rule is None:
                rule, result = event, ""
        elif rule is None:
            continue
        elif event.name == "result" and event.depth == rule.depth + 1:
            result = event.text.strip()
        elif event.name == "rule-result" and event.depth == rule.depth:
            checked += _end_rule(tally, rule.attributes, result)
            rule = None
    tally.complete = checked > 0
    return tally.claim(TITLE, thresholds)


def _take_tool(tally: Tally, attributes: Mapping[str, str]) -> None:
    """Take tool and version of a CPE 2.2 name, `cpe:/a:redhat:openscap:1.3.7`, and the time of the scan's end."""
    parts = attributes.get("test-system", "").split(":")
    if parts[:2] == ["cpe", "/a"]:
        tally.tool = next(iter(parts[3:4]), None)
        tally.tool_version = next(iter(parts[4:5]), None)
    tally.reported_at = moment(attributes.get("end-time"))


def _end_rule(tally: Tally, attributes: Mapping[str, str], result: str) -> bool:
    """Count a rule; say whether it was checked."""
    if result in _SILENT:
        return False
    if result == "notchecked":
        tally.undecided += 1
        return False
    if result not in _FINE:
        said = severity_of_word(attributes.get("severity"))
        is_known = result == "fail"
        severity = said if is_known else min(said, Severity.HIGH, key=lambda level: level.rank)
        tally.finding(attributes.get("idref", ""), severity, message=result)
    return True
