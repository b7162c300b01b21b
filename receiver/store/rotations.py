"""Key rotations as they came: the exact envelope of each, signed by the old key and by the new one, and its place."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, func, insert, select

from receiver.core.placing import Status
from receiver.store.columns import micros, moment
from receiver.store.engine import Tx
from receiver.store.identity_tables import rotations
from receiver.store.revocation_tables import releases
from shared.dsse import Envelope, Signature
from shared.encoding import digest_text, parse_digest
from shared.errors import Code

# Asked for with every passport: built once, since building a query takes several times as long as running it.
# A rotation is released once, by a statement with this register number.
_RELEASED = (
    select(func.min(releases.c.number))
    .where(releases.c.workspace_id == rotations.c.workspace_id, releases.c.id == rotations.c.id)
    .correlate(rotations)
    .scalar_subquery()
)
_EACH = select(rotations, _RELEASED.label("released"))
_ALL = _EACH.where(rotations.c.workspace_id == bindparam("its_workspace")).order_by(
    rotations.c.received_at, rotations.c.sequence
)
_OF_ONE = _ALL.where(rotations.c.collector_id == bindparam("its_collector"))


@dataclass(frozen=True, slots=True)
class RotationRow:
    """A rotation that is stored: its place, what became of it, and its envelope; ids are 32 bytes, the stream's 16.

    `status` is as its receipt said, `released` the register number of the statement that let it count after all.
    """

    id: bytes
    collector_id: str
    stream_id: bytes
    sequence: int
    status: Status
    code: Code | None
    received_at: datetime
    envelope: Envelope
    released: int | None = None

    @property
    def counts(self) -> bool:
        """Whether it introduced its new key, when it came or by a release."""
        return self.status is Status.ACCEPTED or self.released is not None

    @property
    def old_key_id(self) -> str:
        """The key that introduced the new one."""
        return self.envelope.signatures[0].key_id

    @property
    def new_key_id(self) -> str:
        """The key that was introduced."""
        return self.envelope.signatures[1].key_id


def add(tx: Tx, workspace_id: str, row: RotationRow) -> None:
    """Store a rotation; an id that is stored already is refused by the database."""
    old, new = row.envelope.signatures
    tx.execute(
        insert(rotations).values(
            workspace_id=workspace_id,
            id=row.id,
            collector_id=row.collector_id,
            stream_id=row.stream_id,
            sequence=row.sequence,
            old_key_id=parse_digest(old.key_id),
            new_key_id=parse_digest(new.key_id),
            status=row.status.value,
            code=None if row.code is None else row.code.value,
            received_at=micros(row.received_at),
            payload=row.envelope.payload,
            signature=old.raw,
            second_signature=new.raw,
        )
    )


def known_ids(tx: Tx, workspace_id: str, ids: Collection[bytes]) -> frozenset[bytes]:
    """Say which of these ids are stored."""
    asked = select(rotations.c.id).where(rotations.c.workspace_id == workspace_id, rotations.c.id.in_(list(ids)))
    return frozenset(tx.execute(asked).scalars())


def count_idle(tx: Tx, workspace_id: str, collector_id: str) -> int:
    """Count the rotations of a collector that do not count, each of which introduced a key that is not good."""
    asked = (
        select(func.count())
        .select_from(rotations)
        .where(
            rotations.c.workspace_id == workspace_id,
            rotations.c.collector_id == collector_id,
            rotations.c.status == Status.HELD.value,
            _RELEASED.is_(None),
        )
    )
    found: int = tx.execute(asked).scalar_one()
    return found


def find(tx: Tx, workspace_id: str, rotation_id: bytes) -> RotationRow | None:
    """Give the rotation with an id."""
    asked = _EACH.where(rotations.c.workspace_id == workspace_id, rotations.c.id == rotation_id)
    row = tx.execute(asked).one_or_none()
    return None if row is None else _read(row)


def rows(tx: Tx, workspace_id: str, collector_id: str | None = None) -> list[RotationRow]:
    """Give the rotations of a collector, or of a whole workspace, oldest first."""
    its = {"its_workspace": workspace_id}
    if collector_id is None:
        return [_read(row) for row in tx.execute(_ALL, its)]
    return [_read(row) for row in tx.execute(_OF_ONE, its | {"its_collector": collector_id})]


def _read(row: Row[Any]) -> RotationRow:
    signatures = (
        Signature(digest_text(row.old_key_id), row.signature),
        Signature(digest_text(row.new_key_id), row.second_signature),
    )
    return RotationRow(
        row.id,
        row.collector_id,
        row.stream_id,
        row.sequence,
        Status(row.status),
        None if row.code is None else Code(row.code),
        moment(row.received_at),
        Envelope(row.payload, signatures),
        row.released,
    )
