"""Local accounts: people, what they may do in a workspace, and what their passwords hash to.

Revision: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from shared.errors import ConfigError

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("workspace_id", TEXT, nullable=False),
        sa.Column("email", TEXT, nullable=False),
        sa.Column("role", TEXT, nullable=False),
        sa.Column("password_hash", TEXT, nullable=False),
        sa.Column("created_at", NUMBER, nullable=False),
        sa.Column("ends_at", NUMBER, nullable=True),
        sa.Column("disabled_at", NUMBER, nullable=True),
        sa.PrimaryKeyConstraint("workspace_id", "email"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.workspace_id"]),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    raise ConfigError("a database is never taken back to an older schema", "restore a backup made before the upgrade")
