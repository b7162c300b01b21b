"""The tables, as the queries of this package see them; the migrations make them, and a test compares the two.

Invariants: every table but `instance` carries `workspace_id`, and every query of a tenant's rows filters by it. Ids are
32-byte blobs, stream ids 16 bytes, moments are microseconds since 1970 in UTC. `attestations`, `envelopes`, `register`,
`receipts` and `audit` only grow: triggers refuse every change. A random index is dear, so there are three that grow
with the evidence: ids, subjects, observations.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import (
    BigInteger,
    Column,
    Dialect,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

METADATA = MetaData()

Number = BigInteger().with_variant(Integer(), "sqlite")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Blob(LargeBinary):
    """Bytes as they are: both drivers take and give them without a wrapper, which would cost on every row."""

    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> None:  # noqa: ARG002, D102
        return None

    def result_processor(self, dialect: Dialect, coltype: object) -> None:  # noqa: ARG002, D102
        return None


def micros(moment: datetime) -> int:
    """Write a moment as a row keeps it."""
    return (moment - _EPOCH) // _MICROSECOND


def moment(stored: int) -> datetime:
    """Read a moment from a row."""
    return _EPOCH + stored * _MICROSECOND


def moment_or_none(stored: int | None) -> datetime | None:
    """Read a moment that may be missing."""
    return None if stored is None else moment(stored)


def _text(name: str, *, null: bool = False) -> Column[str]:
    return Column(name, Text, nullable=null)


def _number(name: str, *, null: bool = False) -> Column[int]:
    return Column(name, Number, nullable=null)


def _blob(name: str, *, null: bool = False) -> Column[bytes]:
    return Column(name, Blob, nullable=null)


def _of_workspace() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["workspace_id"], ["workspaces.workspace_id"])


instance = Table(
    "instance",
    METADATA,
    _number("one"),
    _text("receiver_id"),
    _number("created_at"),
    PrimaryKeyConstraint("one"),
    sqlite_strict=True,
)

workspaces = Table(
    "workspaces",
    METADATA,
    _text("workspace_id"),
    _text("name"),
    _blob("root_key"),
    _number("keyring_version"),
    _number("created_at"),
    PrimaryKeyConstraint("workspace_id"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

former_audiences = Table(
    "former_audiences",
    METADATA,
    _text("workspace_id"),
    _text("receiver"),
    _text("workspace"),
    PrimaryKeyConstraint("workspace_id", "receiver", "workspace"),
    _of_workspace(),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

role_keys = Table(
    "role_keys",
    METADATA,
    _text("workspace_id"),
    _blob("key_id"),
    _text("role"),
    _blob("public_key"),
    _blob("sealed"),
    _number("valid_from"),
    _number("valid_until", null=True),
    PrimaryKeyConstraint("workspace_id", "key_id"),
    _of_workspace(),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

register = Table(
    "register",
    METADATA,
    _text("workspace_id"),
    _number("number"),
    _blob("id"),
    _text("type"),
    _blob("key_id"),
    _blob("payload"),
    _blob("signature"),
    _number("stored_at"),
    PrimaryKeyConstraint("workspace_id", "number"),
    _of_workspace(),
    sqlite_strict=True,
)

tokens = Table(
    "tokens",
    METADATA,
    _text("token_id"),
    _text("workspace_id"),
    _text("kind"),
    _blob("digest"),
    _text("scopes"),
    _text("label"),
    _text("collector_id", null=True),
    _number("limit_per_minute"),
    _number("created_at"),
    _number("expires_at"),
    _number("last_used_at", null=True),
    _number("revoked_at", null=True),
    PrimaryKeyConstraint("token_id"),
    _of_workspace(),
    Index("tokens_of_collector", "workspace_id", "collector_id"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

invitations = Table(
    "invitations",
    METADATA,
    _text("token_id"),
    _text("workspace_id"),
    _text("name"),
    _text("limits"),
    _number("approve"),
    _text("invited_by"),
    _text("collector_id", null=True),
    PrimaryKeyConstraint("token_id"),
    _of_workspace(),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

collectors = Table(
    "collectors",
    METADATA,
    _text("workspace_id"),
    _text("collector_id"),
    _text("name"),
    _text("status"),
    _text("limits"),
    _number("created_at"),
    _number("enrolled_at", null=True),
    _number("enrolment", null=True),
    PrimaryKeyConstraint("workspace_id", "collector_id"),
    _of_workspace(),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

collector_keys = Table(
    "collector_keys",
    METADATA,
    _blob("key_id"),
    _text("workspace_id"),
    _text("collector_id"),
    _blob("public_key"),
    _text("state"),
    _number("retired_from", null=True),
    _number("added_at"),
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
    _text("workspace_id"),
    _text("collector_id"),
    _blob("nonce"),
    _number("used_at"),
    PrimaryKeyConstraint("workspace_id", "collector_id", "nonce"),
    _of_workspace(),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

streams = Table(
    "streams",
    METADATA,
    _text("workspace_id"),
    _blob("stream_id"),
    _text("collector_id"),
    _number("mark"),
    _number("head"),
    _number("forked_from", null=True),
    _number("opened_at"),
    PrimaryKeyConstraint("workspace_id", "stream_id"),
    _of_workspace(),
    Index("streams_of_collector", "workspace_id", "collector_id"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

places = Table(
    "places",
    METADATA,
    _text("workspace_id"),
    _blob("stream_id"),
    _number("sequence"),
    _blob("id"),
    _blob("previous", null=True),
    _number("stored"),
    PrimaryKeyConstraint("workspace_id", "stream_id", "sequence"),
    _of_workspace(),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

attestations = Table(
    "attestations",
    METADATA,
    _number("n"),
    _text("workspace_id"),
    _blob("id"),
    _text("collector_id"),
    _blob("stream_id"),
    _number("sequence"),
    _text("status"),
    _text("code", null=True),
    _number("received_at"),
    _number("observed_at"),
    _blob("observation_id"),
    _blob("repeat_of", null=True),
    _text("type"),
    _text("name"),
    _text("basis"),
    _number("passed"),
    _text("repository", null=True),
    _text("commit", null=True),
    _text("branch", null=True),
    _number("pr_number", null=True),
    _text("run", null=True),
    _text("service", null=True),
    _text("environment", null=True),
    PrimaryKeyConstraint("n"),
    UniqueConstraint("workspace_id", "id", name="attestations_id"),
    _of_workspace(),
    Index("attestations_observation", "workspace_id", "observation_id"),
    Index("attestations_repository", "workspace_id", "repository"),
    sqlite_strict=True,
)

envelopes = Table(
    "envelopes",
    METADATA,
    _number("n"),
    _text("workspace_id"),
    _blob("key_id"),
    _blob("payload"),
    _blob("signature"),
    PrimaryKeyConstraint("n"),
    ForeignKeyConstraint(["n"], ["attestations.n"]),
    sqlite_strict=True,
)

subjects = Table(
    "subjects",
    METADATA,
    _text("workspace_id"),
    _blob("digest"),
    _number("n"),
    PrimaryKeyConstraint("workspace_id", "digest", "n"),
    ForeignKeyConstraint(["n"], ["attestations.n"]),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

receipts = Table(
    "receipts",
    METADATA,
    _text("workspace_id"),
    _text("collector_id"),
    _text("batch_id"),
    _blob("batch_digest"),
    _blob("id"),
    _blob("key_id"),
    _blob("payload"),
    _blob("signature"),
    _text("notes"),
    _number("received_at"),
    PrimaryKeyConstraint("workspace_id", "collector_id", "batch_id"),
    _of_workspace(),
    sqlite_strict=True,
)

heartbeats = Table(
    "heartbeats",
    METADATA,
    _text("workspace_id"),
    _blob("stream_id"),
    _text("collector_id"),
    _number("beat"),
    _number("received_at"),
    _blob("receipt_id"),
    _number("closed"),
    _blob("id"),
    _blob("key_id"),
    _blob("payload"),
    _blob("signature"),
    PrimaryKeyConstraint("workspace_id", "stream_id"),
    _of_workspace(),
    sqlite_strict=True,
)

audit = Table(
    "audit",
    METADATA,
    _text("workspace_id"),
    _number("number"),
    _number("at"),
    _text("actor"),
    _text("origin", null=True),
    _text("action"),
    _text("detail"),
    _blob("hash"),
    PrimaryKeyConstraint("workspace_id", "number"),
    _of_workspace(),
    sqlite_strict=True,
)

APPEND_ONLY = ("attestations", "envelopes", "subjects", "register", "receipts", "audit")
"""Tables whose rows are evidence: never changed, never deleted."""
