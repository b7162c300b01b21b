"""A group of which every piece counts as it is: the usual case, told from all others in a few looks at all pieces.

Invariants: of such a group nothing need be sorted out, and what is said of it is what sorting it out would say.
Whatever is out of the common makes it none: that something is held, expires, repeats another, is no use to the rule or
too old for it, comes with a token beside what collectors signed, or is of another run, so that it could take a place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import NamedTuple

from shared.judging.ageing import Asked
from shared.judging.binding import Linked, Tie
from shared.judging.ordering import Work
from shared.judging.pile import Pile
from shared.judging.replacing import once
from shared.judging.values import Reading
from shared.judging.weighing import read, weighed

_NONE = timedelta(0)


class Plain(NamedTuple):
    """How a plain group reads, and how many reports its run lacks, as `Left.lacks` says it."""

    reading: Reading
    lacks: Mapping[Work, int]


def plain(pile: Pile, asked: Asked, *, fleeting: bool) -> Plain | None:
    """Read a plain group; None where it is not plain.

    `fleeting` says that its pieces are told apart by who speaks, not by report.
    """
    each, number, lot = pile.each, len(pile.each), pile.each[0].lot
    if lot is None or [one.lot for one in each].count(lot) != number:
        return None
    linked, rank = _weakest(pile.linked), max([one.rank for one in each])
    if min(linked) < (Tie.SIGNED if asked.signed else Tie.POSTED) or (asked.signed and (rank or not lot.by_collector)):
        return None
    age = max(_NONE, asked.now - min([one.since for one in each]))
    if asked.max_age is not None and age > asked.max_age:
        return None
    pieces = pile.pieces
    sources = {piece.source_key for piece in pieces}
    if len({one.voice for one in each} if fleeting else sources) < number:
        return None
    contents = {piece.content for piece in pieces}
    lacks: Mapping[Work, int] = {}
    if lot.work is not None:
        reports = max([piece.reports or 0 for piece in pieces])
        here = min(len(sources), len(contents))
        lacks = {lot.work: reports - here} if here < reports else {}
    if len(contents) < number:
        return Plain(weighed(once(pile.entries()), asked.now), lacks)
    return Plain(read(pieces, each, rank, linked.tie, age), lacks)


def _weakest(ties: Sequence[Linked]) -> Linked:
    """Give the weakest tie, and the weakest claim to one; nearly always all pieces are tied by the same commit."""
    first = ties[0]
    if ties.count(first) == len(ties):
        return first
    return Linked(min([one.tie for one in ties]), min([one.claimed for one in ties]))
