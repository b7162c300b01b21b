"""coverage.py's JSON (`coverage json`), with or without branches.

What counts is the summary of each file, `covered_lines` of `num_statements`, and its branches beside it, not mixed in.
The list of executed lines is no measure: in older versions it holds excluded lines and docstrings too. The totals count
only where no file has a statement.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from collector.formats.coverage.summaries import summary
from collector.formats.coverage.tally import Tally
from collector.formats.json_events import Kind
from collector.formats.json_items import json_items
from collector.formats.json_places import ALL, ANY
from collector.formats.times import moment
from shared.errors import Code, MalformedError

if TYPE_CHECKING:
    from collector.formats.claim import Claim, Thresholds
    from collector.formats.coverage.summaries import Names
    from collector.formats.coverage.tally import Sums
    from collector.formats.head import Head
    from collector.formats.json_events import Path
    from collector.formats.json_places import Places
    from collector.formats.limits import Limits
    from shared.encoding import JsonValue

TITLE = "coverage.py"

_NAMES: Names = (("covered_lines",), ("num_statements",), ("covered_branches",), ("num_branches",))
_FILE: Path = ("files", ANY)
_TOTALS: Path = ("totals",)
_PLACES: Places = {
    _FILE: tuple(("summary", *name) for name in _NAMES),
    _TOTALS: _NAMES,
    ("meta", "version"): ALL,
    ("meta", "timestamp"): ALL,
}


def recognise(head: Head) -> bool:
    """Say whether the description of the measurement, which stands first, is coverage.py's."""
    return ("meta", "branch_coverage") in head.keys or ("meta", "show_contexts") in head.keys


def read(stream: BinaryIO, thresholds: Thresholds, limits: Limits) -> Claim:
    """Add up the files of a report; raises `MalformedError` where it is no whole one, or a file has no summary."""
    tally = Tally(limits, tool=TITLE)
    has_files = False
    for piece in json_items(stream, limits, _PLACES):
        path, value = piece.path, piece.value
        if path == _FILE:
            tally.summed(str(piece.name), _sums(value))
        elif path == _FILE[:1]:
            has_files = has_files or piece.kind is Kind.MAP
        elif path == _TOTALS:
            tally.declared = summary(_NAMES, value)
        elif path == ("meta", "version") and isinstance(value, str):
            tally.tool_version = value[: limits.max_text_chars]
        elif path == ("meta", "timestamp"):
            tally.reported_at = moment(value)
    if not has_files:
        raise _refusal("there are no files in it")
    return tally.claim(TITLE, thresholds)


def _sums(file: JsonValue) -> Sums:
    if not isinstance(file, dict):
        raise _refusal("a file is no object")
    sums = summary(_NAMES, file.get("summary"))
    if sums is None:
        raise _refusal("a file has no summary of its lines that can be")
    return sums


def _refusal(detail: str) -> MalformedError:
    return MalformedError(Code.BAD_SYNTAX, detail, "make the report again with coverage json")
