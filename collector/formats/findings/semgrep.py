"""Semgrep JSON (`semgrep --json`): each result is a finding, by the severity of its rule.

ERROR is high, WARNING medium, INFO low, as Semgrep has it; of the newer words each is its own. Results that are
ignored in the source are suppressed. A report without results, or in which no path was scanned, or a rule was skipped,
or with any error but one of level "info", is not passed: a file that ran out of time or memory, or was parsed in part,
is a mere warning to Semgrep, and nobody knows what is in it. Forks write the same format, so the file does not say
which tool made it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from collector.formats.claim import Severity
from collector.formats.findings.items import Item, items, keys
from collector.formats.findings.severities import severity_of_word
from collector.formats.findings.tally import Tally
from collector.formats.json_events import EACH, Kind

if TYPE_CHECKING:
    from collector.formats.claim import Claim, Thresholds
    from collector.formats.head import Head
    from collector.formats.json_events import Path
    from collector.formats.limits import Limits

TITLE = "Semgrep"

_RESULT: Path = ("results", EACH)
_ERROR: Path = ("errors", EACH)
_SKIPPED_RULE: Path = ("skipped_rules", EACH)
_SEVERITY: Path = ("extra", "severity")
_MESSAGE: Path = ("extra", "message")
_FIX: Path = ("extra", "fix")
_IGNORED: Path = ("extra", "is_ignored")
_LINE: Path = ("start", "line")
_PLACES = {
    _RESULT: keys("check_id", "path") | {_SEVERITY, _MESSAGE, _FIX, _IGNORED, _LINE},
    _ERROR: keys("level"),
    _SKIPPED_RULE: keys(),
}
_SCANNED: Path = ("paths", "scanned", EACH)


def recognise(head: Head) -> bool:
    """Say whether results of Semgrep's checks stand at the top, or none with errors and paths beside them."""
    return ("results",) in head.keys and (
        ("results", "[]", "check_id") in head.keys
        or (("errors",) in head.keys and ("paths", "scanned") in head.keys)
        or (("version",) in head.keys and ("errors", "[]", "level") in head.keys)
    )


def read(stream: BinaryIO, thresholds: Thresholds, limits: Limits) -> Claim:
    """Count the results of a Semgrep report; raises `MalformedError` where it is no whole one."""
    tally = Tally(limits)
    has_results = has_scanned = False
    for event in items(stream, limits, _PLACES):
        if isinstance(event, Item):
            _take(tally, event)
        elif event.path == _RESULT[:1]:
            has_results = has_results or event.kind is Kind.ARRAY
        elif event.path == _SCANNED:
            has_scanned = has_scanned or isinstance(event.value, str)
        elif event.path == ("version",) and isinstance(event.value, str):
            tally.tool_version = event.value
    tally.complete = tally.complete and has_results and has_scanned
    return tally.claim(TITLE, thresholds)


def _take(tally: Tally, item: Item) -> None:
    if item.place == _RESULT:
        _take_result(tally, item)
    elif item.place == _SKIPPED_RULE or item.first("level") != "info":
        tally.complete = False


def _take_result(tally: Tally, result: Item) -> None:
    if result.first(*_IGNORED) is True:
        tally.suppressed += 1
        return
    word = result.first(*_SEVERITY)
    tally.finding(
        result.text("check_id"),
        Severity.LOW if word == "INFO" else severity_of_word(word),
        fixable=bool(result.text(*_FIX)),
        path=result.text("path"),
        line=result.whole(*_LINE),
        message=result.text(*_MESSAGE),
    )
