"""The tables, as the queries of this package see them; the migrations make them, and a test compares the two.

Invariants: every table but `instance` carries `workspace_id`, and every query of a tenant's rows filters by it. Ids are
32-byte blobs, stream ids 16 bytes, moments are microseconds since 1970 in UTC. What
`APPEND_ONLY` lists only grows: triggers refuse every change. A random index is dear, so there are three that grow with
what collectors send: ids, subjects, observations.
"""

from __future__ import annotations

from sqlalchemy import (
    Column,
    ForeignKeyConstraint,
    Index,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
)
from sqlalchemy import text as literal

from receiver.store import (  # noqa: F401 - they add their tables
    gate_tables,
    identity_tables,
    metadata,
    record_tables,
    revocation_tables,
    stream_tables,
)
from receiver.store.columns import Number, Words, blob, number, of_workspace, text

METADATA = metadata.METADATA

instance = Table(
    "instance",
    METADATA,
    number("one"),
    text("receiver_id"),
    number("created_at"),
    PrimaryKeyConstraint("one"),
    sqlite_strict=True,
)

workspaces = Table(
    "workspaces",
    METADATA,
    text("workspace_id"),
    text("name"),
    blob("root_key"),
    number("keyring_version"),
    number("created_at"),
    PrimaryKeyConstraint("workspace_id"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

former_audiences = Table(
    "former_audiences",
    METADATA,
    text("workspace_id"),
    text("receiver"),
    text("workspace"),
    PrimaryKeyConstraint("workspace_id", "receiver", "workspace"),
    of_workspace(),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

role_keys = Table(
    "role_keys",
    METADATA,
    text("workspace_id"),
    blob("key_id"),
    text("role"),
    blob("public_key"),
    blob("sealed"),
    number("valid_from"),
    number("valid_until", null=True),
    PrimaryKeyConstraint("workspace_id", "key_id"),
    of_workspace(),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

register = Table(
    "register",
    METADATA,
    text("workspace_id"),
    number("number"),
    blob("id"),
    text("type"),
    blob("key_id"),
    blob("payload"),
    blob("signature"),
    number("stored_at"),
    PrimaryKeyConstraint("workspace_id", "number"),
    of_workspace(),
    Index("register_id", "workspace_id", "id", unique=True),
    # Most of it are passports; what looks for keyrings must not read them all.
    Index("register_type", "workspace_id", "type", "number"),
    sqlite_strict=True,
)

streams = Table(
    "streams",
    METADATA,
    text("workspace_id"),
    blob("stream_id"),
    text("collector_id"),
    number("mark"),
    number("head"),
    number("forked_from", null=True),
    number("opened_at"),
    # The last number of the register when it was found where it parts: a release above it knew of that.
    number("forked_after", null=True),
    PrimaryKeyConstraint("workspace_id", "stream_id"),
    of_workspace(),
    Index("streams_of_collector", "workspace_id", "collector_id"),
    # Only over those that part, of which there are few: asked for with everything that is read.
    Index(
        "streams_forked",
        "workspace_id",
        "collector_id",
        "forked_from",
        sqlite_where=literal("forked_from IS NOT NULL"),
        postgresql_where=literal("forked_from IS NOT NULL"),
    ),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

places = Table(
    "places",
    METADATA,
    text("workspace_id"),
    blob("stream_id"),
    number("sequence"),
    blob("id"),
    blob("previous", null=True),
    number("stored"),
    # Of what was refused: when the first receipt covered it. Of everything else that is when it was received.
    number("first_covered", null=True),
    # Whether it came when its key was retired already.
    Column("late", Number, nullable=False, server_default="0"),
    PrimaryKeyConstraint("workspace_id", "stream_id", "sequence"),
    of_workspace(),
    # Only over what was refused: what is stored costs it nothing.
    Index(
        "places_refused",
        "workspace_id",
        "stream_id",
        "sequence",
        sqlite_where=literal("stored = 0"),
        postgresql_where=literal("stored = 0"),
    ),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

attestations = Table(
    "attestations",
    METADATA,
    number("n"),
    text("workspace_id"),
    blob("id"),
    text("record"),
    # What a collector signed has these five, what came with a token the two behind them.
    text("collector_id", null=True),
    blob("stream_id", null=True),
    number("sequence", null=True),
    blob("observation_id", null=True),
    blob("repeat_of", null=True),
    text("token_id", null=True),
    blob("supersedes", null=True),
    text("status"),
    text("code", null=True),
    number("received_at"),
    number("observed_at"),
    text("type"),
    text("name"),
    text("basis"),
    number("passed"),
    text("repository", null=True),
    text("commit", null=True),
    text("branch", null=True),
    number("pr_number", null=True),
    text("run", null=True),
    text("service", null=True),
    text("environment", null=True),
    PrimaryKeyConstraint("n"),
    UniqueConstraint("workspace_id", "id", name="attestations_id"),
    of_workspace(),
    Index("attestations_observation", "workspace_id", "observation_id"),
    Index("attestations_repository", "workspace_id", "repository", "n"),
    Index("attestations_pr", "workspace_id", "pr_number", "n"),
    Index("attestations_type", "workspace_id", "type", "n"),
    Index("attestations_order", "workspace_id", "n"),
    sqlite_strict=True,
)

envelopes = Table(
    "envelopes",
    METADATA,
    number("n"),
    text("workspace_id"),
    blob("key_id"),
    blob("payload"),
    blob("signature"),
    PrimaryKeyConstraint("n"),
    ForeignKeyConstraint(["n"], ["attestations.n"]),
    sqlite_strict=True,
)

subjects = Table(
    "subjects",
    METADATA,
    text("workspace_id"),
    blob("digest"),
    number("n"),
    PrimaryKeyConstraint("workspace_id", "digest", "n"),
    ForeignKeyConstraint(["n"], ["attestations.n"]),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

receipts = Table(
    "receipts",
    METADATA,
    text("workspace_id"),
    text("collector_id"),
    text("batch_id"),
    blob("batch_digest"),
    blob("id"),
    blob("key_id"),
    blob("payload"),
    blob("signature"),
    text("notes"),
    number("received_at"),
    PrimaryKeyConstraint("workspace_id", "collector_id", "batch_id"),
    of_workspace(),
    sqlite_strict=True,
)

heartbeats = Table(
    "heartbeats",
    METADATA,
    text("workspace_id"),
    blob("stream_id"),
    text("collector_id"),
    number("beat"),
    number("received_at"),
    blob("receipt_id"),
    number("closed"),
    blob("id"),
    blob("key_id"),
    blob("payload"),
    blob("signature"),
    # Out of the payload, since every stream is looked over each minute.
    number("issued_at", null=True),
    number("high_water", null=True),
    blob("head", null=True),
    number("waiting", null=True),
    Column("steps", Words, nullable=False, server_default="[]"),
    Column("ended", Words, nullable=False, server_default="{}"),
    PrimaryKeyConstraint("workspace_id", "stream_id"),
    of_workspace(),
    sqlite_strict=True,
)

audit = Table(
    "audit",
    METADATA,
    text("workspace_id"),
    number("number"),
    number("at"),
    text("actor"),
    text("origin", null=True),
    text("action"),
    text("detail"),
    blob("hash"),
    PrimaryKeyConstraint("workspace_id", "number"),
    of_workspace(),
    sqlite_strict=True,
)

APPEND_ONLY = (
    "attestations",
    "envelopes",
    "subjects",
    "contradictions",
    "failing_posts",
    "dated_reports",
    "components",
    "rotations",
    "register",
    "receipts",
    "audit",
    "stream_events",
    "closed_gaps",
    "revocations",
    "revoked_keys",
    "revoked_streams",
    "releases",
    "taken_back",
    "policies",
    "simulations",
    "passports",
    "approvals",
    "waivers",
    "comments",
    "ingested",
    "triggered",
    "run_commits",
)
"""Tables whose rows are evidence: never changed, never deleted."""
