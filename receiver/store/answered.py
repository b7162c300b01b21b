"""What a request with an Idempotency-Key was answered, for a day: the same again gets the same, another one is refused.

Kept in the transaction that did the work, so that a key stands for work that was done, and never twice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from sqlalchemy import delete, insert, select

from receiver.store.columns import micros
from receiver.store.engine import Tx
from receiver.store.record_tables import answers
from shared.errors import Code, MalformedError

T = TypeVar("T")

KEPT = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Once:
    """A request that is to be done once: whose token, on which route, its key, and the SHA-256 of what it asks."""

    token_id: str
    route: str
    key: str
    request: bytes


@dataclass(frozen=True, slots=True)
class Answered:
    """A status and a body, as they were sent; `replayed` where that was before."""

    status: int
    body: bytes
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Reply(Generic[T]):
    """How a request is answered: what it is done once by, if at all, and what writes an answer of what was done."""

    once: Once | None
    write: Callable[[T], Answered]

    def give(self, tx: Tx, workspace_id: str, now: datetime, act: Callable[[], T]) -> Answered:
        """Act and keep the answer, or give the one that was kept; raises what `act` and `find` raise."""
        before = None if self.once is None else find(tx, workspace_id, self.once, now)
        if before is not None:
            return replace(before, replayed=True)
        written = self.write(act())
        if self.once is not None:
            keep(tx, workspace_id, self.once, written, now)
        return written


def find(tx: Tx, workspace_id: str, once: Once, now: datetime) -> Answered | None:
    """Find what this request was answered; raises `MalformedError` where its key came with another one."""
    row = tx.execute(
        select(answers).where(
            answers.c.workspace_id == workspace_id,
            answers.c.token_id == once.token_id,
            answers.c.route == once.route,
            answers.c.idempotency_key == once.key,
            answers.c.answered_at > micros(now - KEPT),
        )
    ).one_or_none()
    if row is None:
        return None
    if row.request != once.request:
        raise MalformedError(
            Code.IDEMPOTENCY_MISMATCH,
            "this Idempotency-Key came before with another body",
            "use a key of its own for each request",
        )
    return Answered(row.status, row.body)


def forget(tx: Tx, workspace_id: str, once: Once) -> None:
    """Forget what a request was answered, since it no longer holds."""
    tx.execute(
        delete(answers).where(
            answers.c.workspace_id == workspace_id,
            answers.c.token_id == once.token_id,
            answers.c.route == once.route,
            answers.c.idempotency_key == once.key,
        )
    )


def keep(tx: Tx, workspace_id: str, once: Once, answer: Answered, now: datetime) -> None:
    """Keep an answer, and forget those that are older than a day."""
    tx.execute(delete(answers).where(answers.c.answered_at <= micros(now - KEPT)))
    tx.execute(
        insert(answers),
        {
            "workspace_id": workspace_id,
            "token_id": once.token_id,
            "route": once.route,
            "idempotency_key": once.key,
            "request": once.request,
            "status": answer.status,
            "body": answer.body,
            "answered_at": micros(now),
        },
    )
