"""A group of which every piece counts as it is: the usual case, told from all others in one look at each piece.

Invariant: of such a group nothing need be sorted out. Whatever is out of the common makes it none: that something is
held, expires, repeats another, is no use to the rule or too old for it, comes with a token beside what collectors
signed, or is of another run, so that it could take a place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from shared.judging.ageing import Asked
from shared.judging.alone import Alone
from shared.judging.binding import Tie
from shared.judging.ordering import Entry, Work
from shared.judging.replacing import size

_NONE = timedelta(0)


def lacking(entries: Sequence[Entry], each: Sequence[Alone], asked: Asked) -> Mapping[Work, int] | None:
    """Say of a plain group how many reports its run lacks, as `Left.lacks` does; None where it is not plain.

    `each` is what the entries are by themselves. Whether two are of the same report is for the caller to look at.
    """
    if not _all_alike(entries, each) or not _all_as_asked(entries, each, asked):
        return None
    made = each[0].work
    number = 0 if made is None else max([entry.piece.reports or 0 for entry in entries])
    if made is None or not number or (found := size(entries)) >= number:
        return {}
    return {made: number - found}


def _all_alike(entries: Sequence[Entry], each: Sequence[Alone]) -> bool:
    """Whether all count as they are, and come from one run: of a collector, or of what tokens brought."""
    run, work, by_collector = entries[0].piece.run, each[0].work, each[0].by_collector
    for (piece, _, first), one in zip(entries, each, strict=True):
        if not one.is_plain or first is not piece or one.by_collector is not by_collector:
            return False
        if piece.run != run or one.work != work:
            return False
    return True


def _all_as_asked(entries: Sequence[Entry], each: Sequence[Alone], asked: Asked) -> bool:
    """Whether all are bound, signed and young as the rule wants it."""
    least, looked_at = Tie.SIGNED if asked.signed else Tie.POSTED, None
    for entry in entries:
        linked = entry.linked
        if linked is not looked_at and (linked.tie < least or linked.claimed < least):
            return False
        looked_at = linked
    if asked.signed and not all([one.signed and one.by_collector for one in each]):  # noqa: C419 - a list is faster
        return False
    return asked.max_age is None or max(_NONE, asked.now - min([one.since for one in each])) <= asked.max_age
