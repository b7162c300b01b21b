"""What some pieces of a group say together, and on what that rests: one way to read the group.

Source: policy.md section 1. Invariant: a whole is no stronger than its weakest piece, or than what binds that.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from shared.judging.ageing import oldest
from shared.judging.alone import Alone, alone
from shared.judging.binding import Tie
from shared.judging.counting import together
from shared.judging.ordering import Entry
from shared.judging.values import Basis, Piece, Reading

_BASES = tuple(Basis)
_MEASURED, _POSTED = _BASES.index(Basis.MEASURED), _BASES.index(Basis.POSTED)


def weighed(entries: Sequence[Entry], now: datetime) -> Reading:
    """Read pieces together; at least one, and each content once."""
    pieces = tuple([entry.piece for entry in entries])
    each = [alone(piece) for piece in pieces]
    rank = max([one.rank for one in each])
    return read(pieces, each, rank, min([entry.linked.tie for entry in entries]), oldest(entries, now))


def read(pieces: tuple[Piece, ...], each: Sequence[Alone], rank: int, tie: Tie, age: timedelta) -> Reading:
    """Read pieces together of which the weakest basis, the weakest tie, and the highest age are known."""
    if tie < Tie.SIGNED:
        # What binds it came with a token.
        rank = max(rank, _POSTED)
    return Reading(
        members=pieces,
        counts=together(pieces[0].type, each),
        signed=rank == _MEASURED,
        weakest=_BASES[rank],
        age=age,
    )
