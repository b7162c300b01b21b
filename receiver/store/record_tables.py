"""The tables of what was posted and what evidence is found by: records, components, contradictions, kept answers.

A part of `receiver.store.schema`.
"""

from __future__ import annotations

from sqlalchemy import ForeignKeyConstraint, Index, PrimaryKeyConstraint, Table, UniqueConstraint
from sqlalchemy import text as literal

from receiver.store.columns import blob, number, of_workspace, text
from receiver.store.metadata import METADATA

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
    number("passport", null=True),
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
    # Only over what evidence is expected of.
    Index(
        "records_changed",
        "workspace_id",
        "updated_at",
        sqlite_where=literal("kind <> 'attestation'"),
        postgresql_where=literal("kind <> 'attestation'"),
    ),
    sqlite_strict=True,
)
"""What was posted as it stands now: attestations, runs, artifacts, deployments; `n` is the newest signed word on it.

Of a deployment, `target` is what in its environment it is of; `awaited_until` is there as long as an announced one has
not come; `passport` is the place in the register of the passport that was in force of it when it was stored.
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
