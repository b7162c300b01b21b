"""Revocations: which keys each of them ended and how far their streams had come; releases, and what is proposed.

Revision: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from receiver.store.triggers import forbid_changes
from shared.errors import ConfigError

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
APPEND_ONLY = ("revocations", "revoked_keys", "revoked_streams", "releases", "taken_back")


def upgrade() -> None:
    _revocations()
    _releases()
    for table in APPEND_ONLY:
        forbid_changes(op.get_bind(), table)


def _revocations() -> None:
    op.create_table(
        "revocations",
        sa.Column("workspace_id", TEXT, nullable=False),
        sa.Column("number", NUMBER, nullable=False),
        sa.Column("what", TEXT, nullable=False),
        sa.Column("subject", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("since", NUMBER, nullable=True),
        sa.Column("revoked_at", NUMBER, nullable=False),
        sa.Column("status_before", TEXT, nullable=True),
        sa.ForeignKeyConstraint(["workspace_id", "number"], ["register.workspace_id", "register.number"]),
        sa.PrimaryKeyConstraint("workspace_id", "number"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("revocations_of_subject", "revocations", ["workspace_id", "what", "subject"])
    op.create_table(
        "revoked_keys",
        sa.Column("workspace_id", TEXT, nullable=False),
        sa.Column("collector_id", TEXT, nullable=False),
        sa.Column("key_id", sa.LargeBinary(), nullable=False),
        sa.Column("number", NUMBER, nullable=False),
        sa.Column("state_before", TEXT, nullable=False),
        sa.ForeignKeyConstraint(["workspace_id", "number"], ["revocations.workspace_id", "revocations.number"]),
        sa.PrimaryKeyConstraint("workspace_id", "collector_id", "key_id", "number"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "revoked_streams",
        sa.Column("workspace_id", TEXT, nullable=False),
        sa.Column("number", NUMBER, nullable=False),
        sa.Column("stream_id", sa.LargeBinary(), nullable=False),
        sa.Column("reach", NUMBER, nullable=False),
        sa.ForeignKeyConstraint(["workspace_id", "number"], ["revocations.workspace_id", "revocations.number"]),
        sa.PrimaryKeyConstraint("workspace_id", "number", "stream_id"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )


def _releases() -> None:
    op.create_table(
        "releases",
        sa.Column("workspace_id", TEXT, nullable=False),
        sa.Column("id", sa.LargeBinary(), nullable=False),
        sa.Column("number", NUMBER, nullable=False),
        sa.Column("released_at", NUMBER, nullable=False),
        sa.ForeignKeyConstraint(["workspace_id", "number"], ["register.workspace_id", "register.number"]),
        sa.PrimaryKeyConstraint("workspace_id", "id", "number"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "taken_back",
        sa.Column("workspace_id", TEXT, nullable=False),
        sa.Column("revocation", NUMBER, nullable=False),
        sa.Column("number", NUMBER, nullable=False),
        sa.Column("taken_back_at", NUMBER, nullable=False),
        sa.ForeignKeyConstraint(["workspace_id", "revocation"], ["revocations.workspace_id", "revocations.number"]),
        sa.ForeignKeyConstraint(["workspace_id", "number"], ["register.workspace_id", "register.number"]),
        sa.PrimaryKeyConstraint("workspace_id", "revocation"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "release_proposals",
        sa.Column("workspace_id", TEXT, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("reason", TEXT, nullable=False),
        sa.Column("person", TEXT, nullable=False),
        sa.Column("known_as", TEXT, nullable=False),
        sa.Column("proposed_at", NUMBER, nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.workspace_id"]),
        sa.PrimaryKeyConstraint("workspace_id", "digest"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    raise ConfigError("a database is never taken back to an older schema", "restore a backup made before the upgrade")
