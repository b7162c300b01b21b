"""Gitleaks JSON (`gitleaks ... --report-format json`, version 7 and 8): each leak is a finding.

A leak is high, unless one of its tags is a severity ("low", "severity:critical"); the worst of these counts. A
clean scan writes `[]`, which is nobody's in particular: it is not recognised, and SARIF is the format to let a clean
scan be known by. Neither the secret nor the line, the commit and its author are read. Forks write the same format, so
the file does not say which tool made it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from collector.formats.claim import Severity
from collector.formats.findings.items import Item, items, keys
from collector.formats.findings.tally import Tally
from collector.formats.json_events import EACH

if TYPE_CHECKING:
    from collector.formats.claim import Claim, Thresholds
    from collector.formats.head import Head
    from collector.formats.json_events import Path
    from collector.formats.limits import Limits

TITLE = "Gitleaks"

_LEAK: Path = (EACH,)
_TAG: Path = ("Tags", EACH)
_PLACES = {
    _LEAK: keys("RuleID", "Description", "File", "StartLine") | {_TAG} | keys("rule", "file", "lineNumber", "tags"),
}
_SEVERITIES = {level.value: level for level in Severity}


def recognise(head: Head) -> bool:
    """Say whether the first object of an array has what only leaks have: a rule and a secret."""
    return any(
        ("[]", rule) in head.keys and ("[]", secret) in head.keys
        for rule, secret in (("RuleID", "Secret"), ("RuleID", "Fingerprint"), ("rule", "offender"))
    )


def read(stream: BinaryIO, thresholds: Thresholds, limits: Limits) -> Claim:
    """Count the leaks of a Gitleaks report; raises `MalformedError` where it is no whole one."""
    tally = Tally(limits, complete=False)
    for leak in items(stream, limits, _PLACES):
        if isinstance(leak, Item):
            tally.complete = True
            line = leak.whole("StartLine")
            tally.finding(
                leak.text("RuleID") or leak.text("rule"),
                _severity(leak),
                path=leak.text("File") or leak.text("file"),
                line=leak.whole("lineNumber") if line is None else line,
                message=leak.text("Description"),
            )
    return tally.claim(TITLE, thresholds)


def _severity(leak: Item) -> Severity:
    tags = [tag for tag in leak.values.get(_TAG, ()) if isinstance(tag, str)] + leak.text("tags").split(",")
    words = (tag.strip().lower().removeprefix("severity:").strip() for tag in tags)
    said = [_SEVERITIES[word] for word in words if word in _SEVERITIES]
    return min(said, key=lambda level: level.rank, default=Severity.HIGH)
