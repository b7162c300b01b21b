"""coverage.py's JSON (`coverage json`), with or without branches.

What counts is the summary of each file, `covered_lines` of `num_statements`, and its branches beside it, not mixed in.
The list of executed lines is no measure: in older versions it holds excluded lines and docstrings too. The totals count
only where no file has a statement.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from collector.formats.coverage.summaries import Summary
from collector.formats.coverage.tally import Tally
from collector.formats.json_events import Kind, json_events
from collector.formats.times import moment
from shared.errors import Code, MalformedError

if TYPE_CHECKING:
    from collector.formats.claim import Claim, Thresholds
    from collector.formats.head import Head
    from collector.formats.limits import Limits

TITLE = "coverage.py"

_NAMES = ("covered_lines", "num_statements", "covered_branches", "num_branches")
_FILE, _VALUE, _TOTAL = len(("files", "name")), len(("files", "name", "summary", "value")), len(("totals", "value"))


def recognise(head: Head) -> bool:
    """Say whether the description of the measurement, which stands first, is coverage.py's."""
    return ("meta", "branch_coverage") in head.keys or ("meta", "show_contexts") in head.keys


def read(stream: BinaryIO, thresholds: Thresholds, limits: Limits) -> Claim:
    """Add up the files of a report; raises `MalformedError` where it is no whole one, or a file has no summary."""
    tally = Tally(limits, tool=TITLE)
    summary, totals = Summary(_NAMES), Summary(_NAMES)
    has_files = False
    for event in json_events(stream, limits):
        path, kind = event.path, event.kind
        if path == ("files",):
            has_files = has_files or kind is Kind.MAP
        elif path[:1] == ("files",) and len(path) == _FILE:
            if kind is Kind.MAP_END:
                sums = summary.sums()
                if sums is None:
                    raise _refusal("a file has no summary of its lines that can be")
                tally.summed(str(path[1]), sums)
            elif kind is not Kind.MAP:
                raise _refusal("a file is no object")
            summary = Summary(_NAMES)
        elif path[:1] == ("files",) and len(path) == _VALUE and path[2] == "summary":
            summary.take(str(path[3]), event.value)
        elif path[:1] == ("totals",) and len(path) == _TOTAL:
            totals.take(str(path[1]), event.value)
        elif path == ("meta", "version") and isinstance(event.value, str):
            tally.tool_version = event.value[: limits.max_text_chars]
        elif path == ("meta", "timestamp"):
            tally.reported_at = moment(event.value)
    if not has_files:
        raise _refusal("there are no files in it")
    tally.declared = totals.sums()
    return tally.claim(TITLE, thresholds)


def _refusal(detail: str) -> MalformedError:
    return MalformedError(Code.BAD_SYNTAX, detail, "make the report again with coverage json")
