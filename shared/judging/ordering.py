"""Which of two pieces of evidence is newer, and which takes the place of which.

Source: policy.md section 1, "Order" and "Groups". Both are told from the two pieces alone, so that a third one that
comes or goes changes nothing between them: what passed can be taken away, and nothing that failed is hidden by that.
Within a stream its sequence is the order. Otherwise the newer one was received later and was not seen earlier: what a
sender says about time can make evidence older, never newer, and so a late copy does not pass for a new report.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from shared.judging.binding import Linked, Tie
from shared.judging.values import Piece


def moment(piece: Piece) -> datetime:
    """Say since when a piece is known: the earlier of what its sender says and of the receipt."""
    return min(piece.observed_at, piece.received_at)


class Entry(NamedTuple):
    """A piece in its place: what binds it, and the piece whose place it has (that which it repeats, else itself).

    `first` is None where it repeats what is not known: then it takes nobody's place.
    """

    piece: Piece
    linked: Linked
    first: Piece | None

    @property
    def since(self) -> datetime | None:
        """Since when it is known; None where it repeats what is not."""
        return None if self.first is None else min(moment(self.first), moment(self.piece))


def is_newer(one: Entry, other: Entry) -> bool:
    """Whether one stands behind the other in the order."""
    if one.first is None:
        return False
    mine, its = one.first, other.first or other.piece
    if mine.stream is not None and mine.stream == its.stream and mine.sequence is not None and its.sequence is not None:
        return mine.sequence > its.sequence
    return (mine.received_at, mine.arrival) > (its.received_at, its.arrival) and moment(mine) >= moment(its)


def may_replace(one: Entry, other: Entry) -> bool:
    """Whether one is newer, and may be believed over the other.

    What was posted never displaces what a collector signed, nor evidence of one commit that of another, nor evidence
    whose commit a token links to the digest that of the digest itself.
    """
    if other.piece.by_collector and not one.piece.by_collector:
        return False
    if one.piece.commits.isdisjoint(other.piece.commits) and not _is_of_the_digest(one, other):
        return False
    return is_newer(one, other)


def _is_of_the_digest(one: Entry, other: Entry) -> bool:
    return one.linked.tie is Tie.SUBJECT or (one.linked.tie is Tie.SIGNED and other.linked.claimed is Tie.SUBJECT)


def same_report(one: Entry, other: Entry) -> bool:
    """Whether one is a later state of the report that the other is of.

    A file of a collector keeps its key from run to run. What is posted has a new one with each run, so there the run
    tells; and it is not held against what a collector says of another run.
    """
    new, old = one.piece, other.piece
    if new.source_key == old.source_key:
        return True
    if old.by_collector:
        return False
    if new.by_collector:
        return new.run is None or new.run != old.run
    return new.run is not None and old.run is not None and new.run != old.run


def same_voice(one: Entry, other: Entry) -> bool:
    """Whether both are what one source says about how a target is."""
    return _voice(one.piece) == _voice(other.piece)


def _voice(piece: Piece) -> tuple[str, str]:
    return piece.name, piece.collector or piece.source or piece.source_key
