"""The tables of who may speak: tokens, accounts, invitations, collectors with their keys, and what is asked of them.

A part of `receiver.store.schema`.
"""

from __future__ import annotations

from sqlalchemy import Column, ForeignKeyConstraint, Index, PrimaryKeyConstraint, Table

from receiver.store.columns import Number, Words, blob, number, of_workspace, text
from receiver.store.metadata import METADATA

tokens = Table(
    "tokens",
    METADATA,
    text("token_id"),
    text("workspace_id"),
    text("kind"),
    blob("digest"),
    text("scopes"),
    text("label"),
    text("collector_id", null=True),
    number("limit_per_minute"),
    number("created_at"),
    number("expires_at"),
    number("last_used_at", null=True),
    number("revoked_at", null=True),
    Column("limits", Words, nullable=False, server_default="{}"),
    text("revoked_reason", null=True),
    # Of whoever it is for: nobody approves what it asks for.
    text("owner", null=True),
    Column("require_policy", Number, nullable=False, server_default="0"),
    PrimaryKeyConstraint("token_id"),
    of_workspace(),
    Index("tokens_of_collector", "workspace_id", "collector_id"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

accounts = Table(
    "accounts",
    METADATA,
    text("workspace_id"),
    text("email"),
    text("role"),
    text("password_hash"),
    number("created_at"),
    number("ends_at", null=True),
    number("disabled_at", null=True),
    # A JSON list of what else is verified of the person: SCM logins, OIDC claims.
    Column("identities", Words, nullable=False, server_default="[]"),
    PrimaryKeyConstraint("workspace_id", "email"),
    of_workspace(),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

invitations = Table(
    "invitations",
    METADATA,
    text("token_id"),
    text("workspace_id"),
    text("name"),
    text("limits"),
    number("approve"),
    text("invited_by"),
    text("collector_id", null=True),
    PrimaryKeyConstraint("token_id"),
    of_workspace(),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

collectors = Table(
    "collectors",
    METADATA,
    text("workspace_id"),
    text("collector_id"),
    text("name"),
    text("status"),
    text("limits"),
    number("created_at"),
    number("enrolled_at", null=True),
    number("enrolment", null=True),
    Column("intermittent", Number, nullable=False, server_default="0"),
    Column("lag_seconds", Number, nullable=False, server_default="0"),
    PrimaryKeyConstraint("workspace_id", "collector_id"),
    of_workspace(),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

collector_keys = Table(
    "collector_keys",
    METADATA,
    blob("key_id"),
    text("workspace_id"),
    text("collector_id"),
    blob("public_key"),
    text("state"),
    number("retired_from", null=True),
    number("added_at"),
    blob("retired_stream", null=True),
    blob("introduced_by", null=True),
    # Over all workspaces: a key that is known anywhere is refused everywhere.
    PrimaryKeyConstraint("key_id"),
    ForeignKeyConstraint(["workspace_id", "collector_id"], ["collectors.workspace_id", "collectors.collector_id"]),
    Index("collector_keys_of_collector", "workspace_id", "collector_id"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

rotations = Table(
    "rotations",
    METADATA,
    text("workspace_id"),
    blob("id"),
    text("collector_id"),
    blob("stream_id"),
    number("sequence"),
    blob("old_key_id"),
    blob("new_key_id"),
    text("status"),
    text("code", null=True),
    number("received_at"),
    blob("payload"),
    blob("signature"),
    blob("second_signature"),
    PrimaryKeyConstraint("workspace_id", "id"),
    ForeignKeyConstraint(["workspace_id", "collector_id"], ["collectors.workspace_id", "collectors.collector_id"]),
    Index("rotations_of_collector", "workspace_id", "collector_id"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)
"""Statements by which an older key of a collector introduced its next one: signed by the old key, then by the new."""

access_nonces = Table(
    "access_nonces",
    METADATA,
    text("workspace_id"),
    text("collector_id"),
    blob("nonce"),
    number("used_at"),
    PrimaryKeyConstraint("workspace_id", "collector_id", "nonce"),
    of_workspace(),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

collector_requests = Table(
    "collector_requests",
    METADATA,
    text("workspace_id"),
    text("collector_id"),
    number("number"),
    text("campaign"),
    text("kind"),
    number("rotate_before", null=True),
    blob("stream_id", null=True),
    number("since_sequence", null=True),
    number("up_to", null=True),
    number("seconds", null=True),
    number("asked_at"),
    number("until_at"),
    number("ended_at", null=True),
    text("outcome", null=True),
    PrimaryKeyConstraint("workspace_id", "collector_id", "number"),
    ForeignKeyConstraint(["workspace_id", "collector_id"], ["collectors.workspace_id", "collectors.collector_id"]),
    Index("collector_requests_campaign", "workspace_id", "campaign"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)
