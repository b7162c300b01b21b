"""Read the audit trail of a workspace, newest first."""

from __future__ import annotations

from typing import TypeAlias

from receiver.core.cursors import read_number, write_cursor
from receiver.store import audit
from receiver.store.engine import Store

# Named here because whoever calls a use case does not look into the store.
AuditRow: TypeAlias = audit.AuditRow

MAX_LIMIT = 200


def trail(
    store: Store,
    workspace_id: str,
    limit: int,
    cursor: str | None = None,
    action: str | None = None,
    actor: str | None = None,
) -> tuple[tuple[AuditRow, ...], str | None]:
    """Give a page of the trail and the next cursor; raises `MalformedError` for a cursor that is not ours."""
    before = None if cursor is None else read_number(cursor)
    limit = min(max(limit, 1), MAX_LIMIT)
    rows = store.read(lambda tx: audit.page(tx, workspace_id, limit + 1, before, action, actor))
    return tuple(rows[:limit]), write_cursor(rows[limit - 1].number) if len(rows) > limit else None
