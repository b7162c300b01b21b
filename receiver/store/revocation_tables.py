"""The tables of what was revoked, released and taken back; a part of `receiver.store.schema`.

All but the proposals only grow. Nothing here says that an attestation is held: that is worked out when it is read.
"""

from __future__ import annotations

from sqlalchemy import ForeignKeyConstraint, Index, PrimaryKeyConstraint, Table

from receiver.store.columns import blob, number, of_workspace, text
from receiver.store.metadata import METADATA


def _in_register(column: str = "number") -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["workspace_id", column], ["register.workspace_id", "register.number"])


def _of_revocation(column: str = "number") -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["workspace_id", column], ["revocations.workspace_id", "revocations.number"])


revocations = Table(
    "revocations",
    METADATA,
    text("workspace_id"),
    number("number"),
    text("what"),
    text("subject"),
    text("kind"),
    number("since", null=True),
    number("revoked_at"),
    text("status_before", null=True),
    number("received_to", null=True),
    _in_register(),
    PrimaryKeyConstraint("workspace_id", "number"),
    Index("revocations_of_subject", "workspace_id", "what", "subject"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)
"""A revocation by its number in the register; `since` is null for always, `status_before` is that of a collector.

`received_to` is the number of the last attestation that was stored before it.
"""

revoked_keys = Table(
    "revoked_keys",
    METADATA,
    text("workspace_id"),
    text("collector_id"),
    blob("key_id"),
    number("number"),
    text("state_before"),
    _of_revocation(),
    PrimaryKeyConstraint("workspace_id", "collector_id", "key_id", "number"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)
"""The collectors' keys that a revocation ended, and what each of them was until then."""

revoked_streams = Table(
    "revoked_streams",
    METADATA,
    text("workspace_id"),
    number("number"),
    blob("stream_id"),
    number("reach"),
    _of_revocation(),
    PrimaryKeyConstraint("workspace_id", "number", "stream_id"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)
"""How far each stream had come before `since`: nothing above `reach` can be shown to have been received before."""

releases = Table(
    "releases",
    METADATA,
    text("workspace_id"),
    blob("id"),
    number("number"),
    number("released_at"),
    _in_register(),
    PrimaryKeyConstraint("workspace_id", "id", "number"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)
"""Attestations (id of 32 bytes) that were released, and the register number of the statement that says so."""

taken_back = Table(
    "taken_back",
    METADATA,
    text("workspace_id"),
    number("revocation"),
    number("number"),
    number("taken_back_at"),
    _of_revocation("revocation"),
    _in_register(),
    PrimaryKeyConstraint("workspace_id", "revocation"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

release_proposals = Table(
    "release_proposals",
    METADATA,
    text("workspace_id"),
    blob("digest"),
    text("reason"),
    text("person"),
    text("known_as"),
    number("proposed_at"),
    of_workspace(),
    PrimaryKeyConstraint("workspace_id", "digest"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)
"""What one person wants to be released, by what it is, until another one says the same."""
