"""Key rotations: the statements themselves, and of each key how it came in and in which stream it was retired.

Revision: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from receiver.store.triggers import forbid_changes
from shared.errors import ConfigError

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("collector_keys", sa.Column("retired_stream", sa.LargeBinary(), nullable=True))
    op.add_column("collector_keys", sa.Column("introduced_by", sa.LargeBinary(), nullable=True))
    op.create_table(
        "rotations",
        sa.Column("workspace_id", TEXT, nullable=False),
        sa.Column("id", sa.LargeBinary(), nullable=False),
        sa.Column("collector_id", TEXT, nullable=False),
        sa.Column("stream_id", sa.LargeBinary(), nullable=False),
        sa.Column("sequence", NUMBER, nullable=False),
        sa.Column("old_key_id", sa.LargeBinary(), nullable=False),
        sa.Column("new_key_id", sa.LargeBinary(), nullable=False),
        sa.Column("status", TEXT, nullable=False),
        sa.Column("code", TEXT, nullable=True),
        sa.Column("received_at", NUMBER, nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.Column("second_signature", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id", "collector_id"], ["collectors.workspace_id", "collectors.collector_id"]
        ),
        sa.PrimaryKeyConstraint("workspace_id", "id"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("rotations_of_collector", "rotations", ["workspace_id", "collector_id"])
    forbid_changes(op.get_bind(), "rotations")


def downgrade() -> None:
    raise ConfigError("a database is never taken back to an older schema", "restore a backup made before the upgrade")
