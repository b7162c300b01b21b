"""What comes with a token: attestations of either origin, contradictions, records, idempotency keys, limits of tokens.

Revision: 0002

SQLite cannot loosen a column, so there `attestations` and the two tables that point at it are written anew, children
dropped first; PostgreSQL alters them in place.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from receiver.store.triggers import allow_changes, forbid_changes
from shared.errors import ConfigError

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
REBUILT = ("subjects", "envelopes", "attestations")
OF_A_COLLECTOR = ("collector_id", "stream_id", "sequence", "observation_id")


def upgrade() -> None:
    bind = op.get_bind()
    for table in REBUILT:
        allow_changes(bind, table)
    if bind.dialect.name == "postgresql":
        _loosen()
    else:
        _rebuild()
    for table in REBUILT:
        forbid_changes(bind, table)
    op.create_index("attestations_pr", "attestations", ["workspace_id", "pr_number", "n"])
    op.create_index("attestations_type", "attestations", ["workspace_id", "type", "n"])
    op.create_index("attestations_order", "attestations", ["workspace_id", "n"])
    op.add_column("tokens", sa.Column("limits", TEXT, nullable=False, server_default="{}"))
    op.add_column("tokens", sa.Column("revoked_reason", TEXT, nullable=True))
    _contradictions()
    _components()
    _records()
    _answers()
    for table in ("contradictions", "components", "failing_posts", "dated_reports"):
        forbid_changes(bind, table)


def _loosen() -> None:
    for column in OF_A_COLLECTOR:
        op.alter_column("attestations", column, nullable=True)
    op.add_column("attestations", sa.Column("record", TEXT, nullable=False, server_default="attestation"))
    op.alter_column("attestations", "record", server_default=None)
    op.add_column("attestations", sa.Column("token_id", TEXT, nullable=True))
    op.add_column("attestations", sa.Column("supersedes", sa.LargeBinary(), nullable=True))
    op.drop_index("attestations_repository", "attestations")
    op.create_index("attestations_repository", "attestations", ["workspace_id", "repository", "n"])


def _rebuild() -> None:
    for table in REBUILT:
        op.rename_table(table, f"old_{table}")
    op.drop_index("attestations_observation", "old_attestations")
    op.drop_index("attestations_repository", "old_attestations")
    op.create_table(
        "attestations",
        sa.Column("n", NUMBER, autoincrement=False, nullable=False),
        sa.Column("workspace_id", TEXT, nullable=False),
        sa.Column("id", sa.LargeBinary(), nullable=False),
        sa.Column("record", TEXT, nullable=False),
        sa.Column("collector_id", TEXT, nullable=True),
        sa.Column("stream_id", sa.LargeBinary(), nullable=True),
        sa.Column("sequence", NUMBER, nullable=True),
        sa.Column("observation_id", sa.LargeBinary(), nullable=True),
        sa.Column("repeat_of", sa.LargeBinary(), nullable=True),
        sa.Column("token_id", TEXT, nullable=True),
        sa.Column("supersedes", sa.LargeBinary(), nullable=True),
        sa.Column("status", TEXT, nullable=False),
        sa.Column("code", TEXT, nullable=True),
        sa.Column("received_at", NUMBER, nullable=False),
        sa.Column("observed_at", NUMBER, nullable=False),
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
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.workspace_id"]),
        sa.PrimaryKeyConstraint("n"),
        sa.UniqueConstraint("workspace_id", "id", name="attestations_id"),
        sqlite_strict=True,
    )
    op.create_table(
        "envelopes",
        sa.Column("n", NUMBER, autoincrement=False, nullable=False),
        sa.Column("workspace_id", TEXT, nullable=False),
        sa.Column("key_id", sa.LargeBinary(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["n"], ["attestations.n"]),
        sa.PrimaryKeyConstraint("n"),
        sqlite_strict=True,
    )
    op.create_table(
        "subjects",
        sa.Column("workspace_id", TEXT, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("n", NUMBER, nullable=False),
        sa.ForeignKeyConstraint(["n"], ["attestations.n"]),
        sa.PrimaryKeyConstraint("workspace_id", "digest", "n"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    same = (
        "n, workspace_id, id, collector_id, stream_id, sequence, observation_id, repeat_of, status, code, received_at, "
        'observed_at, type, name, basis, passed, repository, "commit", branch, pr_number, run, service, environment'
    )
    op.execute(
        f"INSERT INTO attestations (record, {same}) SELECT 'attestation', {same} FROM old_attestations"  # noqa: S608
    )
    op.execute("INSERT INTO envelopes SELECT n, workspace_id, key_id, payload, signature FROM old_envelopes")
    op.execute("INSERT INTO subjects SELECT workspace_id, digest, n FROM old_subjects")
    for table in REBUILT:
        op.drop_table(f"old_{table}")
    op.create_index("attestations_observation", "attestations", ["workspace_id", "observation_id"])
    op.create_index("attestations_repository", "attestations", ["workspace_id", "repository", "n"])


def _contradictions() -> None:
    op.create_table(
        "contradictions",
        sa.Column("workspace_id", TEXT, nullable=False),
        sa.Column("n", NUMBER, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("field", TEXT, nullable=False),
        sa.Column("other", NUMBER, nullable=False),
        sa.Column("detail", TEXT, nullable=False),
        sa.Column("found_at", NUMBER, nullable=False),
        sa.ForeignKeyConstraint(["n"], ["attestations.n"]),
        sa.PrimaryKeyConstraint("workspace_id", "n", "kind", "field", "other"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "failing_posts",
        sa.Column("workspace_id", TEXT, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("type", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("n", NUMBER, nullable=False),
        sa.ForeignKeyConstraint(["n"], ["attestations.n"]),
        sa.PrimaryKeyConstraint("workspace_id", "digest", "type", "name", "n"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )

    op.create_table(
        "dated_reports",
        sa.Column("workspace_id", TEXT, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("n", NUMBER, nullable=False),
        sa.ForeignKeyConstraint(["n"], ["attestations.n"]),
        sa.PrimaryKeyConstraint("workspace_id", "digest", "n"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )


def _components() -> None:
    op.create_table(
        "components",
        sa.Column("workspace_id", TEXT, nullable=False),
        sa.Column("component", TEXT, nullable=False),
        sa.Column("n", NUMBER, nullable=False),
        sa.ForeignKeyConstraint(["n"], ["attestations.n"]),
        sa.PrimaryKeyConstraint("workspace_id", "component", "n"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )


def _records() -> None:
    op.create_table(
        "records",
        sa.Column("r", NUMBER, autoincrement=False, nullable=False),
        sa.Column("workspace_id", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("record_id", TEXT, nullable=False),
        sa.Column("natural_key", sa.LargeBinary(), nullable=True),
        sa.Column("version", NUMBER, nullable=False),
        sa.Column("supersedes", TEXT, nullable=True),
        sa.Column("superseded_by", TEXT, nullable=True),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("n", NUMBER, nullable=False),
        sa.Column("token_id", TEXT, nullable=False),
        sa.Column("status", TEXT, nullable=True),
        sa.Column("name", TEXT, nullable=True),
        sa.Column("repository", TEXT, nullable=True),
        sa.Column("commit", TEXT, nullable=True),
        sa.Column("digest", sa.LargeBinary(), nullable=True),
        sa.Column("pr_number", NUMBER, nullable=True),
        sa.Column("run", TEXT, nullable=True),
        sa.Column("service", TEXT, nullable=True),
        sa.Column("environment", TEXT, nullable=True),
        sa.Column("target", TEXT, nullable=True),
        sa.Column("awaited_until", NUMBER, nullable=True),
        sa.Column("created_at", NUMBER, nullable=False),
        sa.Column("updated_at", NUMBER, nullable=False),
        sa.Column("fields", TEXT, nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.workspace_id"]),
        sa.ForeignKeyConstraint(["n"], ["attestations.n"]),
        sa.PrimaryKeyConstraint("r"),
        sa.UniqueConstraint("workspace_id", "record_id", name="records_id"),
        sa.UniqueConstraint("workspace_id", "kind", "natural_key", "version", name="records_natural"),
        sqlite_strict=True,
    )
    for column in ("digest", "commit", "repository", "environment", "pr_number"):
        op.create_index(f"records_{column}", "records", ["workspace_id", column, "kind", "r"])
    op.create_index("records_kind", "records", ["workspace_id", "kind", "r"])
    op.create_index("records_name", "records", ["workspace_id", "name", "kind", "r"])
    op.create_index("records_target", "records", ["workspace_id", "environment", "target", "r"])
    op.create_index("records_awaited", "records", ["workspace_id", "awaited_until", "environment"])
    op.create_index("records_of_envelope", "records", ["n"])


def _answers() -> None:
    op.create_table(
        "answers",
        sa.Column("workspace_id", TEXT, nullable=False),
        sa.Column("token_id", TEXT, nullable=False),
        sa.Column("route", TEXT, nullable=False),
        sa.Column("idempotency_key", TEXT, nullable=False),
        sa.Column("request", sa.LargeBinary(), nullable=False),
        sa.Column("status", NUMBER, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("answered_at", NUMBER, nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.workspace_id"]),
        sa.PrimaryKeyConstraint("workspace_id", "token_id", "route", "idempotency_key"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("answers_by_age", "answers", ["answered_at"])


def downgrade() -> None:
    raise ConfigError("a database is never taken back to an older schema", "restore a backup made before the upgrade")
