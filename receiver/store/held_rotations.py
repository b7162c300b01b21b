"""Rotations that were held where their stream parted: whether one may count now, and what becomes of its keys then.

Invariants: the rotation's place is its own and nothing parts its stream there any more; the key that signed it is the
collector's active one and came in by what counts; no revocation stands against the new one. The keys are then what they
would be had the rotation counted when it came; a fork that comes back holds anew (`core.holding.in_vain`).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from sqlalchemy import select

from receiver.core.admit import KeyState
from receiver.core.holding import Standing, in_vain
from receiver.core.placing import Status
from receiver.store import collectors, intake, revocations, streams, suspects, workspaces
from receiver.store.columns import micros
from receiver.store.engine import Tx
from receiver.store.rotations import RotationRow
from receiver.store.schema import attestations, envelopes
from shared.encoding import parse_digest
from shared.errors import Code

_MEND = "revoke the key of the other branch first"
_ENROL = "enrol the host anew: what it signed until then can be released one by one"


def standing(row: RotationRow) -> Standing:
    """Say how a rotation stands."""
    if row.counts:
        return Standing(Status.ACCEPTED, released_by=row.released)
    return Standing(row.status, row.code)


def refusal(tx: Tx, workspace_id: str, row: RotationRow) -> str | None:
    """Say why a held rotation cannot be released now; None where it can."""
    if row.code is not Code.FORKED:
        return f"it is held as {row.code}, and so it stays: {_ENROL}"
    return _of_its_keys(tx, workspace_id, row) or _of_its_stream(tx, workspace_id, row)


def _of_its_keys(tx: Tx, workspace_id: str, row: RotationRow) -> str | None:
    keys = {one.key.public.key_id: one.key for one in collectors.keys(tx, workspace_id, row.collector_id)}
    ended = revocations.ends(tx, workspace_id, (row.collector_id,), ()).keys
    ends_with = (row.collector_id, row.new_key_id) in ended or keys[row.new_key_id].state is not KeyState.REVOKED
    if ends_with or keys[row.old_key_id].state is not KeyState.ACTIVE:
        return f"one of its keys was revoked or retired since: {_ENROL}"
    if row.old_key_id in in_vain(suspects.turns(tx, workspace_id, [row.collector_id]).get(row.collector_id, ())):
        return f"its older key came in where a stream parts: {_MEND}"
    return (
        f"its older key signed in another stream since it came: {_ENROL}" if _signed_on(tx, workspace_id, row) else None
    )


def _of_its_stream(tx: Tx, workspace_id: str, row: RotationRow) -> str | None:
    spot = (row.stream_id, row.sequence)
    parts = streams.states(tx, workspace_id, [row.stream_id])[row.stream_id].forked_from
    if parts is not None and parts <= row.sequence:
        return f"its stream parts at {parts}: {_MEND}"
    here = streams.known_places(tx, workspace_id, [spot]).get(spot)
    return None if here is not None and here.id == row.id else f"another entry stands at its place: {_ENROL}"


def let_count(tx: Tx, workspace_id: str, row: RotationRow, now: datetime) -> None:
    """Turn the keys as the rotation says; what the new one signed takes its places."""
    (old,) = (
        one.key
        for one in collectors.keys(tx, workspace_id, row.collector_id)
        if one.key.public.key_id == row.old_key_id
    )
    retired = replace(old, state=KeyState.RETIRED, retired_from=row.sequence, retired_stream=row.stream_id)
    collectors.set_key(tx, workspace_id, retired)
    collectors.set_key_state(tx, workspace_id, (row.new_key_id,), KeyState.ACTIVE)
    workspace = workspaces.get(tx, workspace_id)
    intake.settle(tx, workspace, row.collector_id, (row.new_key_id,), now)


def _signed_on(tx: Tx, workspace_id: str, row: RotationRow) -> bool:
    """Say whether the older key signed in another stream what came later: whoever verifies would not believe that."""
    asked = (
        select(attestations.c.n)
        .join(envelopes, envelopes.c.n == attestations.c.n)
        .where(
            attestations.c.workspace_id == workspace_id,
            attestations.c.collector_id == row.collector_id,
            attestations.c.stream_id != row.stream_id,
            attestations.c.received_at > micros(row.received_at),
            envelopes.c.key_id == parse_digest(row.old_key_id),
        )
    )
    return tx.execute(asked.limit(1)).first() is not None
