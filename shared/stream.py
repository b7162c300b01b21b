"""Sequence and chain: the next link of a stream, and how far a stream is known without a hole.

Invariants: numbers start at 0 and have no hole; each link names the id of the one before, and only the first names
none. So whoever holds any link can tell what is missing before it, and two links at one place show a fork.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from shared.encoding import digest_text
from shared.errors import Code, MalformedError
from shared.predicates import StreamLink


@dataclass(frozen=True)
class Head:
    """The end of a stream at its collector: the next number to give out, and the id of the entry before it."""

    stream_id: str
    next_sequence: int
    last_id: bytes | None

    def link(self, epoch: str) -> StreamLink:
        """Give the next link; `epoch` is random per start of the collector."""
        previous = None if self.last_id is None else digest_text(self.last_id)
        return StreamLink(
            id=self.stream_id,
            epoch=epoch,
            sequence=self.next_sequence,
            previous=previous,
        )

    def after(self, entry_id: bytes) -> Head:
        """Give the end of the stream once the entry with this id (32 bytes) has taken the next place."""
        return Head(self.stream_id, self.next_sequence + 1, entry_id)


def check_link(link: StreamLink) -> None:
    """Refuse a link that cannot be: none before it after 0, or one before it at 0; raises `MalformedError`."""
    if (link.sequence == 0) != (link.previous is None):
        raise MalformedError(
            Code.BAD_LINK,
            f"sequence {link.sequence} with previous {'null' if link.previous is None else 'set'}",
            "previous is null at sequence 0 and nowhere else",
        )


def contiguous(mark: int, arrived: Iterable[int]) -> int:
    """Move a contiguous mark (-1: nothing yet) over the numbers that are here; gives the new mark."""
    for sequence in sorted(set(arrived)):
        if sequence == mark + 1:
            mark = sequence
        elif sequence > mark:
            break
    return mark


def gaps(present: Iterable[int]) -> list[tuple[int, int]]:
    """Name the holes below the highest number that is here, as inclusive ranges in rising order."""
    holes: list[tuple[int, int]] = []
    expected = 0
    for sequence in sorted(set(present)):
        if sequence > expected:
            holes.append((expected, sequence - 1))
        expected = sequence + 1
    return holes
