"""The first schema: workspaces and keys, tokens, collectors, streams, attestations, receipts, audit.

Revision: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from receiver.store.triggers import forbid_changes
from shared.errors import ConfigError

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Ordered and compared by bytes: an index over a locale's order breaks when the server's C library changes that order.
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
APPEND_ONLY = ("attestations", "envelopes", "subjects", "register", "receipts", "audit")


def upgrade() -> None:
    op.create_table(
        "instance",
        sa.Column("one", NUMBER, autoincrement=False, nullable=False),
        sa.Column("receiver_id", TEXT, nullable=False),
        sa.Column("created_at", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("one"),
        sqlite_strict=True,
    )
    op.create_table(
        "workspaces",
        sa.Column("workspace_id", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("root_key", sa.LargeBinary(), nullable=False),
        sa.Column("keyring_version", NUMBER, nullable=False),
        sa.Column("created_at", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("workspace_id"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "access_nonces",
        sa.Column("workspace_id", TEXT, nullable=False),
        sa.Column("collector_id", TEXT, nullable=False),
        sa.Column("nonce", sa.LargeBinary(), nullable=False),
        sa.Column("used_at", NUMBER, nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.workspace_id"],
        ),
        sa.PrimaryKeyConstraint("workspace_id", "collector_id", "nonce"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "attestations",
        sa.Column("n", NUMBER, autoincrement=False, nullable=False),
        sa.Column("workspace_id", TEXT, nullable=False),
        sa.Column("id", sa.LargeBinary(), nullable=False),
        sa.Column("collector_id", TEXT, nullable=False),
        sa.Column("stream_id", sa.LargeBinary(), nullable=False),
        sa.Column("sequence", NUMBER, nullable=False),
        sa.Column("status", TEXT, nullable=False),
        sa.Column("code", TEXT, nullable=True),
        sa.Column("received_at", NUMBER, nullable=False),
        sa.Column("observed_at", NUMBER, nullable=False),
        sa.Column("observation_id", sa.LargeBinary(), nullable=False),
        sa.Column("repeat_of", sa.LargeBinary(), nullable=True),
        sa.Column("type", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("basis", TEXT, nullable=False),
        sa.Column("passed", NUMBER, nullable=False),
        sa.Column("repository", TEXT, nullable=True),
        sa.Column("commit", TEXT, nullable=True),
        sa.Column("branch", TEXT, nullable=True),
        sa.Column("pr_number", NUMBER, nullable=True),
        sa.Column("run", TEXT, nullable=True),
        sa.Column("service", TEXT, nullable=True),
        sa.Column("environment", TEXT, nullable=True),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.workspace_id"],
        ),
        sa.PrimaryKeyConstraint("n"),
        sa.UniqueConstraint("workspace_id", "id", name="attestations_id"),
        sqlite_strict=True,
    )
    op.create_index("attestations_observation", "attestations", ["workspace_id", "observation_id"], unique=False)
    op.create_index("attestations_repository", "attestations", ["workspace_id", "repository"], unique=False)
    op.create_table(
        "audit",
        sa.Column("workspace_id", TEXT, nullable=False),
        sa.Column("number", NUMBER, nullable=False),
        sa.Column("at", NUMBER, nullable=False),
        sa.Column("actor", TEXT, nullable=False),
        sa.Column("origin", TEXT, nullable=True),
        sa.Column("action", TEXT, nullable=False),
        sa.Column("detail", TEXT, nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.workspace_id"],
        ),
        sa.PrimaryKeyConstraint("workspace_id", "number"),
        sqlite_strict=True,
    )
    op.create_table(
        "collectors",
        sa.Column("workspace_id", TEXT, nullable=False),
        sa.Column("collector_id", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("status", TEXT, nullable=False),
        sa.Column("limits", TEXT, nullable=False),
        sa.Column("created_at", NUMBER, nullable=False),
        sa.Column("enrolled_at", NUMBER, nullable=True),
        sa.Column("enrolment", NUMBER, nullable=True),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.workspace_id"],
        ),
        sa.PrimaryKeyConstraint("workspace_id", "collector_id"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "former_audiences",
        sa.Column("workspace_id", TEXT, nullable=False),
        sa.Column("receiver", TEXT, nullable=False),
        sa.Column("workspace", TEXT, nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.workspace_id"],
        ),
        sa.PrimaryKeyConstraint("workspace_id", "receiver", "workspace"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "heartbeats",
        sa.Column("workspace_id", TEXT, nullable=False),
        sa.Column("stream_id", sa.LargeBinary(), nullable=False),
        sa.Column("collector_id", TEXT, nullable=False),
        sa.Column("beat", NUMBER, nullable=False),
        sa.Column("received_at", NUMBER, nullable=False),
        sa.Column("receipt_id", sa.LargeBinary(), nullable=False),
        sa.Column("closed", NUMBER, nullable=False),
        sa.Column("id", sa.LargeBinary(), nullable=False),
        sa.Column("key_id", sa.LargeBinary(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.workspace_id"],
        ),
        sa.PrimaryKeyConstraint("workspace_id", "stream_id"),
        sqlite_strict=True,
    )
    op.create_table(
        "invitations",
        sa.Column("token_id", TEXT, nullable=False),
        sa.Column("workspace_id", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("limits", TEXT, nullable=False),
        sa.Column("approve", NUMBER, nullable=False),
        sa.Column("invited_by", TEXT, nullable=False),
        sa.Column("collector_id", TEXT, nullable=True),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.workspace_id"],
        ),
        sa.PrimaryKeyConstraint("token_id"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "places",
        sa.Column("workspace_id", TEXT, nullable=False),
        sa.Column("stream_id", sa.LargeBinary(), nullable=False),
        sa.Column("sequence", NUMBER, nullable=False),
        sa.Column("id", sa.LargeBinary(), nullable=False),
        sa.Column("previous", sa.LargeBinary(), nullable=True),
        sa.Column("stored", NUMBER, nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.workspace_id"],
        ),
        sa.PrimaryKeyConstraint("workspace_id", "stream_id", "sequence"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "receipts",
        sa.Column("workspace_id", TEXT, nullable=False),
        sa.Column("collector_id", TEXT, nullable=False),
        sa.Column("batch_id", TEXT, nullable=False),
        sa.Column("batch_digest", sa.LargeBinary(), nullable=False),
        sa.Column("id", sa.LargeBinary(), nullable=False),
        sa.Column("key_id", sa.LargeBinary(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.Column("notes", TEXT, nullable=False),
        sa.Column("received_at", NUMBER, nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.workspace_id"],
        ),
        sa.PrimaryKeyConstraint("workspace_id", "collector_id", "batch_id"),
        sqlite_strict=True,
    )
    op.create_table(
        "register",
        sa.Column("workspace_id", TEXT, nullable=False),
        sa.Column("number", NUMBER, nullable=False),
        sa.Column("id", sa.LargeBinary(), nullable=False),
        sa.Column("type", TEXT, nullable=False),
        sa.Column("key_id", sa.LargeBinary(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.Column("stored_at", NUMBER, nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.workspace_id"],
        ),
        sa.PrimaryKeyConstraint("workspace_id", "number"),
        sqlite_strict=True,
    )
    op.create_table(
        "role_keys",
        sa.Column("workspace_id", TEXT, nullable=False),
        sa.Column("key_id", sa.LargeBinary(), nullable=False),
        sa.Column("role", TEXT, nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("valid_from", NUMBER, nullable=False),
        sa.Column("valid_until", NUMBER, nullable=True),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.workspace_id"],
        ),
        sa.PrimaryKeyConstraint("workspace_id", "key_id"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "streams",
        sa.Column("workspace_id", TEXT, nullable=False),
        sa.Column("stream_id", sa.LargeBinary(), nullable=False),
        sa.Column("collector_id", TEXT, nullable=False),
        sa.Column("mark", NUMBER, nullable=False),
        sa.Column("head", NUMBER, nullable=False),
        sa.Column("forked_from", NUMBER, nullable=True),
        sa.Column("opened_at", NUMBER, nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.workspace_id"],
        ),
        sa.PrimaryKeyConstraint("workspace_id", "stream_id"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("streams_of_collector", "streams", ["workspace_id", "collector_id"], unique=False)
    op.create_table(
        "tokens",
        sa.Column("token_id", TEXT, nullable=False),
        sa.Column("workspace_id", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("scopes", TEXT, nullable=False),
        sa.Column("label", TEXT, nullable=False),
        sa.Column("collector_id", TEXT, nullable=True),
        sa.Column("limit_per_minute", NUMBER, nullable=False),
        sa.Column("created_at", NUMBER, nullable=False),
        sa.Column("expires_at", NUMBER, nullable=False),
        sa.Column("last_used_at", NUMBER, nullable=True),
        sa.Column("revoked_at", NUMBER, nullable=True),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.workspace_id"],
        ),
        sa.PrimaryKeyConstraint("token_id"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("tokens_of_collector", "tokens", ["workspace_id", "collector_id"], unique=False)
    op.create_table(
        "collector_keys",
        sa.Column("key_id", sa.LargeBinary(), nullable=False),
        sa.Column("workspace_id", TEXT, nullable=False),
        sa.Column("collector_id", TEXT, nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("retired_from", NUMBER, nullable=True),
        sa.Column("added_at", NUMBER, nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id", "collector_id"],
            ["collectors.workspace_id", "collectors.collector_id"],
        ),
        sa.PrimaryKeyConstraint("key_id"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("collector_keys_of_collector", "collector_keys", ["workspace_id", "collector_id"], unique=False)
    op.create_table(
        "envelopes",
        sa.Column("n", NUMBER, autoincrement=False, nullable=False),
        sa.Column("workspace_id", TEXT, nullable=False),
        sa.Column("key_id", sa.LargeBinary(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["n"],
            ["attestations.n"],
        ),
        sa.PrimaryKeyConstraint("n"),
        sqlite_strict=True,
    )
    op.create_table(
        "subjects",
        sa.Column("workspace_id", TEXT, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("n", NUMBER, nullable=False),
        sa.ForeignKeyConstraint(
            ["n"],
            ["attestations.n"],
        ),
        sa.PrimaryKeyConstraint("workspace_id", "digest", "n"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    for table in APPEND_ONLY:
        forbid_changes(op.get_bind(), table)


def downgrade() -> None:
    raise ConfigError("a database is never taken back to an older schema", "restore a backup made before the upgrade")
