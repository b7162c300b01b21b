"""Bandit JSON (`bandit -f json`): each result is a finding, by its `issue_severity`; UNDEFINED is high.

What `# nosec` skipped is suppressed. A report with errors (files that could not be read), without results or
metrics, or whose metrics count no line of code is not passed: nothing or not all was scanned. The text of the checks
for passwords has the password in it, and is not read.
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

TITLE = "Bandit"

_RESULT: Path = ("results", EACH)
_ERROR: Path = ("errors", EACH)
_PLACES = {_RESULT: keys("test_id", "issue_severity", "issue_text", "filename", "line_number"), _ERROR: keys()}
_TOTALS: Path = ("metrics", "_totals")
_PASSWORDS = frozenset({"B105", "B106", "B107"})


def recognise(head: Head) -> bool:
    """Say whether errors, a time and metrics stand at the top, as Bandit alone writes them."""
    return all((key,) in head.keys for key in ("errors", "generated_at", "metrics"))


def read(stream: BinaryIO, thresholds: Thresholds, limits: Limits) -> Claim:
    """Count the results of a Bandit report; raises `MalformedError` where it is no whole one."""
    tally = Tally(limits, tool=TITLE)
    has_results = has_code = False
    for event in items(stream, limits, _PLACES):
        if isinstance(event, Item):
            if event.place == _ERROR:
                tally.complete = False
            else:
                _take(tally, event)
        elif event.path == _RESULT[:1]:
            has_results = has_results or event.kind is Kind.ARRAY
        elif event.path == ("generated_at",):
            tally.reported_at = moment(event.value)
        elif event.path[:2] == _TOTALS and isinstance(event.value, int) and event.value is not True:
            name, number = event.path[-1], max(event.value, 0)
            has_code = has_code or (name == "loc" and number > 0)
            tally.suppressed += number if name in {"nosec", "skipped_tests"} else 0
    tally.complete = tally.complete and has_results and has_code
    return tally.claim(TITLE, thresholds)


def _take(tally: Tally, result: Item) -> None:
    test = result.text("test_id")
    tally.finding(
        test,
        severity_of_word(result.first("issue_severity")),
        path=result.text("filename"),
        line=result.whole("line_number"),
        message=None if test in _PASSWORDS else result.text("issue_text"),
    )
