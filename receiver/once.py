"""Do what a token asks in one write transaction, once for its Idempotency-Key, with a row in the audit trail.

Shared by the use cases that store what is posted. Invariants: an Idempotency-Key stands for work that was done; a
refusal changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from receiver.caller import Caller
from receiver.core.trail import Act
from receiver.keys_at_hand import RoleSigners
from receiver.store import answered as answered_rows
from receiver.store import audit
from receiver.store.answered import Answered
from receiver.store.engine import Store, Tx
from receiver.store.posts import Hand
from shared.encoding import JsonObject

# Named here because whoever calls a use case does not look into the store.
Once: TypeAlias = answered_rows.Once


@dataclass(frozen=True, slots=True)
class Posting:
    """Who posts, what is to be done once, when it is, and from which address."""

    caller: Caller
    once: Once | None
    now: datetime
    random: Callable[[int], bytes]
    origin: str | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """An answer as it is sent, and whether it was sent before for the same key."""

    status: int
    body: bytes
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Made:
    """What an act answers, and what the audit trail says of it."""

    status: int
    body: bytes
    detail: JsonObject


def do(store: Store, signers: RoleSigners, posting: Posting, action: str, act: Callable[[Tx, Hand], Made]) -> Done:
    """Do something in one transaction, or find what it was answered before.

    Raises what the act does, `MalformedError` (`idempotency_mismatch`) for a key that came with another body, and
    `TryLaterError` where nothing can be written now; then nothing was stored.
    """
    caller, once, now = posting.caller, posting.once, posting.now
    hand = Hand(
        caller.workspace_id, caller.token_id, signers.audience, signers.claim, now, posting.random, caller.owner
    )

    def all_of_it(tx: Tx) -> Done:
        before = None if once is None else answered_rows.find(tx, caller.workspace_id, once, now)
        if before is not None:
            return Done(before.status, before.body, replayed=True)
        made = act(tx, hand)
        if once is not None:
            answered_rows.keep(tx, caller.workspace_id, once, Answered(made.status, made.body), now)
        audit.add(tx, caller.workspace_id, Act(now, caller.token_id, action, made.detail, posting.origin))
        return Done(made.status, made.body)

    return store.write(all_of_it)
