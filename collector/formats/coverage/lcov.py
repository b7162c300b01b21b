"""LCOV tracefile (geninfo(1)), of lcov, gcov tools, Istanbul, cargo-llvm-cov, Dart, Bazel and others.

* The `DA` lines of a record count, each line of a file once over all records of the file: it is hit if one of them
  hit it. A count that cannot be read, or is negative, is no hit.
* Branches are the `BRDA` of a line; those on a line without `DA` are added up.
* `LF`, `LH`, `BRF` and `BRH` count only in a record without `DA`.
* A record that does not end is a file that was cut; one that was cut between records looks whole.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

from collector.formats.coverage.tally import Sums, Tally
from collector.formats.lines import text_lines
from collector.formats.numbers import count
from shared.errors import Code, MalformedError

if TYPE_CHECKING:
    from collector.formats.claim import Claim, Thresholds
    from collector.formats.head import Head
    from collector.formats.limits import Limits

TITLE = "LCOV"

_HIT = re.compile(r"0*[1-9][0-9]*(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?", re.ASCII)
_PLAIN = re.compile(r"DA:([0-9]{1,9}),([0-9]{1,15})(?:,[^\r\n]*)?", re.ASCII)
"""A line as most are; any other is taken apart."""
_WORD = re.compile(r"[A-Z][A-Z0-9]*", re.ASCII)
_TOTALS = frozenset({"LF", "LH", "BRF", "BRH"})
_READ = _TOTALS | {"DA", "BRDA"}
_END = "end_of_record"
_HINT = "make the report again; a record is SF, its lines, and end_of_record"


@dataclass(slots=True)
class _Record:
    """The record that is open: its file, lines with whether they were hit, branches of a line, declared totals."""

    file: str
    lines: dict[int, bool] = field(default_factory=dict)
    branches: dict[int, tuple[int, int]] = field(default_factory=dict)
    totals: dict[str, int] = field(default_factory=dict)


def recognise(head: Head) -> bool:
    """Say whether a test name or a source file stands first, behind comments at most."""
    first = next((line for line in head.lines if line.strip() and not line.startswith("#")), "")
    return first.startswith(("TN:", "SF:"))


def read(stream: BinaryIO, thresholds: Thresholds, limits: Limits) -> Claim:
    """Count the lines of all records; raises `MalformedError` where a line or a record is none."""
    tally = Tally(limits)
    record: _Record | None = None
    records = 0
    for number, text in text_lines(stream, limits):
        if record is not None and (plain := _PLAIN.fullmatch(text)):
            line, hit = int(plain[1]), bool(plain[2].strip("0"))
            if hit or line not in record.lines:
                record.lines[line] = hit
                _check_size(record, limits)
            continue
        word, colon, rest = text.strip().partition(":")
        if word == _END:
            _end(tally, record, number)
            record = None
            records += 1
        elif word == "SF":
            if record is not None:
                raise _refusal(number, "a record begins before the last one ended")
            record = _Record(rest)
        elif word and not word.startswith("#"):
            if not colon or not (word in _READ or _WORD.fullmatch(word)):
                raise _refusal(number, "this is no line of a tracefile")
            if not _take(record, word, rest):
                raise _refusal(number, f"this {word} cannot be read, or stands outside of a record")
            if record is not None:
                _check_size(record, limits)
    if record is not None or not records:
        raise MalformedError(Code.TRUNCATED, "the file ends before its record does", _HINT)
    return tally.claim(TITLE, thresholds)


def _take(record: _Record | None, word: str, rest: str) -> bool:
    """Take a line; say whether it makes sense."""
    if word not in _READ:
        return True
    parts = rest.split(",")
    number = count(parts[0])
    if record is None or number is None:
        return False
    if word in _TOTALS:
        record.totals[word] = number
    elif word == "DA" and len(parts) > 1:
        record.lines[number] = record.lines.get(number, False) or _is_hit(parts[1])
    elif word == "BRDA" and len(parts) > 3:  # noqa: PLR2004 - line, block, branch, taken; a branch may hold commas
        covered, total = record.branches.get(number, (0, 0))
        record.branches[number] = covered + _is_hit(parts[-1]), total + 1
    else:
        return False
    return True


def _is_hit(text: str) -> bool:
    return _HIT.fullmatch(text.strip()) is not None


def _end(tally: Tally, record: _Record | None, number: int) -> None:
    if record is None:
        raise _refusal(number, "a record ends that did not begin")
    totals = record.totals
    if totals.get("LH", 0) > totals.get("LF", 0) and not record.lines:
        raise _refusal(number, "the record says that more lines were hit than it has")
    tally.lines(record.file, {line: hit for line, hit in record.lines.items() if line not in record.branches})
    for line, (covered, total) in record.branches.items():
        if line in record.lines:
            hit = record.lines[line]
            tally.line(record.file, line, hit=hit, branches_covered=covered, branches=total)
        else:
            tally.summed(record.file, Sums(0, 0, covered, total))
    if not record.lines:
        branches = () if record.branches else (totals.get("BRH", 0), totals.get("BRF", 0))
        tally.summed(record.file, Sums(totals.get("LH", 0), totals.get("LF", 0), *branches))


def _check_size(record: _Record, limits: Limits) -> None:
    if len(record.lines) + len(record.branches) > limits.max_tracked:
        raise MalformedError(Code.TOO_LARGE, f"a record has more than {limits.max_tracked} lines and branches")


def _refusal(number: int, detail: str) -> MalformedError:
    return MalformedError(Code.BAD_SYNTAX, f"line {number}: {detail}", _HINT)
