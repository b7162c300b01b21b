"""What people wrote under passports, numbered from 1 for each passport; it only grows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, insert, select

from receiver.store.columns import micros, moment
from receiver.store.engine import Tx
from receiver.store.gate_tables import comments


@dataclass(frozen=True, slots=True)
class CommentRow:
    """What somebody wrote under a passport."""

    number: int
    email: str
    at: datetime
    text: str


def add(tx: Tx, workspace_id: str, passport_id: str, email: str, text: str, now: datetime) -> CommentRow:
    """Keep a comment behind those that are there."""
    last = tx.execute(
        select(func.max(comments.c.number)).where(
            comments.c.workspace_id == workspace_id, comments.c.passport_id == passport_id
        )
    ).scalar_one()
    row = CommentRow(int(last or 0) + 1, email, now, text)
    tx.execute(
        insert(comments).values(
            workspace_id=workspace_id,
            passport_id=passport_id,
            number=row.number,
            email=email,
            at=micros(now),
            text=text,
        )
    )
    return row


def count(tx: Tx, workspace_id: str, passport_id: str) -> int:
    """Say how many were written under a passport."""
    return int(
        tx.execute(
            select(func.count()).where(comments.c.workspace_id == workspace_id, comments.c.passport_id == passport_id)
        ).scalar_one()
    )


def of_passport(tx: Tx, workspace_id: str, passport_id: str) -> list[CommentRow]:
    """Give what was written under a passport, oldest first."""
    found = tx.execute(
        select(comments)
        .where(comments.c.workspace_id == workspace_id, comments.c.passport_id == passport_id)
        .order_by(comments.c.number)
    )
    return [CommentRow(row.number, row.email, moment(row.at), row.text) for row in found]
