"""The gate: policies, passports, approvals and waivers, sessions, ingested evidence; who owns a token, who somebody is.

Revision: 0010
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from receiver.store.triggers import forbid_changes
from shared.errors import ConfigError

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
APPEND_ONLY = ("policies", "simulations", "passports", "approvals", "waivers", "comments", "ingested")


def upgrade() -> None:
    op.create_index("register_id", "register", ["workspace_id", "id"], unique=True)
    op.create_index("register_type", "register", ["workspace_id", "type", "number"])
    op.add_column("tokens", sa.Column("owner", TEXT, nullable=True))
    op.add_column("tokens", sa.Column("require_policy", NUMBER, nullable=False, server_default="0"))
    op.add_column("records", _number("passport", null=True))
    op.add_column("accounts", sa.Column("identities", TEXT, nullable=False, server_default="[]"))
    _policies()
    _passports()
    _people()
    _ingested()
    for table in APPEND_ONLY:
        forbid_changes(op.get_bind(), table)


def _text(name: str, *, null: bool = False) -> sa.Column[str]:
    return sa.Column(name, TEXT, nullable=null)


def _number(name: str, *, null: bool = False) -> sa.Column[int]:
    return sa.Column(name, NUMBER, nullable=null, autoincrement=False)


def _blob(name: str, *, null: bool = False) -> sa.Column[bytes]:
    return sa.Column(name, sa.LargeBinary(), nullable=null)


def _in_register() -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["workspace_id", "number"], ["register.workspace_id", "register.number"])


def _of_passport() -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["workspace_id", "passport_id"], ["passports.workspace_id", "passports.passport_id"])


def _of_workspace() -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.workspace_id"])


def _policies() -> None:
    op.create_table(
        "policies",
        _text("workspace_id"),
        _text("name"),
        _number("version"),
        _blob("digest"),
        _text("mode"),
        _text("uploaded_by"),
        _number("uploaded_at"),
        _text("text"),
        _of_workspace(),
        sa.PrimaryKeyConstraint("workspace_id", "name", "version"),
        sqlite_strict=True,
    )
    op.create_index("policies_digest", "policies", ["workspace_id", "digest"])
    op.create_table(
        "policy_activations",
        _text("workspace_id"),
        _number("number"),
        _text("name"),
        _number("version"),
        _number("active_from"),
        _number("ended_at", null=True),
        _number("overridden"),
        _text("reason", null=True),
        _in_register(),
        sa.ForeignKeyConstraint(
            ["workspace_id", "name", "version"], ["policies.workspace_id", "policies.name", "policies.version"]
        ),
        sa.PrimaryKeyConstraint("workspace_id", "number"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index(
        "policy_activations_active",
        "policy_activations",
        ["workspace_id", "name"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "simulations",
        _text("workspace_id"),
        _blob("digest"),
        _number("at"),
        _text("by"),
        _number("since_days"),
        _number("judged"),
        _number("changed"),
        sa.Column("changes", TEXT, nullable=False, server_default="{}"),
        _of_workspace(),
        sa.PrimaryKeyConstraint("workspace_id", "digest", "at"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )


def _passports() -> None:
    op.create_table(
        "passports",
        _text("workspace_id"),
        _number("number"),
        _text("passport_id"),
        _blob("release_key"),
        _number("place"),
        _text("supersedes", null=True),
        _blob("facts_key"),
        _text("service"),
        _text("namespace"),
        _text("environment"),
        _blob("digest"),
        _text("mode"),
        _text("decision"),
        _number("proceed"),
        _text("headline"),
        _number("evaluated_at"),
        _number("valid_until"),
        _text("release_id", null=True),
        _text("source_sha", null=True),
        _text("token_id"),
        _text("owner", null=True),
        _text("policies"),
        _blob("summary_key_id"),
        _blob("summary_payload"),
        _blob("summary_signature"),
        _text("page"),
        _blob("request"),
        _blob("docket"),
        _in_register(),
        sa.PrimaryKeyConstraint("workspace_id", "number"),
        sa.UniqueConstraint("workspace_id", "passport_id", name="passports_id"),
        sa.UniqueConstraint("workspace_id", "release_key", "place", name="passports_release"),
        sqlite_strict=True,
    )
    op.create_index("passports_service", "passports", ["workspace_id", "service", "number"])
    op.create_index("passports_digest", "passports", ["workspace_id", "digest", "number"])


def _people() -> None:
    op.create_table(
        "approvals",
        _text("workspace_id"),
        _number("number"),
        _blob("id"),
        _text("passport_id"),
        _text("service"),
        _text("namespace"),
        _text("environment"),
        _blob("digest"),
        _text("rules"),
        _text("findings"),
        _text("email"),
        _text("role"),
        _text("identities"),
        _number("approved_at"),
        _number("expires_at"),
        _in_register(),
        _of_passport(),
        sa.PrimaryKeyConstraint("workspace_id", "number"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("approvals_digest", "approvals", ["workspace_id", "digest", "number"])
    op.create_table(
        "waivers",
        _text("workspace_id"),
        _number("number"),
        _blob("id"),
        _text("rule"),
        _text("service"),
        _text("namespace"),
        _text("environment"),
        _blob("digest"),
        _text("reason"),
        _text("by"),
        _number("waived_at"),
        _number("expires_at"),
        _in_register(),
        sa.PrimaryKeyConstraint("workspace_id", "number"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("waivers_digest", "waivers", ["workspace_id", "digest", "number"])
    op.create_table(
        "comments",
        _text("workspace_id"),
        _text("passport_id"),
        _number("number"),
        _text("email"),
        _number("at"),
        _text("text"),
        _of_passport(),
        sa.PrimaryKeyConstraint("workspace_id", "passport_id", "number"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "sessions",
        _blob("digest"),
        _text("workspace_id"),
        _text("email"),
        _text("csrf"),
        _number("created_at"),
        _number("expires_at"),
        _number("last_used_at"),
        _number("revoked_at", null=True),
        sa.ForeignKeyConstraint(["workspace_id", "email"], ["accounts.workspace_id", "accounts.email"]),
        sa.PrimaryKeyConstraint("digest"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("sessions_account", "sessions", ["workspace_id", "email"])


def _ingested() -> None:
    op.create_table(
        "ingested",
        _number("n"),
        _text("workspace_id"),
        _text("service"),
        _text("namespace"),
        _text("environment"),
        _text("type"),
        _text("name"),
        _text("status"),
        _text("source"),
        _text("external_id"),
        _blob("digest", null=True),
        _number("observed_at"),
        _number("expires_at", null=True),
        _number("received_at"),
        _number("says_no"),
        sa.ForeignKeyConstraint(["n"], ["attestations.n"]),
        _of_workspace(),
        sa.PrimaryKeyConstraint("n"),
        sqlite_strict=True,
    )
    op.create_index("ingested_service", "ingested", ["workspace_id", "service", "environment", "type", "n"])
    no = sa.text("says_no = 1")
    op.create_index(
        "ingested_no",
        "ingested",
        ["workspace_id", "service", "environment", "type", "n"],
        sqlite_where=no,
        postgresql_where=no,
    )
    op.create_index("ingested_source", "ingested", ["workspace_id", "source", "received_at"])


def downgrade() -> None:
    raise ConfigError("a database is never taken back to an older schema", "restore a backup made before the upgrade")
