"""When a receipt first covered what it refused, and what the register held when two branches of a stream were found."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from alembic import op

from shared.encoding import canonical, parse_digest, parse_payload, parse_time
from shared.errors import ConfigError

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("places", sa.Column("first_covered", NUMBER, nullable=True))
    op.add_column("streams", sa.Column("forked_after", NUMBER, nullable=True))
    op.add_column("revocations", sa.Column("received_to", NUMBER, nullable=True))
    # Who released something before this knew of no fork that is known now, as far as anybody can tell.
    op.execute(
        "UPDATE streams SET forked_after = (SELECT COALESCE(MAX(register.number), 0) FROM register "
        "WHERE register.workspace_id = streams.workspace_id) WHERE forked_from IS NOT NULL"
    )
    _fill_first_covered(op.get_bind())
    _fill_heartbeats(op.get_bind())
    op.create_index(
        "streams_forked",
        "streams",
        ["workspace_id", "collector_id", "forked_from"],
        sqlite_where=sa.text("forked_from IS NOT NULL"),
        postgresql_where=sa.text("forked_from IS NOT NULL"),
    )


def downgrade() -> None:
    raise ConfigError("a database is never taken back to an older schema", "restore a backup made before the upgrade")


def _fill_first_covered(connection: sa.Connection) -> None:
    """Say of what was refused when a receipt said so first."""
    refused = connection.execute(sa.text("SELECT workspace_id, id FROM places WHERE stored = 0")).all()
    if not refused:
        return
    waiting = {(workspace_id, bytes(id_)) for workspace_id, id_ in refused}
    filled = sa.text(
        "UPDATE places SET first_covered = :at WHERE workspace_id = :workspace AND id = :id AND stored = 0"
    )
    receipts = sa.text("SELECT workspace_id, received_at, payload FROM receipts ORDER BY received_at")
    for workspace_id, received_at, payload in connection.execute(receipts).all():
        for entry in _predicate(payload)["entries"]:
            if entry["status"] != "refused" or "attestationId" not in entry:
                continue
            key = workspace_id, parse_digest(entry["attestationId"])
            if key in waiting:
                waiting.discard(key)
                connection.execute(filled, {"at": received_at, "workspace": workspace_id, "id": key[1]})


def _fill_heartbeats(connection: sa.Connection) -> None:
    """Say in columns what the heartbeats say that came before schema 0005; those behind it have theirs."""
    old = sa.text("SELECT workspace_id, stream_id, received_at, payload FROM heartbeats WHERE steps = '[]'")
    fill = sa.text(
        "UPDATE heartbeats SET issued_at = :issued_at, high_water = :high_water, head = :head, waiting = :waiting, "
        "steps = :steps, ended = :ended WHERE workspace_id = :workspace AND stream_id = :stream"
    )
    for workspace_id, stream_id, received_at, payload in connection.execute(old).all():
        said = _predicate(payload)
        receipt, stream = said.get("lastReceipt"), said["stream"]
        high, head = stream.get("highWater"), stream.get("head")
        ended = {"refused": _ranges(said.get("quarantined", ())), "dropped": _ranges(said.get("dropped", ()))}
        values = {
            "issued_at": None if receipt is None else _micros(parse_time(receipt["receivedAt"])),
            "high_water": high,
            "head": None if head is None else parse_digest(head),
            "waiting": said["spool"]["depth"],
            "steps": canonical([] if high is None else [[high, received_at]]).decode(),
            "ended": canonical({name: parts for name, parts in ended.items() if parts}).decode(),
        }
        connection.execute(fill, values | {"workspace": workspace_id, "stream": stream_id})


def _predicate(payload: bytes) -> dict[str, Any]:
    said: Any = parse_payload(bytes(payload))
    found: dict[str, Any] = said["predicate"]
    return found


def _ranges(named: Iterable[dict[str, Any]]) -> list[Any]:
    """Join the numbers of entries into pairs of a first and a last one."""
    found: list[Any] = []
    for number in sorted({one["sequence"] for one in named}):
        if found and found[-1][1] + 1 == number:
            found[-1][1] = number
        else:
            found.append([number, number])
    return found


def _micros(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
