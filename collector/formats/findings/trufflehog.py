"""TruffleHog JSON lines (`trufflehog ... --json`, version 3): one secret a line.

A secret that was verified to work is critical, any other is high. A clean scan writes nothing at all, so there is no
report of one. Nothing marks the end of the output, so a cut between two lines cannot be seen. Of a secret the
detector and the place are read, never its raw or redacted text, nor what else was found out about it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from collector.formats.claim import Severity
from collector.formats.findings.tally import Tally
from collector.formats.ndjson import json_lines
from shared.errors import Code, MalformedError

if TYPE_CHECKING:
    from collector.formats.claim import Claim, Thresholds
    from collector.formats.head import Head
    from collector.formats.limits import Limits
    from shared.encoding import JsonObject, JsonValue

TITLE = "TruffleHog"

_HINT = "keep only what TruffleHog writes to its standard output with --json"


def recognise(head: Head) -> bool:
    """Say whether the first object names a detector and where it looked."""
    return ("SourceMetadata",) in head.keys and ("DetectorName",) in head.keys


def read(stream: BinaryIO, thresholds: Thresholds, limits: Limits) -> Claim:
    """Count the secrets that TruffleHog found; raises `MalformedError` where a line is none."""
    tally = Tally(limits, tool=TITLE)
    for number, found in json_lines(stream, limits):
        detector = found.get("DetectorName")
        if not isinstance(detector, str):
            raise MalformedError(Code.BAD_SYNTAX, f"line {number} has no DetectorName", _HINT)
        path, line = _place(found)
        tally.finding(
            detector,
            Severity.CRITICAL if found.get("Verified") is True else Severity.HIGH,
            path=path,
            line=line,
            message=_text(found.get("DetectorDescription")),
        )
    return tally.claim(TITLE, thresholds)


def _place(found: JsonObject) -> tuple[str | None, int | None]:
    """Return file and line as the one source under /SourceMetadata/Data says them, whatever its kind."""
    metadata = found.get("SourceMetadata")
    data = metadata.get("Data") if isinstance(metadata, dict) else None
    source = next(iter(data.values()), None) if isinstance(data, dict) else None
    if not isinstance(source, dict):
        return None, None
    line = source.get("line")
    return _text(source.get("file")), line if isinstance(line, int) and not isinstance(line, bool) else None


def _text(value: JsonValue) -> str | None:
    return value if isinstance(value, str) else None
