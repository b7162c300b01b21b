"""What speaks against streams: where they part, what lost its place, keys that two hold; and which places came late."""

import sqlalchemy as sa
from alembic import op

from shared.errors import ConfigError

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
NOBODY = bytes(32)


def upgrade() -> None:
    op.add_column("places", sa.Column("late", NUMBER, nullable=False, server_default="0"))
    disputes = op.create_table(
        "disputes",
        sa.Column("workspace_id", TEXT, nullable=False),
        sa.Column("stream_id", sa.LargeBinary(), nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("id", sa.LargeBinary(), nullable=False),
        sa.Column("sequence", NUMBER, autoincrement=False, nullable=False),
        sa.Column("key_id", sa.LargeBinary(), nullable=False),
        sa.Column("at", NUMBER, autoincrement=False, nullable=False),
        sa.Column("known_after", NUMBER, nullable=True),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.workspace_id"]),
        sa.PrimaryKeyConstraint("workspace_id", "stream_id", "kind", "id"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    streams = sa.table(
        "streams",
        *(sa.column(name) for name in ("workspace_id", "forked_from", "opened_at", "forked_after")),
        sa.column("stream_id", sa.LargeBinary()),
    )
    # With which entry a stream parted was not kept: one that no key signed stands for it, so no revocation ends that.
    nobody = sa.literal(NOBODY, sa.LargeBinary())
    parted = sa.select(
        streams.c.workspace_id,
        streams.c.stream_id,
        sa.literal("parted"),
        nobody,
        streams.c.forked_from,
        nobody,
        streams.c.opened_at,
        streams.c.forked_after,
    ).where(streams.c.forked_from.is_not(None))
    op.execute(sa.insert(disputes).from_select([column.name for column in disputes.columns], parted))


def downgrade() -> None:
    raise ConfigError("a database is never taken back to an older schema", "restore a backup made before the upgrade")
