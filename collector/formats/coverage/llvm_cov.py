"""llvm-cov's JSON (`llvm-cov export`, with or without `-summary-only`), also as cargo-llvm-cov writes it.

What counts is the summary of the lines of each file, as in `llvm-cov report`; branches are there from LLVM 12 on.
The totals count only where no file has a line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from collector.formats.coverage.summaries import summary
from collector.formats.coverage.tally import Tally
from collector.formats.json_events import EACH, Kind
from collector.formats.json_items import json_items
from collector.formats.json_places import ALL
from shared.errors import Code, MalformedError

if TYPE_CHECKING:
    from collector.formats.claim import Claim, Thresholds
    from collector.formats.coverage.summaries import Names
    from collector.formats.head import Head
    from collector.formats.json_events import Path
    from collector.formats.json_places import Places
    from collector.formats.limits import Limits
    from shared.encoding import JsonValue

TITLE = "llvm-cov"
TYPE = "llvm.coverage.json.export"

_DATA: Path = ("data", EACH)
_FILE: Path = (*_DATA, "files", EACH)
_TOTALS: Path = (*_DATA, "totals")
_CARGO: Path = ("cargo_llvm_cov", "version")
_NAMES: Names = (("lines", "covered"), ("lines", "count"), ("branches", "covered"), ("branches", "count"))
_PLACES: Places = {
    ("type",): ALL,
    _CARGO: ALL,
    _FILE: (("filename",), *(("summary", *name) for name in _NAMES)),
    _TOTALS: _NAMES,
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
    kind_of_export: JsonValue = None
    for piece in json_items(stream, limits, _PLACES):
        path, value = piece.path, piece.value
        if piece.kind is not Kind.VALUE:
            continue
        if path == _FILE:
            _take_file(tally, value)
        elif path == _TOTALS:
            tally.declared = summary(_NAMES, value) or tally.declared
        elif path == ("type",):
            kind_of_export = value
        elif path != _CARGO:
            raise _refusal(f"/{'/'.join(map(str, path))} has another shape than in an export")
        elif isinstance(value, str):
            tally.tool, tally.tool_version = "cargo-llvm-cov", value[: limits.max_text_chars]
    if kind_of_export != TYPE:
        raise _refusal(f"its type is not {TYPE}")
    return tally.claim(TITLE, thresholds)


def _take_file(tally: Tally, file: JsonValue) -> None:
    if not isinstance(file, dict):
        raise _refusal("a file is no object")
    sums = summary(_NAMES, file.get("summary"))
    if sums is None:
        raise _refusal("a file has no summary of its lines that can be")
    tally.summed(str(file.get("filename", "")), sums)


def _refusal(detail: str) -> MalformedError:
    return MalformedError(Code.BAD_SYNTAX, detail, "make the report again with llvm-cov export")
