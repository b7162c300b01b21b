"""The tables of the spool, as steps from one schema to the next; creating it is taking all of them.

Signed bytes have a table of their own, so that a change of state rewrites a row of some dozens of bytes. `tally` is
kept by triggers: counting 100,000 entries at every put would cost more than the put.

Places below zero belong to entries salvaged from an older spool: they are of another stream, go out first, and are
never named as places of this one.
"""

from __future__ import annotations

import sqlite3

from shared.errors import Code, StateError

APPLICATION_ID = 0x43524E54  # "CRNT"

_FIRST = (
    """CREATE TABLE spool (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        collector_id TEXT NOT NULL,
        stream_id TEXT NOT NULL,
        digest BLOB NOT NULL,
        next_sequence INTEGER NOT NULL DEFAULT 0,
        last_id BLOB,
        contiguous INTEGER NOT NULL DEFAULT -1,
        beat INTEGER NOT NULL DEFAULT 0,
        last_receipt INTEGER,
        reopened INTEGER NOT NULL DEFAULT 0
    ) STRICT""",
    """CREATE TABLE entry (
        sequence INTEGER PRIMARY KEY,
        id BLOB NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('pending', 'delivered', 'quarantined', 'dropped')),
        size INTEGER NOT NULL,
        stored_at TEXT NOT NULL,
        ended_at TEXT,
        receipt INTEGER,
        reason TEXT,
        detail TEXT,
        dropped_by TEXT,
        answer TEXT,
        answered_at TEXT
    ) STRICT""",
    "CREATE INDEX entry_state ON entry (state, sequence)",
    "CREATE TABLE envelope (sequence INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT",
    """CREATE TABLE file (
        number INTEGER PRIMARY KEY,
        root TEXT NOT NULL,
        path BLOB NOT NULL,
        size INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL,
        ctime_ns INTEGER NOT NULL,
        device INTEGER NOT NULL,
        inode INTEGER NOT NULL,
        sha256 BLOB NOT NULL,
        there INTEGER NOT NULL DEFAULT 1,
        unknown_to TEXT,
        UNIQUE (root, path)
    ) STRICT""",
    """CREATE TABLE observation (
        sequence INTEGER PRIMARY KEY,
        id BLOB UNIQUE,
        file INTEGER NOT NULL REFERENCES file (number)
    ) STRICT""",
    "CREATE INDEX observation_file ON observation (file)",
    """CREATE TABLE aside (
        root TEXT NOT NULL,
        path BLOB NOT NULL,
        reason TEXT NOT NULL,
        place TEXT,
        hint TEXT,
        at TEXT NOT NULL,
        PRIMARY KEY (root, path)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE receipt (
        number INTEGER PRIMARY KEY,
        id BLOB NOT NULL,
        bytes BLOB NOT NULL,
        received_at TEXT NOT NULL,
        first INTEGER,
        last INTEGER
    ) STRICT""",
    """CREATE TABLE alarm (
        number INTEGER PRIMARY KEY,
        name TEXT NOT NULL,
        detail TEXT NOT NULL,
        raised_at TEXT NOT NULL
    ) STRICT""",
    "CREATE TABLE tally (state TEXT PRIMARY KEY, entries INTEGER NOT NULL, bytes INTEGER NOT NULL) STRICT",
    "INSERT INTO tally VALUES ('pending', 0, 0), ('delivered', 0, 0), ('quarantined', 0, 0), ('dropped', 0, 0)",
    """CREATE TRIGGER entry_in AFTER INSERT ON entry BEGIN
        UPDATE tally SET entries = entries + 1, bytes = bytes + NEW.size WHERE state = NEW.state;
    END""",
    """CREATE TRIGGER entry_moved AFTER UPDATE OF state, size ON entry BEGIN
        UPDATE tally SET entries = entries - 1, bytes = bytes - OLD.size WHERE state = OLD.state;
        UPDATE tally SET entries = entries + 1, bytes = bytes + NEW.size WHERE state = NEW.state;
    END""",
    """CREATE TRIGGER entry_out AFTER DELETE ON entry BEGIN
        UPDATE tally SET entries = entries - 1, bytes = bytes - OLD.size WHERE state = OLD.state;
    END""",
    f"PRAGMA application_id = {APPLICATION_ID}",
)

_LEDGER = (
    """CREATE TABLE destination (
        number INTEGER PRIMARY KEY,
        origin TEXT NOT NULL,
        receiver TEXT NOT NULL,
        workspace TEXT NOT NULL,
        UNIQUE (origin, receiver, workspace)
    ) STRICT""",
    """CREATE TABLE departure (
        number INTEGER PRIMARY KEY,
        kind TEXT NOT NULL,
        id BLOB NOT NULL,
        place INTEGER,
        size INTEGER NOT NULL,
        destination INTEGER NOT NULL REFERENCES destination (number),
        first_at TEXT NOT NULL,
        last_at TEXT NOT NULL,
        times INTEGER NOT NULL DEFAULT 1,
        outcome TEXT
    ) STRICT""",
    "CREATE INDEX departure_place ON departure (place) WHERE place IS NOT NULL",
)

_ROTATIONS = (
    """CREATE TABLE rotation (
        place INTEGER PRIMARY KEY,
        id BLOB NOT NULL,
        old_key BLOB NOT NULL,
        new_key BLOB NOT NULL,
        envelope BLOB NOT NULL,
        rotated_at TEXT NOT NULL,
        delivered INTEGER NOT NULL DEFAULT 0
    ) STRICT""",
)

_FLEET = (
    """CREATE TABLE fleet (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        receipted INTEGER NOT NULL,
        resend_since INTEGER,
        resend_before INTEGER,
        resent_at TEXT,
        resent_times INTEGER NOT NULL DEFAULT 0,
        pruned INTEGER NOT NULL DEFAULT 0,
        beat_seconds REAL
    ) STRICT""",
    "INSERT INTO fleet (one, receipted) VALUES (1, coalesce((SELECT contiguous FROM spool), -1))",
    """CREATE TABLE asked (
        request BLOB PRIMARY KEY,
        outcome TEXT NOT NULL,
        asked_at TEXT NOT NULL,
        key_id TEXT NOT NULL
    ) STRICT, WITHOUT ROWID""",
)

STEPS = (_FIRST, _LEDGER, (*_ROTATIONS, *_FLEET))
"""Step n takes schema n to schema n + 1. A step that was released is never changed."""

VERSION = len(STEPS)


def version_of(connection: sqlite3.Connection) -> int:
    """Give the schema version that the file carries."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def check_current(connection: sqlite3.Connection) -> None:
    """Refuse a file that is no spool, or one with another schema; raises `StateError`."""
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    if application != APPLICATION_ID or version_of(connection) != VERSION:
        raise StateError(
            Code.CONFLICT,
            "the file is no spool of this version",
            "name the spool of a running collector, and use the version that runs it",
        )


def migrate(connection: sqlite3.Connection) -> None:
    """Take all steps that the file has not taken; runs within the caller's transaction."""
    for version in range(version_of(connection), VERSION):
        for statement in STEPS[version]:
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {version + 1}")
