"""Which of two pieces of evidence is newer, and which has surely taken the place of which.

Source: policy.md section 1, "Order" and "Groups". All of it is told from the two pieces alone, so that a third one that
comes or goes changes nothing between them. The order is the sequence within a stream, else the time of receipt. What a
sender says about time never puts a piece before or behind another. It can only keep one from taking another's place:
between two senders the newer one must have been seen after the other one was here already, or it might be a late copy.

It rests on one thing that who gathers the facts keeps: in one stream, what has a higher sequence is not known earlier.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from itertools import pairwise
from typing import NamedTuple

from shared.errors import Code, MalformedError
from shared.judging.binding import Linked, Tie
from shared.judging.values import Piece

Place = tuple[datetime, str, int, int, str]
"""Where a piece stands in the order: receipt; of one moment each stream by its sequence, posts as they were stored."""


def moment(piece: Piece) -> datetime:
    """Say since when a piece is known: the earlier of what its sender says and of the receipt."""
    return min(piece.observed_at, piece.received_at)


class Entry(NamedTuple):
    """A piece, what binds it, and the piece whose place it has (that which it repeats, else itself).

    `first` is None where it repeats what is not known: then it takes nobody's place.
    """

    piece: Piece
    linked: Linked
    first: Piece | None

    @property
    def since(self) -> datetime | None:
        """Since when it is known; None where it repeats what is not."""
        if self.first is self.piece:
            return moment(self.piece)
        return None if self.first is None else min(moment(self.first), moment(self.piece))


def place(entry: Entry) -> Place:
    """Say where a piece stands in the order; a repeat stands where its first does."""
    of = entry.first or entry.piece
    return of.received_at, of.stream or "", of.sequence or 0, of.arrival, of.id


def in_order(pieces: Iterable[Piece]) -> None:
    """Raise `MalformedError` if of one stream something is known since later than what has a higher sequence.

    An entry names the one before it, so whoever has it knows of all of them.
    """
    streams: dict[str, list[tuple[int, datetime]]] = defaultdict(list)
    for piece in pieces:
        if piece.stream is not None and piece.sequence is not None:
            streams[piece.stream].append((piece.sequence, piece.received_at))
    for stream, places in streams.items():
        places.sort()
        known_since = [known for _, known in places]
        if known_since == sorted(known_since):
            continue
        for (lower, known), (higher, later) in pairwise(places):
            if higher > lower and later < known:
                detail = f"of {stream} the entry {lower} is known since later than the entry {higher}"
                raise MalformedError(Code.INVALID_FIELD, detail, "gather the facts anew")


def has_replaced(one: Entry, other: Entry) -> bool:
    """Whether one is surely newer than the other, and may be believed over it.

    What was posted never displaces what a collector signed, nor what another voice posted, nor evidence of one commit
    that of another, nor evidence whose commit a token links to the digest that of the digest itself.
    """
    if not one.piece.by_collector and (other.piece.by_collector or one.piece.voice != other.piece.voice):
        return False
    if one.piece.commits.isdisjoint(other.piece.commits) and not _is_of_the_digest(one, other):
        return False
    return _is_newer(one, other)


def _is_newer(one: Entry, other: Entry) -> bool:
    if one.first is None:
        return False
    mine, its = one.first, other.first or other.piece
    if _line(mine) == _line(its):
        return place(one) > place(other)
    since = one.since
    return since is not None and mine.received_at > its.received_at and since >= its.received_at


def _line(piece: Piece) -> tuple[str, str]:
    """Name whose own order holds among its pieces: a stream, or a source that posts."""
    return ("stream", piece.stream) if piece.stream is not None else ("source", piece.source or piece.source_key)


def _is_of_the_digest(one: Entry, other: Entry) -> bool:
    return one.linked.tie is Tie.SUBJECT or (one.linked.tie is Tie.SIGNED and other.linked.claimed is Tie.SUBJECT)


# --- what is a state of the same ---

Slot = tuple[bool, str, str | None]
"""What pieces are states of the same thing by: whether a collector says it, which thing, and where."""


def report_slot(piece: Piece) -> Slot:
    """Name the report that a piece is a state of: a file that any observer sees, or what one source posts as one."""
    return piece.by_collector, piece.source_key, None


def voice_slot(piece: Piece) -> Slot:
    """Name what a piece says how it is: one thing of one source, in one namespace."""
    who = piece.collector or piece.source or ""
    return piece.by_collector, f"{who}\n{piece.source_key}", piece.namespace


def is_another_run(one: Piece, other: Piece) -> bool:
    """Whether both name a run, and not the same."""
    return one.run is not None and other.run is not None and one.run != other.run


class Work(NamedTuple):
    """A run of a job: what a collector says that its reports come from."""

    repository: str | None
    job: str | None
    run: str

    @property
    def task(self) -> tuple[str | None, str | None]:
        """The job, whichever run."""
        return self.repository, self.job


def work(piece: Piece) -> Work | None:
    """Name the run and job that a collector says that a piece comes from; None for what was posted, or names no run."""
    if piece.run is None or not piece.by_collector:
        return None
    return Work(piece.repository, piece.job, piece.run)
