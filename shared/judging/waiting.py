"""What of a group is still to come: by what the collectors that bring it have waiting, and by what the runs say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from shared.judging.ageing import Why
from shared.judging.ordering import Work
from shared.judging.values import Cause, Piece, StreamFact
from shared.judging.words import counted


def on_its_way(stands: Sequence[Piece], lacks: Mapping[Work, int], streams: Sequence[StreamFact]) -> Why | None:
    """Say what is still to come of a group; `stands` is what is here of it, `lacks` what its runs say is missing.

    `streams` are those that have something waiting.
    """
    if streams and (waiting := _waiting(stands, streams)):
        name, number = waiting[0]
        return Cause.ON_ITS_WAY, f"{name} has {counted(number, 'report')} waiting"
    return (Cause.ON_ITS_WAY, f"not here yet: {counted(sum(lacks.values()), 'report')}") if lacks else None


def _waiting(stands: Sequence[Piece], streams: Sequence[StreamFact]) -> list[tuple[str, int]]:
    """Give the streams with something waiting that bring this, with how much."""
    piece, collectors = stands[0], {one.collector for one in stands}
    return sorted(
        (stream.name, stream.waiting)
        for stream in streams
        if stream.collector in collectors or (stream.delivered and (piece.type, piece.name) in stream.brings)
    )
