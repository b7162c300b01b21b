"""Waivers: dated exceptions to one rule for one release, by the register number of the statement; they only grow."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert

from receiver.store.columns import micros, moment
from receiver.store.engine import Tx
from receiver.store.gate_tables import waivers
from receiver.store.of_release import acts_of, rows
from shared.encoding import JsonValue, canonical, parse_json
from shared.errors import Code, MalformedError

# Asked for with every evaluation: built once.
_OF_RELEASE = acts_of(waivers)


@dataclass(frozen=True, slots=True)
class Waiving:
    """Who waived: the account, its role, and all that was verified of it then, in lower case."""

    subject: str
    role: str
    identities: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WaiverRow:
    """A waiver as it is found; `id` is that of its statement, digests are 32 bytes, `by` are one person or two."""

    number: int
    id: bytes
    rule: str
    service: str
    namespace: str | None
    environment: str
    digest: bytes
    reason: str
    by: tuple[Waiving, ...]
    waived_at: datetime
    expires_at: datetime


def add(tx: Tx, workspace_id: str, row: WaiverRow) -> None:
    """Keep a waiver, whose statement is in the register."""
    tx.execute(
        insert(waivers).values(
            workspace_id=workspace_id,
            number=row.number,
            id=row.id,
            rule=row.rule,
            service=row.service,
            namespace=row.namespace or "",
            environment=row.environment,
            digest=row.digest,
            reason=row.reason,
            by=canonical(_written(row.by)).decode(),
            waived_at=micros(row.waived_at),
            expires_at=micros(row.expires_at),
        )
    )


def of_release(tx: Tx, workspace_id: str, service: str, environment: str, digest: bytes) -> list[WaiverRow]:
    """Give the waivers for a service, environment and digest (32 bytes); see `receiver.store.of_release.rows`."""
    return [_read(row) for row in rows(tx, _OF_RELEASE, workspace_id, service, environment, digest)]


def _read(row: Row[Any]) -> WaiverRow:
    return WaiverRow(
        row.number,
        row.id,
        row.rule,
        row.service,
        row.namespace or None,
        row.environment,
        row.digest,
        row.reason,
        tuple(_people(row.by)),
        moment(row.waived_at),
        moment(row.expires_at),
    )


def _written(by: Iterable[Waiving]) -> list[JsonValue]:
    return [{"subject": one.subject, "role": one.role, "identities": [*one.identities]} for one in by]


def _people(stored: str) -> Iterable[Waiving]:
    found = parse_json(stored.encode())
    for one in found if isinstance(found, list) else ():
        names = one.get("identities") if isinstance(one, dict) else None
        if not isinstance(one, dict) or not isinstance(names, list):
            raise MalformedError(Code.BAD_JSON, "who waived is not what was kept", "run carnet-receiver fsck")
        yield Waiving(str(one.get("subject")), str(one.get("role")), tuple(str(name) for name in names))
