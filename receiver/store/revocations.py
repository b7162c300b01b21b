"""Revocations by their number in the register, the keys that they ended, and what was released or taken back since."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import Row, Select, and_, func, insert, select

from receiver.core.admit import KeyState
from receiver.core.holding import End
from receiver.core.revocation import Loss, What
from receiver.store.collectors import CollectorStatus
from receiver.store.columns import micros, moment, moment_or_none
from receiver.store.engine import Tx
from receiver.store.revocation_tables import releases, revocations, revoked_keys, revoked_streams, taken_back
from shared.encoding import digest_text, parse_digest
from shared.errors import Code, StateError

CollectorsKey: TypeAlias = tuple[str, str]
"""A collector and the id of one of its keys."""

_BACK = and_(taken_back.c.workspace_id == revocations.c.workspace_id, taken_back.c.revocation == revocations.c.number)


@dataclass(frozen=True, slots=True)
class RevocationRow:
    """A revocation; `taken_back` is the register number of the statement that took it back.

    `status_before` is that of a collector; `since` None is always; `received_to` is the number of the last attestation
    that was stored before it.
    """

    number: int
    what: What
    subject: str
    kind: Loss
    since: datetime | None
    revoked_at: datetime
    status_before: CollectorStatus | None = None
    taken_back: int | None = None
    received_to: int | None = None


@dataclass(frozen=True, slots=True)
class EndedKey:
    """A key that a revocation ended, and what it was until then."""

    collector_id: str
    key_id: str
    state_before: KeyState


@dataclass(frozen=True, slots=True)
class Ends:
    """Standing revocations by the key or token that they end, and how far each stream had come before their time.

    `once_good` are the keys that a revocation, standing or not, ended; what is revoked and not among them never was.
    """

    keys: Mapping[CollectorsKey, tuple[End, ...]] = field(default_factory=dict)
    tokens: Mapping[str, tuple[End, ...]] = field(default_factory=dict)
    reach: Mapping[tuple[int, bytes], int] = field(default_factory=dict)
    once_good: frozenset[CollectorsKey] = frozenset()

    @property
    def collectors(self) -> frozenset[str]:
        """The collectors of which keys are ended."""
        return frozenset(collector_id for collector_id, _ in self.keys)

    def without(self, number: int) -> Ends:
        """Give the same as if one of them did not stand."""
        return Ends(_without(self.keys, number), _without(self.tokens, number), self.reach, self.once_good)

    def also(self, end: End, keys: Collection[CollectorsKey], token: str | None, reach: Mapping[bytes, int]) -> Ends:
        """Give the same as if one more stood."""
        more = dict(self.keys) | {one: (*self.keys.get(one, ()), end) for one in keys}
        tokens = dict(self.tokens) | ({} if token is None else {token: (*self.tokens.get(token, ()), end)})
        reached = dict(self.reach) | {(end.number, stream_id): sequence for stream_id, sequence in reach.items()}
        return Ends(more, tokens, reached, self.once_good)


def _without(ends: Mapping[Any, tuple[End, ...]], number: int) -> dict[Any, tuple[End, ...]]:
    left = {what: tuple(end for end in some if end.number != number) for what, some in ends.items()}
    return {what: some for what, some in left.items() if some}


def add(tx: Tx, workspace_id: str, row: RevocationRow, keys: Sequence[EndedKey], reach: Mapping[bytes, int]) -> None:
    """Keep a revocation, the keys that it ends, and how far each stream had come before its time."""
    tx.execute(
        insert(revocations).values(
            workspace_id=workspace_id,
            number=row.number,
            what=row.what.value,
            subject=row.subject,
            kind=row.kind.value,
            since=None if row.since is None else micros(row.since),
            revoked_at=micros(row.revoked_at),
            status_before=None if row.status_before is None else row.status_before.value,
            received_to=row.received_to,
        )
    )
    if keys:
        tx.execute(
            insert(revoked_keys),
            [
                {
                    "workspace_id": workspace_id,
                    "collector_id": one.collector_id,
                    "key_id": parse_digest(one.key_id),
                    "number": row.number,
                    "state_before": one.state_before.value,
                }
                for one in keys
            ],
        )
    if reach:
        tx.execute(
            insert(revoked_streams),
            [
                {"workspace_id": workspace_id, "number": row.number, "stream_id": stream_id, "reach": sequence}
                for stream_id, sequence in reach.items()
            ],
        )


def get(tx: Tx, workspace_id: str, number: int) -> RevocationRow:
    """Give a revocation; raises `StateError` (`not_found`)."""
    row = tx.execute(_rows(workspace_id).where(revocations.c.number == number)).one_or_none()
    if row is None:
        raise StateError(Code.NOT_FOUND, f"number {number} of the register is no revocation", "see the audit trail")
    return _read(row)


def every(tx: Tx, workspace_id: str) -> list[RevocationRow]:
    """Give all revocations, oldest first."""
    return [_read(row) for row in tx.execute(_rows(workspace_id).order_by(revocations.c.number))]


def of_subject(tx: Tx, workspace_id: str, what: What, subject: str) -> list[RevocationRow]:
    """Give the standing revocations that name something, oldest first."""
    asked = _rows(workspace_id).where(
        revocations.c.what == what.value, revocations.c.subject == subject, taken_back.c.number.is_(None)
    )
    return [_read(row) for row in tx.execute(asked.order_by(revocations.c.number))]


def keys_of(tx: Tx, workspace_id: str, number: int) -> list[EndedKey]:
    """Give the keys that a revocation ended."""
    found = tx.execute(
        select(revoked_keys.c.collector_id, revoked_keys.c.key_id, revoked_keys.c.state_before)
        .where(revoked_keys.c.workspace_id == workspace_id, revoked_keys.c.number == number)
        .order_by(revoked_keys.c.key_id)
    )
    return [EndedKey(row.collector_id, digest_text(row.key_id), KeyState(row.state_before)) for row in found]


def state_until_revoked(tx: Tx, workspace_id: str, collector_id: str, key_id: str) -> KeyState | None:
    """Say what a key was before it was revoked; None for one that was never anything else."""
    found = tx.execute(
        select(revoked_keys.c.state_before)
        .where(
            revoked_keys.c.workspace_id == workspace_id,
            revoked_keys.c.collector_id == collector_id,
            revoked_keys.c.key_id == parse_digest(key_id),
            revoked_keys.c.state_before != KeyState.REVOKED.value,
        )
        .order_by(revoked_keys.c.number.desc())
        .limit(1)
    ).scalar_one_or_none()
    return None if found is None else KeyState(found)


def status_until_revoked(tx: Tx, workspace_id: str, collector_id: str) -> CollectorStatus | None:
    """Say what a collector was before it was revoked; None where that is not known."""
    found = tx.execute(
        select(revocations.c.status_before)
        .where(
            revocations.c.workspace_id == workspace_id,
            revocations.c.what == What.COLLECTOR.value,
            revocations.c.subject == collector_id,
            revocations.c.status_before != CollectorStatus.REVOKED.value,
        )
        .order_by(revocations.c.number.desc())
        .limit(1)
    ).scalar_one_or_none()
    return None if found is None else CollectorStatus(found)


def ends(tx: Tx, workspace_id: str, collector_ids: Collection[str], token_ids: Collection[str]) -> Ends:
    """Give the standing revocations of these collectors' keys and of these tokens."""
    if tx.execute(select(revocations.c.number).where(revocations.c.workspace_id == workspace_id).limit(1)).first():
        return _ends(tx, workspace_id, collector_ids, token_ids)
    return Ends()


def everything_ended(tx: Tx, workspace_id: str) -> Ends:
    """Give all standing revocations of a workspace."""
    return _ends(tx, workspace_id, None, None)


def _ends(tx: Tx, workspace_id: str, collector_ids: Collection[str] | None, token_ids: Collection[str] | None) -> Ends:
    keys: dict[CollectorsKey, tuple[End, ...]] = {}
    once_good: set[CollectorsKey] = set()
    numbers: set[int] = set()
    its = and_(revocations.c.workspace_id == revoked_keys.c.workspace_id, revocations.c.number == revoked_keys.c.number)
    asked = (
        select(revoked_keys, revocations.c.since, revocations.c.received_to, taken_back.c.number.label("back"))
        .select_from(revoked_keys.join(revocations, its).outerjoin(taken_back, _BACK))
        .where(revoked_keys.c.workspace_id == workspace_id)
    )
    if collector_ids is not None:
        asked = asked.where(revoked_keys.c.collector_id.in_(list(collector_ids)))
    for row in tx.execute(asked):
        key = (row.collector_id, digest_text(row.key_id))
        if row.state_before in {KeyState.ACTIVE, KeyState.RETIRED}:
            once_good.add(key)
        if row.back is None:
            keys[key] = (*keys.get(key, ()), End(row.number, moment_or_none(row.since), row.received_to))
            numbers.add(row.number)
    return Ends(
        keys,
        _token_ends(tx, workspace_id, token_ids),
        _reach(tx, workspace_id, numbers),
        frozenset(once_good),
    )


def _token_ends(tx: Tx, workspace_id: str, token_ids: Collection[str] | None) -> dict[str, tuple[End, ...]]:
    asked = _rows(workspace_id).where(revocations.c.what == What.TOKEN.value, taken_back.c.number.is_(None))
    if token_ids is not None:
        asked = asked.where(revocations.c.subject.in_(list(token_ids)))
    found: dict[str, tuple[End, ...]] = {}
    for row in tx.execute(asked):
        found[row.subject] = (*found.get(row.subject, ()), End(row.number, moment_or_none(row.since)))
    return found


def reach_of(tx: Tx, workspace_id: str, number: int) -> dict[bytes, int]:
    """Give how far each stream (16 bytes) had come before the time of a revocation; one that had not is left out."""
    return {stream_id: sequence for (_, stream_id), sequence in _reach(tx, workspace_id, (number,)).items()}


def _reach(tx: Tx, workspace_id: str, numbers: Collection[int]) -> dict[tuple[int, bytes], int]:
    if not numbers:
        return {}
    found = tx.execute(
        select(revoked_streams).where(
            revoked_streams.c.workspace_id == workspace_id, revoked_streams.c.number.in_(list(numbers))
        )
    )
    return {(row.number, row.stream_id): row.reach for row in found}


def released(tx: Tx, workspace_id: str, ids: Collection[bytes]) -> dict[bytes, int]:
    """Give of those of these attestations that were released the register number of the newest release."""
    found = tx.execute(
        select(releases.c.id, releases.c.number)
        .where(releases.c.workspace_id == workspace_id, releases.c.id.in_(list(ids)))
        .order_by(releases.c.number)
    )
    return {row.id: row.number for row in found}


def newest_moment(tx: Tx, workspace_id: str) -> datetime | None:
    """Say when something of a workspace was revoked last."""
    asked = select(func.max(revocations.c.revoked_at)).where(revocations.c.workspace_id == workspace_id)
    return moment_or_none(tx.execute(asked).scalar_one())


def _rows(workspace_id: str) -> Select[Any]:
    return (
        select(revocations, taken_back.c.number.label("back"))
        .select_from(revocations.outerjoin(taken_back, _BACK))
        .where(revocations.c.workspace_id == workspace_id)
    )


def _read(row: Row[Any]) -> RevocationRow:
    return RevocationRow(
        row.number,
        What(row.what),
        row.subject,
        Loss(row.kind),
        moment_or_none(row.since),
        moment(row.revoked_at),
        None if row.status_before is None else CollectorStatus(row.status_before),
        row.back,
        row.received_to,
    )
