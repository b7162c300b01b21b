"""llvm-cov's JSON (`llvm-cov export`, with or without `-summary-only`), also as cargo-llvm-cov writes it.

What counts is the summary of the lines of each file, as in `llvm-cov report`; branches are there from LLVM 12 on.
The totals count only where no file has a line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from collector.formats.coverage.summaries import Summary
from collector.formats.coverage.tally import Tally
from collector.formats.json_events import EACH, Event, Kind, json_events
from shared.errors import Code, MalformedError

if TYPE_CHECKING:
    from collector.formats.claim import Claim, Thresholds
    from collector.formats.head import Head
    from collector.formats.json_events import Path
    from collector.formats.limits import Limits

TITLE = "llvm-cov"
TYPE = "llvm.coverage.json.export"

_DATA: Path = ("data", EACH)
_FILE: Path = (*_DATA, "files", EACH)
_SUMMARY: Path = (*_FILE, "summary")
_TOTALS: Path = (*_DATA, "totals")
_CARGO: Path = ("cargo_llvm_cov", "version")
_NAMES = ("lines/covered", "lines/count", "branches/covered", "branches/count")
_SHAPES = {
    (): Kind.MAP,
    ("data",): Kind.ARRAY,
    _DATA: Kind.MAP,
    (*_DATA, "files"): Kind.ARRAY,
    _FILE: Kind.MAP,
}
_TOP = frozenset({("data",), ("type",), ("version",), ("cargo_llvm_cov",)})
_IN_DATA = frozenset({("data", "[]", "files"), ("data", "[]", "functions"), ("data", "[]", "totals")})


def recognise(head: Head) -> bool:
    """Say whether it names the type, or begins with data of files and holds nothing but what the export has."""
    keys = {key for key in head.keys if key[0] != "cargo_llvm_cov"}
    return head.text("type") == TYPE or (("data", "[]", "files") in keys and keys <= _TOP | _IN_DATA)


def read(stream: BinaryIO, thresholds: Thresholds, limits: Limits) -> Claim:
    """Add up the files of an export; raises `MalformedError` where it is no whole one, or a file has no summary."""
    tally = Tally(limits)
    summary, totals = Summary(_NAMES), Summary(_NAMES)
    file, kind_of_export = "", None
    for event in json_events(stream, limits):
        path = event.path
        _check_shape(event)
        if path == _FILE and event.kind is Kind.MAP_END:
            sums = summary.sums()
            if sums is None:
                raise _refusal("a file has no summary of its lines that can be")
            tally.summed(file, sums)
            summary, file = Summary(_NAMES), ""
        elif path == (*_FILE, "filename"):
            file = str(event.value)
        elif path[: len(_SUMMARY)] == _SUMMARY:
            summary.take("/".join(map(str, path[len(_SUMMARY) :])), event.value)
        elif path[: len(_TOTALS)] == _TOTALS:
            totals.take("/".join(map(str, path[len(_TOTALS) :])), event.value)
        elif path == ("type",):
            kind_of_export = event.value
        elif path == _CARGO and isinstance(event.value, str):
            tally.tool, tally.tool_version = "cargo-llvm-cov", event.value[: limits.max_text_chars]
    if kind_of_export != TYPE:
        raise _refusal(f"its type is not {TYPE}")
    tally.declared = totals.sums()
    return tally.claim(TITLE, thresholds)


def _check_shape(event: Event) -> None:
    shape = _SHAPES.get(event.path)
    if shape is not None and event.kind not in {shape, Kind.MAP_END, Kind.ARRAY_END}:
        raise _refusal(f"/{'/'.join(map(str, event.path))} has another shape than in an export")


def _refusal(detail: str) -> MalformedError:
    return MalformedError(Code.BAD_SYNTAX, detail, "make the report again with llvm-cov export")
