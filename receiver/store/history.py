"""Past decisions as they were made, in pages: what a policy is tried on before it enforces."""

from __future__ import annotations

import zlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, func, select

from receiver.store.columns import micros, moment
from receiver.store.engine import Tx
from receiver.store.gate_tables import passports
from receiver.store.identity_tables import collector_keys
from receiver.store.schema import attestations, envelopes, register, role_keys
from shared.dsse import Verified, attestation_id
from shared.encoding import digest_text
from shared.keys import PublicKey

_AT_ONCE = 500
"""How many ids are asked for in one query."""
_LATER = passports.alias("later")
_PAST = select(
    passports.c.number,
    passports.c.passport_id,
    passports.c.decision,
    passports.c.mode,
    passports.c.proceed,
    passports.c.evaluated_at,
    passports.c.docket,
    register.c.payload,
).join_from(
    passports,
    register,
    (register.c.workspace_id == passports.c.workspace_id) & (register.c.number == passports.c.number),
)
_EVIDENCE = (
    select(attestations.c.id, envelopes.c.key_id, envelopes.c.payload)
    .join_from(attestations, envelopes, attestations.c.n == envelopes.c.n)
    .where(
        attestations.c.workspace_id == bindparam("its_workspace"),
        attestations.c.id.in_(bindparam("its_ids", expanding=True)),
    )
)
_ACTS = select(register.c.id, register.c.key_id, register.c.payload).where(
    register.c.workspace_id == bindparam("its_workspace"), register.c.id.in_(bindparam("its_ids", expanding=True))
)


@dataclass(frozen=True, slots=True)
class PastRow:
    """A passport by its register number: what it decided, and what was known then besides the evidence's own words.

    `docket` is the JSON of what `shared.judging.docket` writes, `payload` is the passport's.
    """

    number: int
    passport_id: str
    decision: str
    mode: str
    proceed: bool
    evaluated_at: datetime
    docket: bytes
    payload: bytes


def count(tx: Tx, workspace_id: str, since: datetime) -> int:
    """Say how many passports in force were made since a time."""
    asked = select(func.count()).select_from(passports)
    return int(tx.execute(asked.where(_in_force(workspace_id), passports.c.evaluated_at >= micros(since))).scalar_one())


def in_force(tx: Tx, workspace_id: str, since: datetime, below: int | None, limit: int) -> list[PastRow]:
    """Give the last passport of each release, if it was made since a time: the newest first, below a number."""
    asked = _PAST.where(_in_force(workspace_id), passports.c.evaluated_at >= micros(since))
    if below is not None:
        asked = asked.where(passports.c.number < below)
    return _rows(tx, asked.order_by(passports.c.number.desc()).limit(limit))


def of_release(
    tx: Tx, workspace_id: str, service: str, namespace: str, environment: str, digest: str
) -> PastRow | None:
    """Find the passport in force of a release; `namespace` is empty where none was said, `digest` is hex."""
    asked = _PAST.where(
        _in_force(workspace_id),
        passports.c.digest == bytes.fromhex(digest),
        passports.c.service == service,
        passports.c.namespace == namespace,
        passports.c.environment == environment,
    )
    return next(iter(_rows(tx, asked)), None)


def signed(tx: Tx, workspace_id: str, ids: Collection[bytes]) -> dict[str, Verified]:
    """Give what these ids (32 bytes) were signed for, by their text: evidence and acts, as far as they are whole here.

    What is stored was verified, and read, when it came; that it is what its id says is looked at again.
    """
    asked = list(ids)
    found: dict[bytes, tuple[bytes, bytes]] = {}
    for start in range(0, len(asked), _AT_ONCE):
        portion = asked[start : start + _AT_ONCE]
        for query in (_EVIDENCE, _ACTS):
            if lacking := [one for one in portion if one not in found]:
                rows = tx.execute(query, {"its_workspace": workspace_id, "its_ids": lacking})
                found |= {id_: (key_id, payload) for id_, key_id, payload in rows}
    keys = _keys(tx, workspace_id, {key_id for key_id, _ in found.values()})
    return {
        digest_text(id_): Verified(payload, (keys[key_id],), id_)
        for id_, (key_id, payload) in found.items()
        if key_id in keys and attestation_id(payload) == id_
    }


def _keys(tx: Tx, workspace_id: str, key_ids: Collection[bytes]) -> dict[bytes, PublicKey]:
    found: dict[bytes, PublicKey] = {}
    asked = list(key_ids)
    for table in (collector_keys, role_keys):
        for start in range(0, len(asked), _AT_ONCE):
            rows = tx.execute(
                select(table.c.key_id, table.c.public_key).where(
                    table.c.workspace_id == workspace_id, table.c.key_id.in_(asked[start : start + _AT_ONCE])
                )
            )
            found |= {row.key_id: PublicKey(row.public_key) for row in rows}
    return found


def _in_force(workspace_id: str) -> ColumnElement[bool]:
    newer = select(_LATER.c.place).where(
        _LATER.c.workspace_id == workspace_id,
        _LATER.c.release_key == passports.c.release_key,
        _LATER.c.place == passports.c.place + 1,
    )
    return (passports.c.workspace_id == workspace_id) & ~newer.exists()


def _rows(tx: Tx, asked: Select[Any]) -> list[PastRow]:
    return [
        PastRow(
            row.number,
            row.passport_id,
            row.decision,
            row.mode,
            bool(row.proceed),
            moment(row.evaluated_at),
            zlib.decompress(row.docket),
            row.payload,
        )
        for row in tx.execute(asked)
    ]
