"""Go cover profile (`go test -coverprofile`): blocks of statements, each with its place and how often it was run.

What counts are statements, as in `go test -cover`: those of a block are covered if it was run. (`go tool cover -func`
leaves out the blocks that stand in no function.) A block that stands there again (`-coverpkg`, profiles put together)
counts once, and was run if it was in any of them. Blocks are held up to a limit; past it what is held is added up and
forgotten, and a block that comes again after that counts again.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, BinaryIO

from collector.formats.coverage.tally import Sums, Tally
from collector.formats.lines import text_lines
from shared.errors import Code, MalformedError

if TYPE_CHECKING:
    from collector.formats.claim import Claim, Thresholds
    from collector.formats.head import Head
    from collector.formats.limits import Limits

    _Blocks = dict[tuple[str, str], tuple[int, bool]]

TITLE = "Go coverage"

_MODES = frozenset({"mode: set", "mode: count", "mode: atomic"})
_BLOCK = re.compile(r"(\d{1,9}\.\d{1,9},\d{1,9}\.\d{1,9}) (\d{1,9}) (\d{1,20})", re.ASCII)
_HINT = "make the profile again with go test -coverprofile"


def recognise(head: Head) -> bool:
    """Say whether the first line is the mode."""
    return bool(head.lines) and head.lines[0] in _MODES


def read(stream: BinaryIO, thresholds: Thresholds, limits: Limits) -> Claim:
    """Count the statements of a profile; raises `MalformedError` where a line is no block."""
    tally = Tally(limits)
    blocks: _Blocks = {}
    for number, text in text_lines(stream, limits):
        if text in _MODES:
            continue
        file, colon, rest = text.rpartition(":")
        block = _BLOCK.fullmatch(rest)
        if number == 1 or not colon or block is None:
            raise MalformedError(Code.BAD_SYNTAX, f"line {number} is no block of a cover profile", _HINT)
        place, statements, is_run = block[1], int(block[2]), int(block[3]) > 0
        key = file[: limits.max_text_chars], place
        known = blocks.get(key, (statements, False))
        if known[0] != statements:
            raise MalformedError(Code.BAD_SYNTAX, f"line {number}: the same block has other statements", _HINT)
        blocks[key] = statements, known[1] or is_run
        if len(blocks) >= limits.max_tracked:
            _settle(tally, blocks)
    _settle(tally, blocks)
    return tally.claim(TITLE, thresholds)


def _settle(tally: Tally, blocks: _Blocks) -> None:
    for (file, _), (statements, is_run) in blocks.items():
        tally.summed(file, Sums(statements if is_run else 0, statements))
    blocks.clear()
