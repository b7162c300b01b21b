"""Sessions of signed-in people, found by the SHA-256 of what their cookie holds."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import bindparam, delete, insert, or_, select, update

from receiver.core.sessions import Session
from receiver.store.columns import micros, moment, moment_or_none
from receiver.store.engine import Tx
from receiver.store.gate_tables import sessions

# Asked for with every request of a person: built once.
_FIND = select(sessions).where(sessions.c.digest == bindparam("its_digest"))


def add(tx: Tx, row: Session, idle: timedelta) -> None:
    """Add a session, and forget those of its workspace that are good no more, or were not used for so long."""
    at = micros(row.created_at)
    tx.execute(
        delete(sessions).where(
            sessions.c.workspace_id == row.workspace_id,
            or_(
                sessions.c.revoked_at.is_not(None),
                sessions.c.expires_at <= at,
                sessions.c.last_used_at <= micros(row.created_at - idle),
            ),
        )
    )
    tx.execute(
        insert(sessions).values(
            digest=row.digest,
            workspace_id=row.workspace_id,
            email=row.email,
            csrf=row.csrf,
            created_at=at,
            expires_at=micros(row.expires_at),
            last_used_at=micros(row.last_used_at),
        )
    )


def find(tx: Tx, digest: bytes) -> Session | None:
    """Find a session by the digest of its cookie, which alone says of which workspace it is."""
    row = tx.execute(_FIND, {"its_digest": digest}).one_or_none()
    if row is None:
        return None
    return Session(
        row.digest,
        row.workspace_id,
        row.email,
        row.csrf,
        moment(row.created_at),
        moment(row.expires_at),
        moment(row.last_used_at),
        moment_or_none(row.revoked_at),
    )


def used(tx: Tx, workspace_id: str, digest: bytes, now: datetime) -> None:
    """Note that a session is used."""
    tx.execute(
        update(sessions)
        .where(sessions.c.workspace_id == workspace_id, sessions.c.digest == digest)
        .values(last_used_at=micros(now))
    )


def end(tx: Tx, workspace_id: str, digest: bytes, now: datetime) -> None:
    """End one session."""
    tx.execute(
        update(sessions)
        .where(sessions.c.workspace_id == workspace_id, sessions.c.digest == digest, sessions.c.revoked_at.is_(None))
        .values(revoked_at=micros(now))
    )


def end_of(tx: Tx, workspace_id: str, email: str, now: datetime) -> int:
    """End every session of an account; gives how many there were."""
    found = tx.execute(
        update(sessions)
        .where(sessions.c.workspace_id == workspace_id, sessions.c.email == email, sessions.c.revoked_at.is_(None))
        .values(revoked_at=micros(now))
    )
    return int(found.rowcount)
