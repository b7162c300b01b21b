"""Trivy JSON (`trivy ... --format json`, SchemaVersion 2): vulnerabilities, misconfigurations, secrets and licences.

Each counts by Trivy's word for its severity; UNKNOWN is high. A misconfiguration counts unless its Status is PASS;
EXCEPTION, and what stands in `ExperimentalModifiedFindings` (ignored by a file, or by VEX), is suppressed. A report
without `Results` has scanned nothing that can be seen here, and is not passed. Of a secret the rule and the place are
read, never the match.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from collector.formats.findings.items import Item, items, keys
from collector.formats.findings.severities import severity_of_word
from collector.formats.findings.tally import Tally
from collector.formats.json_events import EACH, Kind
from collector.formats.times import moment

if TYPE_CHECKING:
    from collector.formats.claim import Claim, Thresholds
    from collector.formats.head import Head
    from collector.formats.json_events import Path
    from collector.formats.limits import Limits

TITLE = "Trivy"

_RESULT: Path = ("Results", EACH)
_VULNERABILITY: Path = (*_RESULT, "Vulnerabilities", EACH)
_MISCONFIGURATION: Path = (*_RESULT, "Misconfigurations", EACH)
_SECRET: Path = (*_RESULT, "Secrets", EACH)
_LICENSE: Path = (*_RESULT, "Licenses", EACH)
_MODIFIED: Path = (*_RESULT, "ExperimentalModifiedFindings", EACH)
_START_LINE: Path = ("CauseMetadata", "StartLine")
_PLACES = {
    _VULNERABILITY: keys("VulnerabilityID", "Severity", "FixedVersion", "PkgName", "InstalledVersion", "Title"),
    _MISCONFIGURATION: keys("ID", "Severity", "Status", "Message") | {_START_LINE},
    _SECRET: keys("RuleID", "Severity", "StartLine", "Title"),
    _LICENSE: keys("Name", "Severity", "PkgName", "FilePath"),
    _MODIFIED: keys(),
}

_TARGET: Path = (*_RESULT, "Target")
_VERSION: Path = ("Trivy", "Version")
_CREATED: Path = ("CreatedAt",)
_BESIDE = (_TARGET, _VERSION, _CREATED)


def recognise(head: Head) -> bool:
    """Say whether Trivy's version of its schema and the artifact or the results stand at the top."""
    return ("SchemaVersion",) in head.keys and any((key,) in head.keys for key in ("ArtifactName", "Results"))


def read(stream: BinaryIO, thresholds: Thresholds, limits: Limits) -> Claim:
    """Count the findings of a Trivy report; raises `MalformedError` where it is no whole one."""
    tally = Tally(limits, tool=TITLE, complete=False)
    target: str | None = None
    for event in items(stream, limits, _PLACES, beside=_BESIDE):
        if isinstance(event, Item):
            _take(tally, event, target)
        elif event.path == _RESULT and event.kind is Kind.MAP:
            tally.complete, target = True, None
        elif event.path == _TARGET:
            target = event.value if isinstance(event.value, str) else None
        elif event.path == _VERSION and isinstance(event.value, str):
            tally.tool_version = event.value
        elif event.path == _CREATED:
            tally.reported_at = moment(event.value)
    return tally.claim(TITLE, thresholds)


def _take(tally: Tally, item: Item, target: str | None) -> None:
    severity = severity_of_word(item.first("Severity"))
    if item.place == _VULNERABILITY:
        tally.finding(
            item.text("VulnerabilityID"),
            severity,
            fixable=bool(item.text("FixedVersion")),
            path=target,
            message=item.words("PkgName", "InstalledVersion", "Title") if tally.is_listing else None,
        )
    elif item.place == _SECRET:
        tally.finding(
            item.text("RuleID"), severity, path=target, line=item.whole("StartLine"), message=item.text("Title")
        )
    elif item.place == _LICENSE:
        tally.finding(item.text("Name"), severity, path=item.text("FilePath") or target, message=item.text("PkgName"))
    elif item.place == _MODIFIED or item.first("Status") == "EXCEPTION":
        tally.suppressed += 1
    elif item.first("Status") != "PASS":
        tally.finding(
            item.text("ID"), severity, path=target, line=item.whole(*_START_LINE), message=item.text("Message")
        )
