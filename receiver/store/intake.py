"""What the judging of a batch needs from the tables, and what it leaves there: a handful of queries per batch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from receiver.core.admit import Examined, KnownKey, Placed, Sender, Unreadable
from receiver.core.placing import Known, Outcome, Status, StreamState, Verdict, spots_around
from receiver.core.posting import Record
from receiver.core.rotation import Rotation
from receiver.store import attestations, collectors, contradictions, rotations, streams, workspaces
from receiver.store.attestations import AttestationRow, FromCollector, New
from receiver.store.collectors import CollectorKey
from receiver.store.engine import Tx
from receiver.store.parts import parts_of
from receiver.store.rotations import RotationRow
from receiver.store.workspaces import Workspace
from shared.keys import PublicKey
from shared.stream import contiguous


def sender(tx: Tx, workspace: Workspace, collector_id: str) -> Sender:
    """Give what is registered about a collector; raises `StateError` (`not_found`)."""
    row = collectors.get(tx, workspace.workspace_id, collector_id)
    keys = {one.key.public.key_id: one.key for one in collectors.keys(tx, workspace.workspace_id, collector_id)}
    return Sender(collector_id, keys, workspaces.accepted_audiences(tx, workspace), row.limits)


def known(tx: Tx, workspace_id: str, entries: Sequence[Placed | Unreadable], beats: Iterable[bytes] = ()) -> Known:
    """Give what is known around the places of these entries, and of the streams of these heartbeats."""
    placed = [entry for entry in entries if isinstance(entry, Placed)]
    evidence = [entry for entry in placed if isinstance(entry, Examined)]
    turns = [entry for entry in placed if isinstance(entry, Rotation)]
    stream_ids = {entry.stream_id for entry in placed} | set(beats)
    ids = attestations.known_ids(tx, workspace_id, [entry.id for entry in evidence]) if evidence else frozenset()
    observations = [entry.observation for entry in evidence]
    return Known(
        ids | rotations.known_ids(tx, workspace_id, [entry.id for entry in turns]) if turns else ids,
        streams.states(tx, workspace_id, stream_ids),
        streams.known_places(tx, workspace_id, spots_around(placed)),
        attestations.first_of_observations(tx, workspace_id, observations) if observations else {},
        frozenset(key.key_id for key in (entry.new_key for entry in turns) if _is_taken(tx, key)),
    )


def _is_taken(tx: Tx, key: PublicKey) -> bool:
    """Say whether a key is known anywhere: a collector's, or one of our own."""
    return collectors.key_owner(tx, key.key_id) is not None or workspaces.is_own_key(tx, key.raw)


def store(tx: Tx, workspace_id: str, before: Known, outcome: Outcome, now: datetime) -> dict[bytes, StreamState]:
    """Store what was judged; gives every touched stream as it is now."""
    streams.add_places(tx, workspace_id, outcome.new_places)
    streams.mark_stored(tx, workspace_id, outcome.stored_places)
    changed = {
        stream_id: replace(state, mark=_mark(tx, workspace_id, stream_id, state.mark, outcome))
        for stream_id, state in outcome.streams.items()
    }
    streams.save(tx, workspace_id, before.streams, changed, now)
    touched = {stream_id: changed.get(stream_id) or before.streams[stream_id] for stream_id in outcome.touched}
    stored = [one for one in outcome.verdicts if one.status in (Status.ACCEPTED, Status.HELD)]
    for one in stored:
        if isinstance(one.entry, Rotation):
            row = _rotation_of(touched[one.entry.stream_id].collector_id, one.entry, one, now)
            _store_rotation(tx, workspace_id, row, outcome.keys)
    kept = [one for one in stored if isinstance(one.entry, Examined)]
    if kept:
        first = attestations.next_number(tx)
        new = [new_of(first + at, one, now) for at, one in enumerate(kept)]
        attestations.add(tx, workspace_id, new)
        contradictions.look_around(tx, workspace_id, new, now)
    return touched


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


def _mark(tx: Tx, workspace_id: str, stream_id: bytes, mark: int, outcome: Outcome) -> int:
    """Move a mark over the places of this batch, then over those that were waiting behind them."""
    new = [sequence for stream, sequence in outcome.new_places if stream == stream_id]
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
