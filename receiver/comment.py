"""Write something under a passport: a row, no statement; it changes no decision."""

from __future__ import annotations

from typing import TypeAlias

from receiver.caller import signed_in
from receiver.core.trail import Act
from receiver.persons import Doing
from receiver.store import answered, audit, comments, passports
from receiver.store import comments as comment_rows
from receiver.store.engine import Store, Tx
from shared.encoding import JsonObject
from shared.errors import Code, StateError

MOST = 500
"""How many are written under one passport, which shows all of them."""

# Named here because whoever calls a use case does not look into the store.
Answered: TypeAlias = answered.Answered
CommentRow: TypeAlias = comment_rows.CommentRow
Reply: TypeAlias = answered.Reply


def comment(store: Store, passport_id: str, text: str, doing: Doing, reply: Reply[CommentRow]) -> Answered:
    """Write a comment, or find what this request was answered before; raises `StateError`.

    That is `not_found` without such a passport, and `conflict` where as many were written as there may be.
    """
    workspace_id, who = doing.caller.workspace_id, signed_in(doing.caller)

    def act(tx: Tx) -> CommentRow:
        passports.get(tx, workspace_id, passport_id)
        if comments.count(tx, workspace_id, passport_id) >= MOST:
            raise StateError(
                Code.CONFLICT, f"{passport_id} has {MOST} comments, and takes no more", "write where you talk about it"
            )
        made = comments.add(tx, workspace_id, passport_id, who.subject, text, doing.now)
        detail: JsonObject = {"passport": passport_id, "comment": made.number}
        audit.add(tx, workspace_id, Act(doing.now, who.subject, "passport.comment", detail, doing.origin))
        return made

    return store.write(lambda tx: reply.give(tx, workspace_id, doing.now, lambda: act(tx)))
