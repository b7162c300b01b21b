"""Hadolint JSON (`hadolint --format json`): each remark on a Dockerfile, by its level.

Levels are error, warning, info and style. DL1000 is a file that could not be parsed: what else is wrong with it is
not known, so the report is not complete. The `[]` of a clean file is nobody's in particular and is not recognised:
SARIF is the format to let a clean file be known by.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from collector.formats.findings.items import Item, items, keys
from collector.formats.findings.severities import severity_of_word
from collector.formats.findings.tally import Tally
from collector.formats.json_events import EACH

if TYPE_CHECKING:
    from collector.formats.claim import Claim, Thresholds
    from collector.formats.findings.items import Places
    from collector.formats.head import Head
    from collector.formats.limits import Limits

TITLE = "Hadolint"

_PLACES: Places = {(EACH,): keys("code", "level", "file", "line", "message")}
_NOT_PARSED = "DL1000"
_CODES = ("DL", "SC")


def recognise(head: Head) -> bool:
    """Say whether an array of remarks with Hadolint's codes begins; ShellCheck's have numbers and an end line.

    The last code that is seen may be cut.
    """
    code = head.text("[]", "code")[:2]
    others = [("[]", name) in head.keys for name in ("file", "level", "line")]
    return (
        ("[]", "code") in head.keys
        and any(each.startswith(code) for each in _CODES)
        and (all(others) or (any(others) and code in _CODES))
        and ("[]", "endLine") not in head.keys
    )


def read(stream: BinaryIO, thresholds: Thresholds, limits: Limits) -> Claim:
    """Count the remarks of a Hadolint report; raises `MalformedError` where it is no whole one."""
    tally = Tally(limits)
    remarks = 0
    for remark in items(stream, limits, _PLACES):
        if isinstance(remark, Item):
            remarks += 1
            code = remark.text("code")
            tally.complete = tally.complete and code != _NOT_PARSED
            tally.finding(
                code,
                severity_of_word(remark.first("level")),
                path=remark.text("file"),
                line=remark.whole("line"),
                message=remark.text("message"),
            )
    tally.complete = tally.complete and remarks > 0
    return tally.claim(TITLE, thresholds)
