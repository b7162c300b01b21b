"""Checkov JSON (`checkov --output json`): failed checks of one report, or of an array of one a framework.

A check's severity comes from Checkov's platform; without it it is null, and the check counts as high. Skipped checks
are suppressed. Not complete, so not passed: a report with files that could not be parsed, one whose summary says more
failures than it lists, and one in which nothing was checked (the bare summary that Checkov then writes too).
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, BinaryIO

from collector.formats.findings.items import Item, items, keys
from collector.formats.findings.severities import severity_of_word
from collector.formats.findings.tally import Tally
from collector.formats.json_events import EACH, Kind

if TYPE_CHECKING:
    from collector.formats.claim import Claim, Thresholds
    from collector.formats.head import Head
    from collector.formats.json_events import Event, Path
    from collector.formats.limits import Limits

TITLE = "Checkov"

_REPORTS: tuple[Path, Path] = ((), (EACH,))
_LINE: Path = ("file_line_range", EACH)
_WANTED = {
    "failed_checks": keys("check_id", "check_name", "severity", "file_path") | {_LINE},
    "passed_checks": keys(),
    "skipped_checks": keys(),
}
_PLACES = {(*report, "results", kind, EACH): wanted for report in _REPORTS for kind, wanted in _WANTED.items()}
_SUMMARIES = frozenset((*report, *name) for report in _REPORTS for name in (("summary",), ()))
_PARSING_ERRORS = frozenset((*report, "results", "parsing_errors", EACH) for report in _REPORTS)


def recognise(head: Head) -> bool:
    """Say whether the type of a check, or Checkov's version, stands at the top of a report or of the first of many."""
    return ("checkov_version",) in head.keys or any(
        (*report, "check_type") in head.keys
        and ((*report, "results") in head.keys or (*report, "summary") in head.keys)
        for report in ((), ("[]",))
    )


def read(stream: BinaryIO, thresholds: Thresholds, limits: Limits) -> Claim:
    """Count the failed checks of a Checkov report; raises `MalformedError` where it is no whole one."""
    tally = Tally(limits, tool=TITLE)
    listed: Counter[str] = Counter()
    said: Counter[str] = Counter()
    for event in items(stream, limits, _PLACES):
        if isinstance(event, Item):
            listed[str(event.place[-2])] += 1
            if event.place[-2] == "failed_checks":
                tally.finding(
                    event.text("check_id"),
                    severity_of_word(event.first("severity")),
                    path=event.text("file_path"),
                    line=event.whole(*_LINE),
                    message=event.text("check_name"),
                )
        elif event.path in _PARSING_ERRORS:
            tally.complete = False
        elif event.kind is Kind.VALUE and event.path and event.path[:-1] in _SUMMARIES:
            _take_summary(tally, said, event)
    tally.suppressed = max(listed["skipped_checks"], said["skipped"])
    was_checked = listed["failed_checks"] or listed["passed_checks"] or said["passed"]
    tally.complete = (
        tally.complete
        and bool(was_checked)
        and said["failed"] <= listed["failed_checks"]
        and not said["parsing_errors"]
    )
    return tally.claim(TITLE, thresholds)


def _take_summary(tally: Tally, said: Counter[str], event: Event) -> None:
    name, value = event.path[-1], event.value
    if name == "checkov_version" and isinstance(value, str):
        tally.tool_version = value
    elif isinstance(value, int) and value > 0:
        said[str(name)] += value
