"""Collectors, the keys that are registered for them, and the nonces of their access requests."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Any

from sqlalchemy import Row, bindparam, delete, insert, select, update

from receiver.core.admit import KeyState, KnownKey
from receiver.store.columns import micros, moment, moment_or_none
from receiver.store.engine import Tx
from receiver.store.identity_tables import access_nonces, collector_keys, collectors
from receiver.store.known_keys import INTRODUCED, known_key, with_introductions
from shared.encoding import canonical, digest_text, parse_digest, parse_object
from shared.errors import Code, StateError
from shared.predicates import Limits

NONCES_KEPT = timedelta(days=400)

# Asked for with every batch: built once, since building a query takes several times as long as running it.
_GET = select(collectors).where(
    collectors.c.workspace_id == bindparam("its_workspace"), collectors.c.collector_id == bindparam("its_id")
)
_LAG = select(collectors.c.lag_seconds).where(
    collectors.c.workspace_id == bindparam("its_workspace"), collectors.c.collector_id == bindparam("its_id")
)
_KEYS = (
    select(collector_keys, *INTRODUCED)
    .select_from(with_introductions(collector_keys))
    .where(collector_keys.c.workspace_id == bindparam("its_workspace"))
    .order_by(collector_keys.c.added_at)
)
_KEYS_OF = _KEYS.where(collector_keys.c.collector_id == bindparam("its_id"))
_OWNER = select(collector_keys.c.workspace_id, collector_keys.c.collector_id).where(
    collector_keys.c.key_id == bindparam("its_key")
)
_SOME = select(collectors).where(
    collectors.c.workspace_id == bindparam("its_workspace"),
    collectors.c.collector_id.in_(bindparam("its_ids", expanding=True)),
)
_KEYS_OF_SOME = _KEYS.where(collector_keys.c.collector_id.in_(bindparam("its_ids", expanding=True)))


class CollectorStatus(StrEnum):
    """Where a collector stands; a pending one waits for a person."""

    PENDING = "pending"
    ACTIVE = "active"
    REVOKED = "revoked"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class Collector:
    """A collector as it is registered; `enrolment` is the register number of the statement that took it in.

    `lag` is how long its entries may be on their way, by what an admin said.
    """

    collector_id: str
    name: str
    status: CollectorStatus
    limits: Limits
    created_at: datetime
    enrolled_at: datetime | None = None
    enrolment: int | None = None
    lag: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class CollectorKey:
    """A key that is registered for a collector; `introduced_by` is the id of the key whose rotation brought it."""

    collector_id: str
    key: KnownKey
    added_at: datetime
    introduced_by: str | None = None


def limits_to_row(limits: Limits) -> str:
    """Write limits as a row keeps them."""
    return canonical(limits.to_wire()).decode()


def limits_from_row(text: str) -> Limits:
    """Read limits from a row."""
    return Limits.from_wire(parse_object(text.encode()))


def add(tx: Tx, workspace_id: str, row: Collector) -> None:
    """Add a collector."""
    tx.execute(
        insert(collectors).values(
            workspace_id=workspace_id,
            collector_id=row.collector_id,
            name=row.name,
            status=row.status.value,
            limits=limits_to_row(row.limits),
            created_at=micros(row.created_at),
            enrolled_at=None if row.enrolled_at is None else micros(row.enrolled_at),
            enrolment=row.enrolment,
        )
    )


def activate(tx: Tx, workspace_id: str, collector_id: str, enrolment: int, now: datetime) -> None:
    """Take in a pending collector and its key, under the registered statement with this number."""
    tx.execute(
        update(collectors)
        .where(collectors.c.workspace_id == workspace_id, collectors.c.collector_id == collector_id)
        .values(status=CollectorStatus.ACTIVE.value, enrolled_at=micros(now), enrolment=enrolment)
    )
    tx.execute(
        update(collector_keys)
        .where(
            collector_keys.c.workspace_id == workspace_id,
            collector_keys.c.collector_id == collector_id,
            collector_keys.c.state == KeyState.PENDING.value,
        )
        .values(state=KeyState.ACTIVE.value)
    )


def get(tx: Tx, workspace_id: str, collector_id: str) -> Collector:
    """Give a collector; raises `StateError` (`not_found`), for another workspace's too."""
    row = tx.execute(_GET, {"its_workspace": workspace_id, "its_id": collector_id}).one_or_none()
    if row is None:
        raise unknown()
    return _read(row)


def unknown() -> StateError:
    """Give the refusal where there is no such collector, for another workspace's too."""
    return StateError(Code.NOT_FOUND, "there is no such collector in this workspace")


def some(tx: Tx, workspace_id: str, collector_ids: Collection[str]) -> dict[str, Collector]:
    """Give some collectors by their ids; those that are not of this workspace are left out."""
    found = tx.execute(_SOME, {"its_workspace": workspace_id, "its_ids": list(collector_ids)})
    # Most of a fleet have the same limits, which take longer to read than all else of a row.
    limits = cache(limits_from_row)
    return {row.collector_id: _read(row, limits) for row in found}


def lag(tx: Tx, workspace_id: str, collector_id: str) -> timedelta:
    """Say how long a collector's entries may be on their way by what an admin said; none where nobody did."""
    found = tx.execute(_LAG, {"its_workspace": workspace_id, "its_id": collector_id}).scalar_one_or_none()
    return timedelta(seconds=found or 0)


def set_rhythm(tx: Tx, workspace_id: str, collector_id: str, lag: timedelta, *, intermittent: bool) -> None:
    """Keep how a collector sends: with which lag, and whether it may be silent for any time."""
    tx.execute(
        update(collectors)
        .where(collectors.c.workspace_id == workspace_id, collectors.c.collector_id == collector_id)
        .values(lag_seconds=int(lag.total_seconds()), intermittent=int(intermittent))
    )


def page(tx: Tx, workspace_id: str, limit: int, before: tuple[int, str] | None) -> list[Collector]:
    """Give collectors, newest first, below a place that the page before ended at (moment in microseconds, id)."""
    asked = (
        select(collectors)
        .where(collectors.c.workspace_id == workspace_id)
        .order_by(collectors.c.created_at.desc(), collectors.c.collector_id.desc())
        .limit(limit)
    )
    if before is not None:
        at, collector_id = before
        asked = asked.where(
            (collectors.c.created_at < at)
            | ((collectors.c.created_at == at) & (collectors.c.collector_id < collector_id))
        )
    return [_read(row) for row in tx.execute(asked)]


def pending(tx: Tx, workspace_id: str) -> list[Collector]:
    """Give the collectors that wait for a person, in the order in which they asked."""
    asked = select(collectors).where(
        collectors.c.workspace_id == workspace_id, collectors.c.status == CollectorStatus.PENDING.value
    )
    return [_read(row) for row in tx.execute(asked.order_by(collectors.c.created_at, collectors.c.collector_id))]


def every(tx: Tx, workspace_id: str) -> list[Collector]:
    """Give all collectors of a workspace."""
    return [_read(row) for row in tx.execute(select(collectors).where(collectors.c.workspace_id == workspace_id))]


def add_key(tx: Tx, workspace_id: str, row: CollectorKey) -> None:
    """Register a key."""
    tx.execute(
        insert(collector_keys).values(
            key_id=parse_digest(row.key.public.key_id),
            workspace_id=workspace_id,
            collector_id=row.collector_id,
            public_key=row.key.public.raw,
            state=row.key.state.value,
            retired_from=row.key.retired_from,
            retired_stream=row.key.retired_stream,
            added_at=micros(row.added_at),
            introduced_by=None if row.introduced_by is None else parse_digest(row.introduced_by),
        )
    )


def set_key(tx: Tx, workspace_id: str, key: KnownKey) -> None:
    """Write what became of a key that is registered."""
    key_id = parse_digest(key.public.key_id)
    tx.execute(
        update(collector_keys)
        .where(collector_keys.c.workspace_id == workspace_id, collector_keys.c.key_id == key_id)
        .values(state=key.state.value, retired_from=key.retired_from, retired_stream=key.retired_stream)
    )


def set_status(tx: Tx, workspace_id: str, collector_id: str, status: CollectorStatus) -> None:
    """Let a collector stand as it is given."""
    tx.execute(
        update(collectors)
        .where(collectors.c.workspace_id == workspace_id, collectors.c.collector_id == collector_id)
        .values(status=status.value)
    )


def set_key_state(tx: Tx, workspace_id: str, key_ids: Collection[str], state: KeyState) -> None:
    """Let keys stand as it is given; where a retired one was retired stays."""
    if key_ids:
        tx.execute(
            update(collector_keys)
            .where(
                collector_keys.c.workspace_id == workspace_id,
                collector_keys.c.key_id.in_([parse_digest(one) for one in key_ids]),
            )
            .values(state=state.value)
        )


def key_owner(tx: Tx, key_id: str) -> tuple[str, str] | None:
    """Name workspace and collector that a key id belongs to, over all workspaces; raises `MalformedError`."""
    row = tx.execute(_OWNER, {"its_key": parse_digest(key_id)}).one_or_none()
    return None if row is None else (row.workspace_id, row.collector_id)


def keys(tx: Tx, workspace_id: str, collector_id: str | None = None) -> list[CollectorKey]:
    """Give the keys of one collector, or of all of a workspace, in whatever state."""
    asked = _KEYS if collector_id is None else _KEYS_OF
    return [
        CollectorKey(
            row.collector_id,
            known_key(row),
            moment(row.added_at),
            None if row.introduced_by is None else digest_text(row.introduced_by),
        )
        for row in tx.execute(asked, {"its_workspace": workspace_id, "its_id": collector_id})
    ]


def keys_of(tx: Tx, workspace_id: str, collector_ids: Collection[str]) -> dict[str, dict[str, KnownKey]]:
    """Give the keys of some collectors by their ids, in whatever state."""
    found: dict[str, dict[str, KnownKey]] = {one: {} for one in collector_ids}
    for row in tx.execute(_KEYS_OF_SOME, {"its_workspace": workspace_id, "its_ids": list(collector_ids)}):
        key = known_key(row)
        found[row.collector_id][key.public.key_id] = key
    return found


def use_nonce(tx: Tx, workspace_id: str, collector_id: str, nonce: bytes, now: datetime) -> bool:
    """Use a nonce up; False where it was used before. Those older than 400 days are forgotten."""
    where = (access_nonces.c.workspace_id == workspace_id, access_nonces.c.collector_id == collector_id)
    if tx.execute(select(access_nonces.c.nonce).where(*where, access_nonces.c.nonce == nonce)).first():
        return False
    tx.execute(delete(access_nonces).where(*where, access_nonces.c.used_at < micros(now - NONCES_KEPT)))
    tx.execute(
        insert(access_nonces).values(
            workspace_id=workspace_id, collector_id=collector_id, nonce=nonce, used_at=micros(now)
        )
    )
    return True


def _read(row: Row[Any], limits: Callable[[str], Limits] = limits_from_row) -> Collector:
    return Collector(
        row.collector_id,
        row.name,
        CollectorStatus(row.status),
        limits(row.limits),
        moment(row.created_at),
        moment_or_none(row.enrolled_at),
        row.enrolment,
        timedelta(seconds=row.lag_seconds),
    )
