"""All that is known of one type and name for one subject, before anybody asks which of it counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shared.judging.alone import Alone
from shared.judging.binding import Linked
from shared.judging.ordering import Entry
from shared.judging.values import Piece


@dataclass(frozen=True, slots=True)
class Pile:
    """Pieces in the order of their ids, what each is by itself, and what binds each; never empty.

    `known` are all pieces by their ids, those that these repeat among them.
    """

    known: Mapping[str, Piece]
    pieces: tuple[Piece, ...]
    each: tuple[Alone, ...]
    linked: tuple[Linked, ...]

    def entries(self) -> list[Entry]:
        """Give what stands in the order of evidence: only who has to sort it out needs that."""
        return [
            Entry(piece, linked, piece if piece.repeat_of is None else self._first(piece))
            for piece, linked in zip(self.pieces, self.linked, strict=True)
        ]

    def _first(self, piece: Piece) -> Piece | None:
        """Follow a piece that repeats another to the first; None where that is not known, or goes round in a circle."""
        seen = {piece.id}
        while piece.repeat_of is not None:
            if piece.repeat_of in seen or piece.repeat_of not in self.known:
                return None
            piece = self.known[piece.repeat_of]
            seen.add(piece.id)
        return piece
