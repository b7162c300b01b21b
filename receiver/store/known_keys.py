"""Collectors' keys with where they begin and end: a key's own row, and the rotation that introduced it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import FromClause, Join, Row, and_

from receiver.core.admit import KeyState, KnownKey
from receiver.store.identity_tables import collector_keys, rotations
from shared.keys import PublicKey

INTRODUCED = (rotations.c.sequence.label("introduced_at"), rotations.c.stream_id.label("introduced_stream"))
"""The columns that say where a key was introduced."""


def with_introductions(tables: FromClause) -> Join:
    """Join the rotation that introduced a key to tables that have `collector_keys`; an enrolled one has none.

    A key is introduced once: a rotation to one that is known anywhere is refused.
    """
    its = and_(
        rotations.c.workspace_id == collector_keys.c.workspace_id,
        rotations.c.collector_id == collector_keys.c.collector_id,
        rotations.c.new_key_id == collector_keys.c.key_id,
    )
    return tables.outerjoin(rotations, its)


def known_key(row: Row[Any]) -> KnownKey:
    """Read a key from the columns of its row and `INTRODUCED`."""
    return KnownKey(
        PublicKey(row.public_key),
        KeyState(row.state),
        row.retired_from,
        row.retired_stream,
        row.introduced_at,
        row.introduced_stream,
    )
