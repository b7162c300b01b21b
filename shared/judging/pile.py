"""All that is known of one type and name for one subject, before anybody asks which of it counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shared.judging.alone import Alone
from shared.judging.binding import Linked
from shared.judging.effort import Effort
from shared.judging.ordering import Entry
from shared.judging.values import Piece


@dataclass(frozen=True, slots=True)
class Pile:
    """Pieces in the order of their ids, what each is by itself, and what binds each; never empty.

    `known` are all pieces by their ids, those that these repeat among them; `effort` is what may be spent on them.
    """

    known: Mapping[str, Piece]
    effort: Effort
    pieces: tuple[Piece, ...]
    each: tuple[Alone, ...]
    linked: tuple[Linked, ...]

    def entries(self) -> list[Entry]:
        """Give what stands in the order of evidence: only who has to sort it out needs that."""
        firsts: dict[str, Piece | None] = {}
        return [
            Entry(piece, linked, piece if piece.repeat_of is None else self._first(piece, firsts))
            for piece, linked in zip(self.pieces, self.linked, strict=True)
        ]

    def _first(self, piece: Piece, firsts: dict[str, Piece | None]) -> Piece | None:
        """Follow a piece that repeats another to the first; None where that is not known, or goes round in a circle.

        `firsts` are those that were found before, by what they are the first of.
        """
        seen: dict[str, None] = {}
        first: Piece | None = piece
        while first is not None and (before := first.repeat_of) is not None:
            if first.id in firsts:
                first = firsts[first.id]
                break
            seen[first.id] = None
            first = None if before in seen else self.known.get(before)
        firsts |= dict.fromkeys(seen, first)
        return first
