"""Passports as they are found: by id, by release, newest first; and who approved, waived and said what about them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, func, insert, select

from receiver.store.columns import micros, moment
from receiver.store.engine import Tx
from receiver.store.gate_tables import passports
from receiver.store.parts import Parts
from receiver.store.unchanged import once
from shared.errors import Code, StateError

_BLOBS = frozenset({"summary_key_id", "summary_payload", "summary_signature", "request", "docket", "page"})
_FOUND_BY = [column for column in passports.columns if column.name not in _BLOBS]
# Asked for with every evaluation: built once, since building a query takes several times as long as running it.
_IN_FORCE = (
    select(*_FOUND_BY)
    .where(passports.c.workspace_id == bindparam("its_workspace"), passports.c.release_key == bindparam("its_release"))
    .order_by(passports.c.place.desc())
    .limit(1)
)
_PAPERS = select(*(column for column in passports.columns if column.name in _BLOBS)).where(
    passports.c.workspace_id == bindparam("its_workspace"), passports.c.number == bindparam("its_number")
)
_ADD = insert(passports)


@dataclass(frozen=True, slots=True)
class PassportRow:
    """A passport as it is found; `number` is its place in the register, `place` that among those of its release.

    Digests are 32 bytes, `namespace` is None where none was said, `policies` is canonical JSON.
    """

    number: int
    passport_id: str
    release_key: bytes
    place: int
    supersedes: str | None
    facts_key: bytes
    service: str
    namespace: str | None
    environment: str
    digest: bytes
    mode: str
    decision: str
    proceed: bool
    headline: str
    evaluated_at: datetime
    valid_until: datetime
    release_id: str | None
    source_sha: str | None
    token_id: str
    owner: str | None
    policies: str


@dataclass(frozen=True, slots=True)
class Papers:
    """What is kept with a passport: SLSA's summary, the page as it was shown, what was asked, and the packed docket."""

    summary: Parts
    page: str
    request: bytes
    docket: bytes


@dataclass(frozen=True, slots=True)
class Filters:
    """What a list of passports is narrowed by; None does not narrow. `text` is a digest in hex, or a release's id.

    `services` and `environments` are all of which one has to be named.
    """

    service: str | None = None
    environment: str | None = None
    decision: str | None = None
    mode: str | None = None
    since: datetime | None = None
    digest: bytes | None = None
    text: str | None = None
    services: frozenset[str] | None = None
    environments: frozenset[str] | None = None


def add(tx: Tx, workspace_id: str, row: PassportRow, papers: Papers) -> None:
    """Keep a passport; a second one at the same place of its release is refused by the database."""
    tx.execute(
        _ADD,
        {
            "workspace_id": workspace_id,
            "number": row.number,
            "passport_id": row.passport_id,
            "release_key": row.release_key,
            "place": row.place,
            "supersedes": row.supersedes,
            "facts_key": row.facts_key,
            "service": row.service,
            "namespace": row.namespace or "",
            "environment": row.environment,
            "digest": row.digest,
            "mode": row.mode,
            "decision": row.decision,
            "proceed": int(row.proceed),
            "headline": row.headline,
            "evaluated_at": micros(row.evaluated_at),
            "valid_until": micros(row.valid_until),
            "release_id": row.release_id,
            "source_sha": row.source_sha,
            "token_id": row.token_id,
            "owner": row.owner,
            "policies": row.policies,
            "summary_key_id": papers.summary.key_id,
            "summary_payload": papers.summary.payload,
            "summary_signature": papers.summary.signature,
            "page": papers.page,
            "request": papers.request,
            "docket": papers.docket,
        },
    )


def in_force(tx: Tx, workspace_id: str, release_key: bytes) -> PassportRow | None:
    """Give the passport that is in force of a release; None where there is none."""

    def read() -> PassportRow | None:
        row = tx.execute(_IN_FORCE, {"its_workspace": workspace_id, "its_release": release_key}).one_or_none()
        return None if row is None else _read(row)

    return once(tx, (in_force, workspace_id, release_key), read)


def get(tx: Tx, workspace_id: str, passport_id: str) -> PassportRow:
    """Give a passport; raises `StateError` (`not_found`), for another workspace's too."""
    row = tx.execute(
        select(*_FOUND_BY).where(passports.c.workspace_id == workspace_id, passports.c.passport_id == passport_id)
    ).one_or_none()
    if row is None:
        raise StateError(Code.NOT_FOUND, "there is no such passport in this workspace")
    return _read(row)


def numbered(tx: Tx, workspace_id: str, numbers: Collection[int]) -> dict[int, PassportRow]:
    """Give the passports at these places of the register, by place."""
    found = tx.execute(
        select(*_FOUND_BY).where(passports.c.workspace_id == workspace_id, passports.c.number.in_(list(numbers)))
    )
    return {row.number: _read(row) for row in found}


def at_place(tx: Tx, workspace_id: str, release_key: bytes, place: int) -> PassportRow | None:
    """Give the passport at a place among those of its release."""
    row = tx.execute(
        select(*_FOUND_BY).where(
            passports.c.workspace_id == workspace_id,
            passports.c.release_key == release_key,
            passports.c.place == place,
        )
    ).one_or_none()
    return None if row is None else _read(row)


def papers(tx: Tx, workspace_id: str, number: int) -> Papers:
    """Give what is kept with a passport that there is."""
    row = tx.execute(_PAPERS, {"its_workspace": workspace_id, "its_number": number}).one()
    summary = Parts(row.summary_key_id, row.summary_payload, row.summary_signature)
    return Papers(summary, row.page, row.request, row.docket)


def page(tx: Tx, workspace_id: str, filters: Filters, limit: int, before: int | None) -> list[PassportRow]:
    """Give passports, newest first, below a number of the register."""
    asked = select(*_FOUND_BY).where(passports.c.workspace_id == workspace_id)
    for column, wanted in (
        (passports.c.service, filters.service),
        (passports.c.environment, filters.environment),
        (passports.c.decision, filters.decision),
        (passports.c.mode, filters.mode),
        (passports.c.digest, filters.digest),
    ):
        if wanted is not None:
            asked = asked.where(column == wanted)
    for column, several in ((passports.c.service, filters.services), (passports.c.environment, filters.environments)):
        if several is not None:
            asked = asked.where(column.in_(sorted(several)))
    if filters.since is not None:
        asked = asked.where(passports.c.evaluated_at >= micros(filters.since))
    if filters.text is not None:
        asked = asked.where(
            (passports.c.release_id == filters.text)
            | (passports.c.service == filters.text)
            | (passports.c.passport_id == filters.text)
            | func.coalesce(passports.c.source_sha, "").startswith(filters.text, autoescape=True)
        )
    if before is not None:
        asked = asked.where(passports.c.number < before)
    return [_read(row) for row in tx.execute(asked.order_by(passports.c.number.desc()).limit(limit))]


def numbers(tx: Tx, workspace_id: str) -> list[PassportRow]:
    """Give all passports of a workspace, oldest first."""
    found = tx.execute(select(*_FOUND_BY).where(passports.c.workspace_id == workspace_id).order_by(passports.c.number))
    return [_read(row) for row in found]


def _read(row: Row[Any]) -> PassportRow:
    return PassportRow(
        row.number,
        row.passport_id,
        row.release_key,
        row.place,
        row.supersedes,
        row.facts_key,
        row.service,
        row.namespace or None,
        row.environment,
        row.digest,
        row.mode,
        row.decision,
        bool(row.proceed),
        row.headline,
        moment(row.evaluated_at),
        moment(row.valid_until),
        row.release_id,
        row.source_sha,
        row.token_id,
        row.owner,
        row.policies,
    )
