"""The tables of the gate: policies, passports, what people say about them, sessions, and what is ingested.

A part of `receiver.store.schema`. What is signed is in the register, once; a row here is what it is found by. A column
`namespace` is empty where none was said, so that it can be compared; digests are 32 bytes.
"""

from __future__ import annotations

from sqlalchemy import Column, ForeignKeyConstraint, Index, PrimaryKeyConstraint, Table, UniqueConstraint
from sqlalchemy import text as literal

from receiver.store.columns import Words, blob, number, of_workspace, text
from receiver.store.metadata import METADATA


def _in_register() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["workspace_id", "number"], ["register.workspace_id", "register.number"])


def _of_passport() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["workspace_id", "passport_id"], ["passports.workspace_id", "passports.passport_id"])


def _of_account(column: str) -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["workspace_id", column], ["accounts.workspace_id", "accounts.email"])


policies = Table(
    "policies",
    METADATA,
    text("workspace_id"),
    text("name"),
    number("version"),
    blob("digest"),
    text("mode"),
    text("uploaded_by"),
    number("uploaded_at"),
    text("text"),
    PrimaryKeyConstraint("workspace_id", "name", "version"),
    of_workspace(),
    Index("policies_digest", "workspace_id", "digest"),
    sqlite_strict=True,
)
"""Every version of every policy, from 1 for each name; only grows. `digest` is that of the text in UTF-8."""

policy_activations = Table(
    "policy_activations",
    METADATA,
    text("workspace_id"),
    number("number"),
    text("name"),
    number("version"),
    number("active_from"),
    number("ended_at", null=True),
    number("overridden"),
    text("reason", null=True),
    _in_register(),
    ForeignKeyConstraint(
        ["workspace_id", "name", "version"], ["policies.workspace_id", "policies.name", "policies.version"]
    ),
    PrimaryKeyConstraint("workspace_id", "number"),
    Index(
        "policy_activations_active",
        "workspace_id",
        "name",
        unique=True,
        sqlite_where=literal("ended_at IS NULL"),
        postgresql_where=literal("ended_at IS NULL"),
    ),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)
"""When which version was judged by, by the register number of the statement; one of a name is active at most.

`overridden` is 1 where it was activated without a simulation, `reason` why.
"""

simulations = Table(
    "simulations",
    METADATA,
    text("workspace_id"),
    blob("digest"),
    number("at"),
    text("by"),
    number("since_days"),
    number("judged"),
    number("changed"),
    Column("changes", Words, nullable=False, server_default="{}"),
    PrimaryKeyConstraint("workspace_id", "digest", "at"),
    of_workspace(),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)
"""That history was judged by the policy text of this digest: how much, and how many decisions would change.

`changes` is a JSON object of counts, by what changes into what.
"""

passports = Table(
    "passports",
    METADATA,
    text("workspace_id"),
    number("number"),
    text("passport_id"),
    # The SHA-256 of service, namespace, environment and digest, whose names are too long for one index.
    blob("release_key"),
    number("place"),
    text("supersedes", null=True),
    blob("facts_key"),
    text("service"),
    text("namespace"),
    text("environment"),
    blob("digest"),
    text("mode"),
    text("decision"),
    number("proceed"),
    text("headline"),
    number("evaluated_at"),
    number("valid_until"),
    text("release_id", null=True),
    text("source_sha", null=True),
    text("token_id"),
    text("owner", null=True),
    text("policies"),
    blob("summary_key_id"),
    blob("summary_payload"),
    blob("summary_signature"),
    text("page"),
    blob("request"),
    blob("docket"),
    _in_register(),
    PrimaryKeyConstraint("workspace_id", "number"),
    UniqueConstraint("workspace_id", "passport_id", name="passports_id"),
    # Of one release each passport but the first stands behind exactly one other: the last is the one in force.
    UniqueConstraint("workspace_id", "release_key", "place", name="passports_release"),
    Index("passports_service", "workspace_id", "service", "number"),
    Index("passports_digest", "workspace_id", "digest", "number"),
    sqlite_strict=True,
)
"""Decisions by the register number of their passport; only grows. In force is the one of a release with the last place.

`facts_key` says what "the same facts" are, `docket` is what was known (canonical JSON, zlib), `request` what was asked
(canonical JSON), `policies` a JSON list of name, version and digest, the `summary` columns SLSA's signed summary.
`token_id` and `owner` say who asked, `page` is the text as it was shown.
"""

approvals = Table(
    "approvals",
    METADATA,
    text("workspace_id"),
    number("number"),
    blob("id"),
    text("passport_id"),
    text("service"),
    text("namespace"),
    text("environment"),
    blob("digest"),
    text("rules"),
    text("findings"),
    text("email"),
    text("role"),
    text("identities"),
    number("approved_at"),
    number("expires_at"),
    _in_register(),
    _of_passport(),
    PrimaryKeyConstraint("workspace_id", "number"),
    Index("approvals_digest", "workspace_id", "digest", "number"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)
"""A person's yes by the register number of its statement, whose id is `id`; only grows.

`rules`, `findings` (their fingerprints) and `identities` are JSON lists: what it was given on, and what was verified of
the account then.
"""

waivers = Table(
    "waivers",
    METADATA,
    text("workspace_id"),
    number("number"),
    blob("id"),
    text("rule"),
    text("service"),
    text("namespace"),
    text("environment"),
    blob("digest"),
    text("reason"),
    text("by"),
    number("waived_at"),
    number("expires_at"),
    _in_register(),
    PrimaryKeyConstraint("workspace_id", "number"),
    Index("waivers_digest", "workspace_id", "digest", "number"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)
"""An exception by the register number of its statement, whose id is `id`; only grows.

`by` is a JSON list of one or two `{subject, role, identities}`.
"""

comments = Table(
    "comments",
    METADATA,
    text("workspace_id"),
    text("passport_id"),
    number("number"),
    text("email"),
    number("at"),
    text("text"),
    _of_passport(),
    PrimaryKeyConstraint("workspace_id", "passport_id", "number"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)
"""What people wrote under a passport, numbered from 1 for each; only grows."""

sessions = Table(
    "sessions",
    METADATA,
    blob("digest"),
    text("workspace_id"),
    text("email"),
    text("csrf"),
    number("created_at"),
    number("expires_at"),
    number("last_used_at"),
    number("revoked_at", null=True),
    # The cookie alone says which workspace its bearer may enter.
    PrimaryKeyConstraint("digest"),
    _of_account("email"),
    Index("sessions_account", "workspace_id", "email"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)
"""Signed-in people, by the SHA-256 of what their cookie holds; `csrf` is what a write must say besides."""

triggered = Table(
    "triggered",
    METADATA,
    text("workspace_id"),
    text("run"),
    text("name"),
    PrimaryKeyConstraint("workspace_id", "run", "name"),
    of_workspace(),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)
"""Whom the words on a run ever named as who triggered it.

A run goes by its natural key as text, one without by its id.
"""

run_commits = Table(
    "run_commits",
    METADATA,
    text("workspace_id"),
    text("commit_sha"),
    text("run"),
    PrimaryKeyConstraint("workspace_id", "commit_sha", "run"),
    of_workspace(),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)
"""Of which full commits the words on a run ever said that it is."""

ingested = Table(
    "ingested",
    METADATA,
    number("n"),
    text("workspace_id"),
    text("service"),
    text("namespace"),
    text("environment"),
    text("type"),
    text("name"),
    text("status"),
    text("source"),
    text("external_id"),
    blob("digest", null=True),
    number("observed_at"),
    number("expires_at", null=True),
    number("received_at"),
    number("says_no"),
    PrimaryKeyConstraint("n"),
    ForeignKeyConstraint(["n"], ["attestations.n"]),
    of_workspace(),
    Index("ingested_service", "workspace_id", "service", "environment", "type", "n"),
    Index(
        "ingested_no",
        "workspace_id",
        "service",
        "environment",
        "type",
        "n",
        sqlite_where=literal("says_no = 1"),
        postgresql_where=literal("says_no = 1"),
    ),
    Index("ingested_source", "workspace_id", "source", "received_at"),
    sqlite_strict=True,
)
"""Where evidence that was ingested belongs, by the number of its attestation; only grows.

`environment` is empty where none was said. `says_no` is 1 where it did not pass, or a flag of it is false: those are
found however much was said since.
"""
