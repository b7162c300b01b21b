"""Grype JSON (`grype -o json`): the matches of packages with vulnerabilities.

A match counts by Grype's word for its severity; Unknown is high. It is fixable if the state of its fix is "fixed"
(before 0.13: if a version has the fix). `ignoredMatches`, by a rule, by VEX or for want of a fix, are suppressed. A
report without a list of matches, or with a vulnerability database that was not valid, is not passed.
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
    from collector.formats.json_events import Event, Path
    from collector.formats.limits import Limits

TITLE = "Grype"

_MATCH: Path = ("matches", EACH)
_IGNORED: Path = ("ignoredMatches", EACH)
_ID: Path = ("vulnerability", "id")
_SEVERITY: Path = ("vulnerability", "severity")
_STATE: Path = ("vulnerability", "fix", "state")
_FIXED_IN: Path = ("vulnerability", "fixedInVersion")
_NAME: Path = ("artifact", "name")
_VERSION: Path = ("artifact", "version")
_PLACE: Path = ("artifact", "locations", EACH, "path")
_PLACES = {
    _MATCH: frozenset({_ID, _SEVERITY, _STATE, _FIXED_IN, _NAME, _VERSION, _PLACE}),
    _IGNORED: keys(),
}
_BAD_DATABASE: dict[Path, bool] = {
    ("descriptor", "db", "valid"): False,
    ("descriptor", "db", "status", "valid"): False,
    ("descriptor", "db", "error"): True,
    ("descriptor", "db", "status", "error"): True,
}
"""What these values, true or not, are when the database could not be used."""


def recognise(head: Head) -> bool:
    """Say whether there are matches at the top, and Grype names itself or one of them is of a vulnerability."""
    return ("matches",) in head.keys and (
        head.text("descriptor", "name") == "grype"
        or any((key, "[]", "vulnerability") in head.keys for key in ("matches", "ignoredMatches"))
    )


def read(stream: BinaryIO, thresholds: Thresholds, limits: Limits) -> Claim:
    """Count the matches of a Grype report; raises `MalformedError` where it is no whole one."""
    tally = Tally(limits, tool=TITLE, complete=False)
    for event in items(stream, limits, _PLACES):
        if not isinstance(event, Item):
            _take(tally, event)
        elif event.place == _IGNORED:
            tally.suppressed += 1
        else:
            tally.finding(
                event.text(*_ID),
                severity_of_word(event.first(*_SEVERITY)),
                fixable=event.first(*_STATE) == "fixed" or bool(event.text(*_FIXED_IN)),
                path=event.text(*_PLACE) if tally.is_listing else None,
                message=f"{event.text(*_NAME)} {event.text(*_VERSION)}".strip() if tally.is_listing else None,
            )
    return tally.claim(TITLE, thresholds)


def _take(tally: Tally, event: Event) -> None:
    path, value = event.path, event.value
    if path == _MATCH[:1] and event.kind is Kind.ARRAY:
        tally.complete = True
    elif path == ("descriptor", "version") and isinstance(value, str):
        tally.tool_version = value
    elif path == ("descriptor", "timestamp"):
        tally.reported_at = moment(value)
    elif event.kind is Kind.VALUE and bool(value) is _BAD_DATABASE.get(path):
        tally.succeeded = False
