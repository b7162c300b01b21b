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
    MetaData,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
)

from receiver.store.columns import Words, blob, number, of_workspace, text

METADATA = MetaData()

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
    sqlite_strict=True,
)

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
    PrimaryKeyConstraint("token_id"),
    of_workspace(),
    Index("tokens_of_collector", "workspace_id", "collector_id"),
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
    # Over all workspaces: a key that is known anywhere is refused everywhere.
    PrimaryKeyConstraint("key_id"),
    ForeignKeyConstraint(["workspace_id", "collector_id"], ["collectors.workspace_id", "collectors.collector_id"]),
    Index("collector_keys_of_collector", "workspace_id", "collector_id"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

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
    PrimaryKeyConstraint("workspace_id", "stream_id"),
    of_workspace(),
    Index("streams_of_collector", "workspace_id", "collector_id"),
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
    PrimaryKeyConstraint("workspace_id", "stream_id", "sequence"),
    of_workspace(),
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

contradictions = Table(
    "contradictions",
    METADATA,
    text("workspace_id"),
    number("n"),
    text("kind"),
    text("field"),
    number("other"),
    text("detail"),
    number("found_at"),
    PrimaryKeyConstraint("workspace_id", "n", "kind", "field", "other"),
    ForeignKeyConstraint(["n"], ["attestations.n"]),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)
"""What speaks against attestation `n`: by itself (`other` 0), or by what another one says."""

failing_posts = Table(
    "failing_posts",
    METADATA,
    text("workspace_id"),
    blob("digest"),
    text("type"),
    text("name"),
    number("n"),
    PrimaryKeyConstraint("workspace_id", "digest", "type", "name", "n"),
    ForeignKeyConstraint(["n"], ["attestations.n"]),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)
"""What came with a token and did not pass, by what it is about: looked through for every signed claim that passed."""

dated_reports = Table(
    "dated_reports",
    METADATA,
    text("workspace_id"),
    blob("digest"),
    number("n"),
    PrimaryKeyConstraint("workspace_id", "digest", "n"),
    ForeignKeyConstraint(["n"], ["attestations.n"]),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)
"""The files of reports that tell their own time, by SHA-256: the same bytes cannot be of two commits."""

components = Table(
    "components",
    METADATA,
    text("workspace_id"),
    text("component"),
    number("n"),
    PrimaryKeyConstraint("workspace_id", "component", "n"),
    ForeignKeyConstraint(["n"], ["attestations.n"]),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

records = Table(
    "records",
    METADATA,
    number("r"),
    text("workspace_id"),
    text("kind"),
    text("record_id"),
    blob("natural_key", null=True),
    number("version"),
    text("supersedes", null=True),
    text("superseded_by", null=True),
    blob("content"),
    number("n"),
    text("token_id"),
    text("status", null=True),
    text("name", null=True),
    text("repository", null=True),
    text("commit", null=True),
    blob("digest", null=True),
    number("pr_number", null=True),
    text("run", null=True),
    text("service", null=True),
    text("environment", null=True),
    text("target", null=True),
    number("awaited_until", null=True),
    number("created_at"),
    number("updated_at"),
    text("fields"),
    PrimaryKeyConstraint("r"),
    UniqueConstraint("workspace_id", "record_id", name="records_id"),
    UniqueConstraint("workspace_id", "kind", "natural_key", "version", name="records_natural"),
    of_workspace(),
    ForeignKeyConstraint(["n"], ["attestations.n"]),
    Index("records_digest", "workspace_id", "digest", "kind", "r"),
    Index("records_commit", "workspace_id", "commit", "kind", "r"),
    Index("records_repository", "workspace_id", "repository", "kind", "r"),
    Index("records_environment", "workspace_id", "environment", "kind", "r"),
    Index("records_pr_number", "workspace_id", "pr_number", "kind", "r"),
    Index("records_kind", "workspace_id", "kind", "r"),
    Index("records_name", "workspace_id", "name", "kind", "r"),
    Index("records_target", "workspace_id", "environment", "target", "r"),
    Index("records_awaited", "workspace_id", "awaited_until", "environment"),
    Index("records_of_envelope", "n"),
    sqlite_strict=True,
)
"""What was posted as it stands now: attestations, runs, artifacts, deployments; `n` is the newest signed word on it.

Of a deployment, `target` is what in its environment it is of; `awaited_until` is there as long as an announced one has
not come.
"""

answers = Table(
    "answers",
    METADATA,
    text("workspace_id"),
    text("token_id"),
    text("route"),
    text("idempotency_key"),
    blob("request"),
    number("status"),
    blob("body"),
    number("answered_at"),
    PrimaryKeyConstraint("workspace_id", "token_id", "route", "idempotency_key"),
    of_workspace(),
    Index("answers_by_age", "answered_at"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)
"""What requests with an Idempotency-Key were answered, for a day."""

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
    "register",
    "receipts",
    "audit",
)
"""Tables whose rows are evidence: never changed, never deleted."""
