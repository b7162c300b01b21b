"""The register of a workspace: every act of the receiver as a signed statement, numbered from 1 and chained."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, insert, select

from receiver.store.columns import micros
from receiver.store.engine import Tx
from receiver.store.parts import Parts, parts_of
from receiver.store.schema import register
from shared.dsse import Envelope
from shared.encoding import digest_text
from shared.errors import Code, StateError
from shared.predicates import Register

# Asked for with every act: built once, since building a query takes several times as long as running it.
_LAST = (
    select(register.c.number, register.c.id)
    .where(register.c.workspace_id == bindparam("its_workspace"))
    .order_by(register.c.number.desc())
    .limit(1)
)
_ADD = insert(register)
_ENVELOPE = select(register.c.key_id, register.c.payload, register.c.signature).where(
    register.c.workspace_id == bindparam("its_workspace"), register.c.number == bindparam("its_number")
)


@dataclass(frozen=True, slots=True)
class RegisterRow:
    """A registered statement as it is stored."""

    number: int
    id: bytes
    type: str
    parts: Parts


def next_place(tx: Tx, workspace_id: str) -> Register:
    """Give the number and the link that the next registered statement must carry; only good in this transaction."""
    last = tx.execute(_LAST, {"its_workspace": workspace_id}).one_or_none()
    if last is None:
        return Register(number=1, previous=None)
    return Register(number=last.number + 1, previous=digest_text(last.id))


def add(tx: Tx, workspace_id: str, number: int, uri: str, envelope: Envelope, now: datetime) -> None:
    """Append a statement that was signed for the next place; a taken number is refused by the database."""
    parts = parts_of(envelope)
    tx.execute(
        _ADD,
        {
            "workspace_id": workspace_id,
            "number": number,
            "id": envelope.id,
            "type": uri,
            "key_id": parts.key_id,
            "payload": parts.payload,
            "signature": parts.signature,
            "stored_at": micros(now),
        },
    )


def envelope_at(tx: Tx, workspace_id: str, number: int) -> bytes:
    """Give the exact bytes of a registered statement; raises `StateError` (`not_found`)."""
    row = tx.execute(_ENVELOPE, {"its_workspace": workspace_id, "its_number": number}).one_or_none()
    if row is None:
        raise StateError(Code.NOT_FOUND, f"the register has no number {number}", "run carnet-receiver fsck")
    return Parts(row.key_id, row.payload, row.signature).envelope().to_bytes()


def numbers(tx: Tx, workspace_id: str, uri: str) -> list[int]:
    """Give the numbers of the statements of one type, in order."""
    asked = select(register.c.number).where(register.c.workspace_id == workspace_id, register.c.type == uri)
    return list(tx.execute(asked.order_by(register.c.number)).scalars())


def rows(tx: Tx, workspace_id: str, uri: str | None = None) -> Iterator[RegisterRow]:
    """Give all statements, or those of one type, in the order of their numbers."""
    asked = select(register).where(register.c.workspace_id == workspace_id).order_by(register.c.number)
    if uri is not None:
        asked = asked.where(register.c.type == uri)
    for row in tx.execute(asked):
        yield RegisterRow(row.number, row.id, row.type, Parts(row.key_id, row.payload, row.signature))
