"""pip-audit JSON (`pip-audit --format json`, and the bare array of old versions): each vulnerability of a package.

The report knows no severities, so all are high. A dependency that was skipped, or that has no list of
vulnerabilities, was not audited, and a report without an audited dependency says nothing: not complete, not passed.
What `--ignore-vuln` leaves out is not in the file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from collector.formats.claim import Severity
from collector.formats.findings.items import Item, items, keys
from collector.formats.findings.tally import Tally
from collector.formats.json_events import EACH, Event, Kind

if TYPE_CHECKING:
    from collector.formats.claim import Claim, Thresholds
    from collector.formats.head import Head
    from collector.formats.json_events import Path
    from collector.formats.limits import Limits

TITLE = "pip-audit"

_DEPENDENCIES: tuple[Path, Path] = (("dependencies", EACH), (EACH,))
_FIX: Path = ("fix_versions", EACH)
_PLACES = {(*dependency, "vulns", EACH): keys("id") | {_FIX} for dependency in _DEPENDENCIES}


def recognise(head: Head) -> bool:
    """Say whether dependencies with vulnerabilities, or reasons to skip them, stand at the top."""
    marks = ("vulns", "skip_reason")
    return (
        any(("dependencies", "[]", mark) in head.keys for mark in marks)
        or (("dependencies",) in head.keys and ("fixes",) in head.keys)
        or (("[]", "name") in head.keys and any(("[]", mark) in head.keys for mark in marks))
    )


def read(stream: BinaryIO, thresholds: Thresholds, limits: Limits) -> Claim:
    """Count the vulnerabilities of a pip-audit report; raises `MalformedError` where it is no whole one."""
    tally = Tally(limits)
    audited = 0
    was_audited = False
    name = ""
    for event in items(stream, limits, _PLACES):
        if isinstance(event, Item):
            tally.finding(event.text("id"), Severity.HIGH, fixable=bool(event.numbers.get(_FIX)), message=name)
        elif event.path in _DEPENDENCIES:
            if event.kind is Kind.MAP:
                was_audited, name = False, ""
            elif event.kind is Kind.MAP_END:
                audited += was_audited
                tally.complete = tally.complete and was_audited
        elif event.path[:-1] in _DEPENDENCIES:
            was_audited = was_audited or (event.path[-1] == "vulns" and event.kind is Kind.ARRAY)
            if event.path[-1] == "name":
                name = _text(event)
            elif event.path[-1] == "skip_reason":
                tally.complete = False
    tally.complete = tally.complete and audited > 0
    return tally.claim(TITLE, thresholds)


def _text(event: Event) -> str:
    return event.value if isinstance(event.value, str) else ""
