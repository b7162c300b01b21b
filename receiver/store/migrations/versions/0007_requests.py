"""What is asked of collectors in their receipts, and what came of it."""

import sqlalchemy as sa
from alembic import op

from shared.errors import ConfigError

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "collector_requests",
        sa.Column("workspace_id", TEXT, nullable=False),
        sa.Column("collector_id", TEXT, nullable=False),
        sa.Column("number", NUMBER, autoincrement=False, nullable=False),
        sa.Column("campaign", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("rotate_before", NUMBER, nullable=True),
        sa.Column("stream_id", sa.LargeBinary(), nullable=True),
        sa.Column("since_sequence", NUMBER, nullable=True),
        sa.Column("up_to", NUMBER, nullable=True),
        sa.Column("seconds", NUMBER, nullable=True),
        sa.Column("asked_at", NUMBER, nullable=False),
        sa.Column("until_at", NUMBER, nullable=False),
        sa.Column("ended_at", NUMBER, nullable=True),
        sa.Column("outcome", TEXT, nullable=True),
        sa.ForeignKeyConstraint(
            ["workspace_id", "collector_id"], ["collectors.workspace_id", "collectors.collector_id"]
        ),
        sa.PrimaryKeyConstraint("workspace_id", "collector_id", "number"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("collector_requests_campaign", "collector_requests", ["workspace_id", "campaign"])


def downgrade() -> None:
    raise ConfigError("a database is never taken back to an older schema", "restore a backup made before the upgrade")
