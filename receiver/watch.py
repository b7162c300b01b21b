"""Look over all streams again and again: note that we are there, and keep every change of a stream on record.

Invariants: whoever looks has been there, so the note comes first; a change is kept once, with the heartbeat that was
the latest then, and told in the audit trail; where nothing changed nothing but our presence is written. Once it is on
record that a stream's collector ended, the stream is looked over no more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from receiver.core.changes import LACKING, Change, changes
from receiver.core.completeness import Standing, missing_count
from receiver.core.ranges import count, without
from receiver.core.trail import Act
from receiver.store import audit, heartbeats, presence, stream_changes, stream_events, stream_states, workspaces
from receiver.store.engine import Store, Tx
from receiver.store.stream_states import StreamNow
from shared.encoding import JsonObject

WATCHER = "watcher"
_TAKEN_UNNOTED = 10_000
"""How many places may have been taken since a note, before it is written again only to be read from there."""


@dataclass(frozen=True, slots=True)
class Totals:
    """How many streams stand how, how many are forked, and how many entries are missing of all of them.

    Of those of collectors that ended only how they stand is counted: nobody mends them.
    """

    standing: Mapping[Standing, int]
    forked: int
    missing: int

    @property
    def states(self) -> dict[str, int]:
        """Every state with its count, the forked ones beside."""
        return {one.value: self.standing.get(one, 0) for one in Standing} | {"forked": self.forked}


def all_workspaces(store: Store) -> list[str]:
    """Name all workspaces."""
    return store.read(workspaces.all_ids)


def look(store: Store, workspace_id: str, now: datetime) -> Totals:
    """Look over a workspace's streams; raises `TryLaterError` where the database cannot be written now."""
    store.write(lambda tx: presence.note(tx, workspace_id, now))
    found, past = store.read(lambda tx: stream_states.going(tx, workspace_id, now))
    if any(_is_news(one) for one in found):
        found, past = store.write(lambda tx: _keep(tx, workspace_id, now))
    return Totals(
        Counter([*(one.state.standing for one in found), *past]),
        sum(one.state.forked_from is not None for one in found),
        sum(missing_count(one.state) for one in found),
    )


def _keep(tx: Tx, workspace_id: str, now: datetime) -> tuple[list[StreamNow], list[Standing]]:
    found, past = stream_states.going(tx, workspace_id, now)
    for one in found:
        if not _is_news(one):
            continue
        changed = _changes(one)
        last = heartbeats.latest(tx, workspace_id, one.stream_id) if changed else None
        for change in changed:
            stream_events.add(tx, workspace_id, one.stream_id, change, None if last is None else last.parts, now)
            detail: JsonObject = {"collector": one.collector_id, "stream": one.stream_id.hex()}
            if change.first is not None:
                detail["first"] = change.first
            if change.last is not None:
                detail["last"] = change.last
            audit.add(tx, workspace_id, Act(now, WATCHER, f"stream.{change.kind.value}", detail))
        stream_changes.note(tx, workspace_id, one, one.state.lacking(*LACKING))
    return found, past


def _is_news(one: StreamNow) -> bool:
    if _changes(one):
        return True
    # A gap that people closed, or many places behind a hole: nothing to tell, but the next look should start there.
    noted = one.noted
    if noted is None:
        return False
    fresh = 0 if one.head <= one.mark else count(without(one.taken, noted.taken or ((0, one.mark),)))
    return noted.lacking != one.state.lacking(*LACKING) or fresh > _TAKEN_UNNOTED


def _changes(one: StreamNow) -> tuple[Change, ...]:
    noted = one.noted
    if noted is None:
        return changes(Standing.LIVE, None, (), one.state)
    return changes(noted.standing, noted.forked_from, noted.lacking, one.state)
