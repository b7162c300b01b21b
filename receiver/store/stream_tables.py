"""The tables of what streams show: when the receiver was there, changes of state, closed gaps, what never came.

A part of `receiver.store.schema`.
"""

from __future__ import annotations

from sqlalchemy import Index, PrimaryKeyConstraint, Table

from receiver.store.columns import blob, number, of_workspace, text
from receiver.store.metadata import METADATA

presence = Table(
    "presence",
    METADATA,
    text("workspace_id"),
    number("since"),
    number("until"),
    PrimaryKeyConstraint("workspace_id", "since"),
    of_workspace(),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)
"""From when until when a receiver looked after the workspace, noted every minute."""

stream_notes = Table(
    "stream_notes",
    METADATA,
    text("workspace_id"),
    blob("stream_id"),
    text("standing"),
    number("forked_from", null=True),
    text("lacking"),
    text("taken"),
    PrimaryKeyConstraint("workspace_id", "stream_id"),
    of_workspace(),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)
"""How each stream stood when its last change was noted: what the next change is told from."""

stream_events = Table(
    "stream_events",
    METADATA,
    number("e"),
    text("workspace_id"),
    blob("stream_id"),
    number("at"),
    text("kind"),
    number("first", null=True),
    number("last", null=True),
    blob("key_id", null=True),
    blob("payload", null=True),
    blob("signature", null=True),
    PrimaryKeyConstraint("e"),
    of_workspace(),
    Index("stream_events_of_stream", "workspace_id", "stream_id", "e"),
    sqlite_strict=True,
)
"""Every change of a stream's state, with the heartbeat that was the latest then."""

closed_gaps = Table(
    "closed_gaps",
    METADATA,
    text("workspace_id"),
    number("number"),
    blob("stream_id"),
    number("first"),
    number("last"),
    number("closed_at"),
    PrimaryKeyConstraint("workspace_id", "number"),
    of_workspace(),
    Index("closed_gaps_of_stream", "workspace_id", "stream_id"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)
"""What people said is lost; `number` is the place of their statement in the register."""

disputes = Table(
    "disputes",
    METADATA,
    text("workspace_id"),
    blob("stream_id"),
    text("kind"),
    blob("id"),
    number("sequence"),
    blob("key_id"),
    number("at"),
    number("known_after", null=True),
    PrimaryKeyConstraint("workspace_id", "stream_id", "kind", "id"),
    of_workspace(),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)
"""What speaks against streams (`receiver.store.disputes`); `known_after` is the register's last number then."""

missing_evidence = Table(
    "missing_evidence",
    METADATA,
    text("workspace_id"),
    text("expectation"),
    text("anchor_kind"),
    text("anchor_id"),
    number("anchor_at"),
    text("type"),
    text("repository", null=True),
    text("commit", null=True),
    blob("digest", null=True),
    text("service", null=True),
    text("environment", null=True),
    number("due_at"),
    number("found_at"),
    number("withdrawn_at", null=True),
    blob("id"),
    blob("key_id"),
    blob("payload"),
    blob("signature"),
    PrimaryKeyConstraint("workspace_id", "expectation", "anchor_kind", "anchor_id", "type"),
    of_workspace(),
    Index("missing_evidence_open", "workspace_id", "withdrawn_at"),
    sqlite_strict=True,
)
"""Signed findings that expected evidence never came; one that came after all is withdrawn and stays."""
