"""What is noted of streams: how one stood when that changed last, and which gaps people said are lost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, insert, select, update

from receiver.core.hearing import listed_ranges
from receiver.core.ranges import Range, Ranges
from receiver.store.columns import micros, moment
from receiver.store.engine import Tx
from receiver.store.stream_states import StreamNow
from receiver.store.stream_tables import closed_gaps, stream_notes
from shared.encoding import canonical

# Asked for with every change: built once, since building a query takes several times as long as running it.
_FIRST_NOTE = insert(stream_notes)
_NEXT_NOTE = (
    update(stream_notes)
    .where(
        stream_notes.c.workspace_id == bindparam("its_workspace"), stream_notes.c.stream_id == bindparam("its_stream")
    )
    .values({name: bindparam(name) for name in ("standing", "forked_from", "lacking", "taken")})
)


@dataclass(frozen=True, slots=True)
class ClosedGap:
    """A gap that people said is lost, by the register number of their statement; both ends are inside.

    One up to `NO_END` is the end of its stream.
    """

    number: int
    stream_id: bytes
    first: int
    last: int
    closed_at: datetime


def note(tx: Tx, workspace_id: str, one: StreamNow, lacking: Ranges) -> None:
    """Note how a stream stands, so that its next change is told from that."""
    values = {
        "standing": one.state.standing.value,
        "forked_from": one.state.forked_from,
        "lacking": canonical(listed_ranges(lacking)).decode(),
        "taken": canonical(listed_ranges(one.taken)).decode(),
    }
    if one.noted is None:
        tx.execute(_FIRST_NOTE, values | {"workspace_id": workspace_id, "stream_id": one.stream_id})
    else:
        tx.execute(_NEXT_NOTE, values | {"its_workspace": workspace_id, "its_stream": one.stream_id})


def forget_taken(tx: Tx, workspace_id: str, stream_id: bytes) -> None:
    """Let the next look read all places of a stream above its mark: one that was taken is free again."""
    tx.execute(
        update(stream_notes)
        .where(stream_notes.c.workspace_id == workspace_id, stream_notes.c.stream_id == stream_id)
        .values(taken="[]")
    )


def close(tx: Tx, workspace_id: str, stream_id: bytes, part: Range, number: int, now: datetime) -> None:
    """Keep that people said that these places are lost, by the statement with this number in the register."""
    first, last = part
    tx.execute(
        insert(closed_gaps).values(
            workspace_id=workspace_id,
            number=number,
            stream_id=stream_id,
            first=first,
            last=last,
            closed_at=micros(now),
        )
    )


def every_closed(tx: Tx, workspace_id: str) -> list[ClosedGap]:
    """Give all closed gaps of a workspace."""
    found = tx.execute(select(closed_gaps).where(closed_gaps.c.workspace_id == workspace_id))
    return [ClosedGap(row.number, row.stream_id, row.first, row.last, moment(row.closed_at)) for row in found]
