"""Streams: their marks, heads and places, the rotations in them, and the latest heartbeat of each."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from itertools import pairwise

from receiver.checks.walk import Walk
from receiver.core.beats import Beat, examine_beat
from receiver.core.fsck import check_stream
from receiver.core.hearing import hear
from receiver.core.placing import Place, Spot, StreamState
from receiver.store import collectors, disputes, heartbeats, register, rotations, streams, whole
from receiver.store.heartbeats import HeartbeatRow
from shared.encoding import digest_text
from shared.errors import CarnetError, Code

_FOR_ITS_KEY = frozenset({Code.KEY_REVOKED, Code.KEY_RETIRED})


def check_streams(walk: Walk) -> None:
    """Compare each stream with its places, and each rotation with the place that it names."""
    states, ever = streams.all_states(walk.tx, walk.workspace_id), disputes.ever_parted(walk.tx, walk.workspace_id)
    walk.states = {
        stream_id: replace(state, forked_from=ever.get(stream_id, state.forked_from))
        for stream_id, state in states.items()
    }
    counting = {
        stream_id: fork
        for collector_id in {states[stream_id].collector_id for stream_id in ever if stream_id in states}
        for stream_id, fork in disputes.forks(walk.tx, walk.workspace_id, collector_id).items()
    }
    parted, nothing = whole.parted(walk.tx, walk.workspace_id), whole.places_of_nothing(walk.tx, walk.workspace_id)
    for stream_id, state in walk.states.items():
        problems = check_stream(state, streams.all_places(walk.tx, walk.workspace_id, stream_id))
        problems += [f"what stands at sequence {sequence} is not here" for sequence in nothing.pop(stream_id, ())]
        fork, marked = counting.get(stream_id), states[stream_id].forked_from
        if marked != (None if fork is None else fork.sequence):
            problems.append(f"it is said to part at {marked}, what parted it says otherwise")
        problems += _parted(walk, stream_id, states[stream_id], parted.get(stream_id))
        walk.add(f"stream {stream_id.hex()}", problems)
    for stream_id in nothing:
        walk.add(f"stream {stream_id.hex()}", ["it has places, and is not here"])
    turned = rotations.rows(walk.tx, walk.workspace_id)
    places = streams.known_places(walk.tx, walk.workspace_id, [(row.stream_id, row.sequence) for row in turned])
    for row in turned:
        spot = (row.stream_id, row.sequence)
        problems = check_place(walk.states, places, spot, row.id, row.collector_id, row.code)
        followed = walk.followed.get(row.collector_id)
        if followed is None:
            problems.append("its collector is not registered")
        elif row.id in followed.previous:
            problems += check_link(places.get(spot), row.id, followed.previous[row.id])
        walk.add(f"rotation {digest_text(row.id)}", problems)


def check_place(
    states: Mapping[bytes, StreamState],
    places: Mapping[Spot, Place],
    spot: Spot,
    stored_id: bytes,
    collector_id: str,
    code: Code | None,
    displaced: Collection[bytes] = (),
) -> list[str]:
    """Compare the place that something stored names with what stands there.

    What is held for its key may have none, nor need it have what lost its place (`displaced`, by its id).
    """
    state, place = states.get(spot[0]), places.get(spot)
    if place is not None and place.id == stored_id:
        problems = [] if place.stored else ["its place says that it was refused"]
    elif code in _FOR_ITS_KEY or stored_id in displaced:
        return []
    elif place is None:
        problems = ["its place in the stream is empty"]
    elif state is None or state.forked_from is None or state.forked_from > spot[1]:
        problems = ["another one stands at its place, and no fork is marked"]
    else:
        problems = []
    if state is None or state.collector_id != collector_id:
        problems.append("its stream is not its collector's")
    return problems


def check_link(place: Place | None, stored_id: bytes, signed: bytes | None) -> list[str]:
    """Compare the id that a place names as the one before it with what was signed by what stands there."""
    if place is None or place.id != stored_id or place.previous == signed:
        return []
    return ["its place names another one before it than was signed"]


def _parted(walk: Walk, stream_id: bytes, state: StreamState, after: int | None) -> list[str]:
    """Compare where a stream is said to part, and what the register held when that was found, with the audit trail.

    What parted before that was told to the trail must at least have two branches, and be in the register's past.
    """
    told = walk.order.parted.get(stream_id)
    if told is not None:
        return [] if (state.forked_from, after) == told else ["it parts elsewhere than the audit trail tells"]
    if state.forked_from is None:
        return [] if after is None else ["it is said when it was found to part, and not where"]
    problems = []
    if not whole.has_branches(walk.tx, walk.workspace_id, stream_id, state.forked_from):
        problems.append(f"it is said to part at sequence {state.forked_from}, and nothing there does")
    if after is not None and not 0 <= after < register.next_place(walk.tx, walk.workspace_id).number:
        problems.append("it is said to have been found to part after what the register does not have")
    return problems


def check_heartbeats(walk: Walk) -> None:
    """Compare the latest heartbeat of each stream with its row: what it says, and what can be told of the rest."""
    for row in heartbeats.every(walk.tx, walk.workspace_id):
        walk.add(f"heartbeat of {row.stream_id.hex()}", _heartbeat(walk, row))


def _heartbeat(walk: Walk, row: HeartbeatRow) -> list[str]:
    sender, state = walk.sender(row.collector_id), walk.states.get(row.stream_id)
    if sender is None:
        return ["its collector is not registered"]
    try:
        beat = examine_beat(row.parts.envelope().to_bytes(), sender)
    except CarnetError as error:
        return [error.detail]
    problems = []
    if (beat.stream_id, beat.envelope.id) != (row.stream_id, row.id):
        problems.append("its row is not what was signed")
    if state is None or state.collector_id != row.collector_id:
        problems.append("its stream is not its collector's")
    return problems + _said(walk, row, beat)


def _said(walk: Walk, row: HeartbeatRow, beat: Beat) -> list[str]:
    """Take the heartbeat in once more, behind what its row says of those before it."""
    lag = collectors.lag(walk.tx, walk.workspace_id, row.collector_id)
    kept = row.heard
    signed = hear(beat.content, kept, kept.received_at, lag)
    columns = ("beat", "issued_at", "high_water", "head", "waiting", "refused", "dropped", "closed", "steps")
    problems = [
        f"its column {name} is not what was signed" for name in columns if getattr(kept, name) != getattr(signed, name)
    ]
    rising = all(one.high < other.high and one.at <= other.at for one, other in pairwise(kept.steps))
    if not rising or any(step.high < 0 or step.at > kept.received_at for step in kept.steps):
        problems.append("its steps do not rise to the time of it")
    return problems
