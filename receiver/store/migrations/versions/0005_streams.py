"""What streams show: their heartbeats in columns, changes of state, closed gaps, presence, evidence that never came.

Revision: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from receiver.store.triggers import forbid_changes
from shared.errors import ConfigError

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("collectors", sa.Column("intermittent", NUMBER, nullable=False, server_default="0"))
    op.add_column("collectors", sa.Column("lag_seconds", NUMBER, nullable=False, server_default="0"))
    op.add_column("heartbeats", sa.Column("issued_at", NUMBER, nullable=True))
    op.add_column("heartbeats", sa.Column("high_water", NUMBER, nullable=True))
    op.add_column("heartbeats", sa.Column("head", sa.LargeBinary(), nullable=True))
    op.add_column("heartbeats", sa.Column("waiting", NUMBER, nullable=True))
    op.add_column("heartbeats", sa.Column("steps", TEXT, nullable=False, server_default="[]"))
    op.add_column("heartbeats", sa.Column("ended", TEXT, nullable=False, server_default="{}"))
    refused = sa.text("stored = 0")
    op.create_index(
        "places_refused",
        "places",
        ["workspace_id", "stream_id", "sequence"],
        sqlite_where=refused,
        postgresql_where=refused,
    )
    expected_of = sa.text("kind <> 'attestation'")
    op.create_index(
        "records_changed",
        "records",
        ["workspace_id", "updated_at"],
        sqlite_where=expected_of,
        postgresql_where=expected_of,
    )
    op.create_table(
        "presence",
        sa.Column("workspace_id", TEXT, nullable=False),
        sa.Column("since", NUMBER, nullable=False),
        sa.Column("until", NUMBER, nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.workspace_id"]),
        sa.PrimaryKeyConstraint("workspace_id", "since"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "stream_notes",
        sa.Column("workspace_id", TEXT, nullable=False),
        sa.Column("stream_id", sa.LargeBinary(), nullable=False),
        sa.Column("standing", TEXT, nullable=False),
        sa.Column("forked_from", NUMBER, nullable=True),
        sa.Column("lacking", TEXT, nullable=False),
        sa.Column("taken", TEXT, nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.workspace_id"]),
        sa.PrimaryKeyConstraint("workspace_id", "stream_id"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "stream_events",
        sa.Column("e", NUMBER, autoincrement=False, nullable=False),
        sa.Column("workspace_id", TEXT, nullable=False),
        sa.Column("stream_id", sa.LargeBinary(), nullable=False),
        sa.Column("at", NUMBER, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("first", NUMBER, nullable=True),
        sa.Column("last", NUMBER, nullable=True),
        sa.Column("key_id", sa.LargeBinary(), nullable=True),
        sa.Column("payload", sa.LargeBinary(), nullable=True),
        sa.Column("signature", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.workspace_id"]),
        sa.PrimaryKeyConstraint("e"),
        sqlite_strict=True,
    )
    op.create_index("stream_events_of_stream", "stream_events", ["workspace_id", "stream_id", "e"])
    op.create_table(
        "closed_gaps",
        sa.Column("workspace_id", TEXT, nullable=False),
        sa.Column("number", NUMBER, nullable=False),
        sa.Column("stream_id", sa.LargeBinary(), nullable=False),
        sa.Column("first", NUMBER, nullable=False),
        sa.Column("last", NUMBER, nullable=False),
        sa.Column("closed_at", NUMBER, nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.workspace_id"]),
        sa.PrimaryKeyConstraint("workspace_id", "number"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("closed_gaps_of_stream", "closed_gaps", ["workspace_id", "stream_id"])
    op.create_table(
        "missing_evidence",
        sa.Column("workspace_id", TEXT, nullable=False),
        sa.Column("expectation", TEXT, nullable=False),
        sa.Column("anchor_kind", TEXT, nullable=False),
        sa.Column("anchor_id", TEXT, nullable=False),
        sa.Column("anchor_at", NUMBER, nullable=False),
        sa.Column("type", TEXT, nullable=False),
        sa.Column("repository", TEXT, nullable=True),
        sa.Column("commit", TEXT, nullable=True),
        sa.Column("digest", sa.LargeBinary(), nullable=True),
        sa.Column("service", TEXT, nullable=True),
        sa.Column("environment", TEXT, nullable=True),
        sa.Column("due_at", NUMBER, nullable=False),
        sa.Column("found_at", NUMBER, nullable=False),
        sa.Column("withdrawn_at", NUMBER, nullable=True),
        sa.Column("id", sa.LargeBinary(), nullable=False),
        sa.Column("key_id", sa.LargeBinary(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.workspace_id"]),
        sa.PrimaryKeyConstraint("workspace_id", "expectation", "anchor_kind", "anchor_id", "type"),
        sqlite_strict=True,
    )
    op.create_index("missing_evidence_open", "missing_evidence", ["workspace_id", "withdrawn_at"])
    for table in ("stream_events", "closed_gaps"):
        forbid_changes(op.get_bind(), table)


def downgrade() -> None:
    raise ConfigError("a database is never taken back to an older schema", "restore a backup made before the upgrade")
