"""Where evidence that was ingested belongs: a row beside its attestation, which says the same in signed bytes."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import insert, select

from receiver.core.posted import PASSED
from receiver.store.columns import micros
from receiver.store.engine import Tx
from receiver.store.gate_tables import ingested
from receiver.store.keyed import of_workspace
from receiver.store.records import RecordRow
from shared.encoding import JsonObject, parse_time


def add(tx: Tx, workspace_id: str, row: RecordRow) -> None:
    """Keep where a piece of evidence belongs that was just stored; a second row of it is refused."""
    tx.execute(insert(ingested).values(workspace_id=workspace_id, **columns(row)))


def of_numbers(tx: Tx, workspace_id: str, numbers: Collection[int]) -> dict[int, dict[str, object]]:
    """Give the rows of attestations by their numbers, each as `columns` gives it."""
    rows = tx.execute(
        select(*(one for one in ingested.c if one.name != "workspace_id")).where(
            of_workspace(ingested, workspace_id), ingested.c.n.in_(list(numbers))
        )
    )
    return {row.n: dict(row._mapping) for row in rows}  # noqa: SLF001 - how SQLAlchemy names it


def columns(row: RecordRow) -> dict[str, object]:
    """Give the row that a record must have here, but for its workspace."""
    fields = row.fields
    observed, expires = _micros(fields, "observedAt"), _micros(fields, "expiresAt")
    received = micros(row.created_at)
    return {
        "n": row.n,
        "service": _text(fields, "service"),
        "namespace": _text(fields, "namespace"),
        "environment": _text(fields, "environment"),
        "type": _text(fields, "type"),
        "name": row.name or "",
        "status": row.status or "",
        "source": _text(fields, "source"),
        "external_id": _text(fields, "externalId"),
        "digest": row.digest,
        "observed_at": received if observed is None else observed,
        "expires_at": expires,
        "received_at": received,
        "says_no": int(row.status != PASSED or _denies(fields)),
    }


def _denies(fields: JsonObject) -> bool:
    metrics = fields.get("metrics")
    return isinstance(metrics, dict) and any(value is False for value in metrics.values())


def _text(fields: JsonObject, name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def _micros(fields: JsonObject, name: str) -> int | None:
    value = fields.get(name)
    return micros(parse_time(value)) if isinstance(value, str) else None
