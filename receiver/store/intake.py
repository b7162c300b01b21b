"""What the judging of a batch needs from the tables, and what it leaves there: a handful of queries per batch."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from receiver.core.admit import Examined, KnownKey, Placed, Sender, Unreadable, examine_all
from receiver.core.judging import Desk
from receiver.core.placing import Known, Outcome, Spot, Status, StreamState, Verdict, spots_around
from receiver.core.posting import Record
from receiver.core.rotation import Rotation
from receiver.store import (
    attestations,
    collectors,
    contradictions,
    disputes,
    rotations,
    stranded,
    stream_changes,
    streams,
    workspaces,
)
from receiver.store.attestations import AttestationRow, FromCollector, New
from receiver.store.collectors import CollectorKey
from receiver.store.engine import Tx
from receiver.store.parts import parts_of
from receiver.store.rotations import RotationRow
from receiver.store.stranded import Led
from receiver.store.workspaces import Workspace
from shared.errors import Code
from shared.keys import PublicKey
from shared.stream import contiguous

_FOR_ITS_KEY = frozenset({Code.KEY_REVOKED, Code.KEY_RETIRED})


def sender(tx: Tx, workspace: Workspace, collector_id: str) -> Sender:
    """Give what is registered about a collector; raises `StateError` (`not_found`)."""
    row = collectors.get(tx, workspace.workspace_id, collector_id)
    keys = {one.key.public.key_id: one.key for one in collectors.keys(tx, workspace.workspace_id, collector_id)}
    return Sender(collector_id, keys, workspaces.accepted_audiences(tx, workspace), row.limits)


def senders(tx: Tx, workspace: Workspace, collector_ids: Collection[str]) -> dict[str, tuple[Sender, timedelta]]:
    """Give what is registered about some collectors, and their lags; those that are not known here are left out."""
    rows = collectors.some(tx, workspace.workspace_id, collector_ids)
    keys = collectors.keys_of(tx, workspace.workspace_id, collector_ids)
    audiences = workspaces.accepted_audiences(tx, workspace)
    return {one: (Sender(one, keys[one], audiences, row.limits), row.lag) for one, row in rows.items()}


def known(
    tx: Tx,
    workspace_id: str,
    collector_id: str,
    entries: Sequence[Placed | Unreadable],
    beats: Iterable[bytes] = (),
) -> Known:
    """Give what is known around the places of these entries of a collector, and of the streams of these heartbeats."""
    placed = [entry for entry in entries if isinstance(entry, Placed)]
    evidence = [entry for entry in placed if isinstance(entry, Examined)]
    turns = [entry for entry in placed if isinstance(entry, Rotation)]
    stream_ids = {entry.stream_id for entry in placed} | set(beats)
    ids = attestations.known_ids(tx, workspace_id, [entry.id for entry in evidence]) if evidence else frozenset()
    observations = [entry.observation for entry in evidence]
    states = streams.states(tx, workspace_id, stream_ids)
    return Known(
        ids | rotations.known_ids(tx, workspace_id, [entry.id for entry in turns]) if turns else ids,
        states,
        streams.known_places(tx, workspace_id, spots_around(placed)),
        attestations.first_of_observations(tx, workspace_id, observations) if observations else {},
        frozenset(key.key_id for key in (entry.new_key for entry in turns) if _is_taken(tx, key)),
        rotations.count_idle(tx, workspace_id, collector_id) if turns else 0,
        streams.count_open(tx, workspace_id, collector_id) if stream_ids - states.keys() else 0,
    )


def _is_taken(tx: Tx, key: PublicKey) -> bool:
    """Say whether a key is known anywhere: a collector's, or one of our own."""
    return collectors.key_owner(tx, key.key_id) is not None or workspaces.is_own_key(tx, key.raw)


def store(tx: Tx, workspace_id: str, before: Known, outcome: Outcome, now: datetime) -> dict[bytes, StreamState]:
    """Store what was judged; gives every touched stream as it is now."""
    disputes.note_partings(tx, workspace_id, outcome.partings, now)
    streams.add_places(tx, workspace_id, outcome.new_places, now)
    streams.mark_stored(tx, workspace_id, outcome.stored_places)
    _keep(tx, workspace_id, outcome, now)
    # Only now: what a place leads to may have come with this very batch.
    known_streams = {**before.streams, **outcome.streams}
    late = stranded.Late(_without_places(outcome), outcome.keys, known_streams)
    led = stranded.lead_down(tx, workspace_id, outcome.new_places, before.places, late)
    _dispute(tx, workspace_id, outcome, led, now)
    spots = {*outcome.new_places, *led.given}
    moved = {stream_id for stream_id, _ in (*led.given, *led.lost)} | {one.stream_id for one in led.parted}
    changed = {
        stream_id: _moved(tx, workspace_id, stream_id, known_streams[stream_id], spots, led)
        for stream_id in {**outcome.streams, **dict.fromkeys(moved)}
    }
    streams.save(tx, workspace_id, before.streams, changed, now)
    return {stream_id: changed.get(stream_id) or before.streams[stream_id] for stream_id in outcome.touched}


def _without_places(outcome: Outcome) -> list[Placed]:
    """Give what was stored without a place although its key was good below a rotation of this stream."""
    found: list[Placed] = []
    for one in outcome.verdicts:
        entry = one.entry
        if one.code not in _FOR_ITS_KEY or one.status is not Status.HELD or not isinstance(entry, Examined):
            continue
        key, place = outcome.keys[entry.envelope.key_id], outcome.new_places.get((entry.stream_id, entry.sequence))
        below = key.retired_from is not None and entry.sequence < key.retired_from
        if below and key.retired_stream == entry.stream_id and (place is None or place.id != entry.id):
            found.append(entry)
    return found


def _dispute(tx: Tx, workspace_id: str, outcome: Outcome, led: Led, now: datetime) -> None:
    """Keep what speaks against streams."""
    disputes.note_partings(tx, workspace_id, led.parted, now)
    disputes.note_displaced(tx, workspace_id, led.lost, led.lost_to, now)
    for stream_id in {stream_id for stream_id, _ in led.lost}:
        stream_changes.forget_taken(tx, workspace_id, stream_id)
    seen = {(stream_id, led.lost_to[stream_id, sequence]): sequence for stream_id, sequence in led.lost}
    disputes.note_holders(tx, workspace_id, outcome.collector_id, {**seen, **outcome.doubled}, now)


def _moved(
    tx: Tx, workspace_id: str, stream_id: bytes, state: StreamState, taken: Collection[Spot], led: Led
) -> StreamState:
    """Give a stream as its places are now."""
    freed = [sequence for stream, sequence in led.lost if stream == stream_id]
    if min(freed, default=state.mark + 1) <= state.mark:
        state = replace(state, mark=streams.mark_from(tx, workspace_id, stream_id, min(freed) - 1))
    parted = [one.sequence for one in led.parted if one.stream_id == stream_id]
    if parted and (state.forked_from is None or min(parted) < state.forked_from):
        state = replace(state, forked_from=min(parted))
    return replace(state, mark=_mark(tx, workspace_id, stream_id, state.mark, taken))


def settle(tx: Tx, workspace: Workspace, collector_id: str, key_ids: Collection[str], now: datetime) -> None:
    """Give places to what was held for these keys of a collector, now that they are good again; parts streams too."""
    whose = sender(tx, workspace, collector_id)
    for portion in stranded.held_for(tx, workspace.workspace_id, collector_id, key_ids):
        entries = [one for one in examine_all(portion, whose) if isinstance(one, Placed)]
        before = known(tx, workspace.workspace_id, collector_id, entries)
        store(tx, workspace.workspace_id, before, Desk(whose, before).settle(entries), now)


def _keep(tx: Tx, workspace_id: str, outcome: Outcome, now: datetime) -> None:
    """Store the entries that are not refused, and register the keys that they introduce."""
    stored = [one for one in outcome.verdicts if one.status in (Status.ACCEPTED, Status.HELD)]
    for one in stored:
        if isinstance(one.entry, Rotation):
            row = _rotation_of(outcome.collector_id, one.entry, one, now)
            _store_rotation(tx, workspace_id, row, outcome.keys)
    kept = [one for one in stored if isinstance(one.entry, Examined)]
    if kept:
        first = attestations.next_number(tx)
        new = [new_of(first + at, one, now) for at, one in enumerate(kept)]
        attestations.add(tx, workspace_id, new)
        contradictions.look_around(tx, workspace_id, new, now)


def _rotation_of(collector_id: str, entry: Rotation, verdict: Verdict, received_at: datetime) -> RotationRow:
    return RotationRow(
        entry.id,
        collector_id,
        entry.stream_id,
        entry.sequence,
        verdict.status,
        verdict.code,
        received_at,
        entry.envelope,
    )


def _store_rotation(tx: Tx, workspace_id: str, row: RotationRow, keys: Mapping[str, KnownKey]) -> None:
    """Store a rotation and register its new key, with both keys as the whole batch left them."""
    rotations.add(tx, workspace_id, row)
    new_key = CollectorKey(row.collector_id, keys[row.new_key_id], row.received_at, introduced_by=row.old_key_id)
    collectors.add_key(tx, workspace_id, new_key)
    if row.status is Status.ACCEPTED:
        collectors.set_key(tx, workspace_id, keys[row.old_key_id])


def _row_of(n: int, entry: Examined, verdict: Verdict, received_at: datetime) -> AttestationRow:
    """Give the columns that an attestation is found by; every one of them is said by its signed bytes or by us."""
    said = entry.said
    return AttestationRow(
        n=n,
        id=entry.id,
        record=Record.ATTESTATION,
        origin=FromCollector(said.collector_id, entry.stream_id, entry.sequence, entry.observation, verdict.repeat_of),
        status=verdict.status,
        code=verdict.code,
        received_at=received_at,
        observed_at=said.observed_at,
        type=said.type,
        name=said.name,
        basis=said.basis,
        passed=said.passed,
        repository=said.repository,
        commit=said.commit,
        branch=said.branch,
        pr_number=said.pr_number,
        run=said.run,
        service=said.service,
        environment=said.environment,
    )


def _mark(tx: Tx, workspace_id: str, stream_id: bytes, mark: int, taken: Iterable[Spot]) -> int:
    """Move a mark over the places that were taken now, then over those that were waiting behind them."""
    new = [sequence for stream, sequence in taken if stream == stream_id]
    moved = contiguous(mark, new)
    return moved if moved == mark else streams.mark_from(tx, workspace_id, stream_id, moved)


def new_of(n: int, verdict: Verdict, received_at: datetime) -> New:
    """Give what is stored of an entry that is stored."""
    entry = verdict.entry
    if not isinstance(entry, Examined):
        msg = "only what was examined is stored"
        raise TypeError(msg)
    return New(
        _row_of(n, entry, verdict, received_at),
        parts_of(entry.envelope),
        entry.said.digests,
        entry.said.against,
        entry.said.components,
        entry.said.dated,
    )
