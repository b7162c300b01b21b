"""Keep what signed words on runs say and an older receiver, which served beside a newer schema, did not keep.

Invariants: only what is verified is kept, and nothing is taken away; done again, it does nothing.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial

from receiver.caller import OPERATOR
from receiver.checks import identities, runs
from receiver.checks.runs import Lacking
from receiver.checks.walk import Walk
from receiver.core.trail import Act
from receiver.store import audit, triggered, workspaces
from receiver.store.engine import Store, Tx


def refill(store: Store, now: datetime, workspace_id: str | None = None) -> int:
    """Keep what is lacking in one workspace, or in all of them; says how much that was.

    What is lacking is looked for without the writer. Raises `StateError` without such a workspace, `TryLaterError`.
    """
    names = [workspace_id] if workspace_id is not None else store.read(workspaces.all_ids)
    return sum(_refill(store, name, now) for name in names)


def _refill(store: Store, workspace_id: str, now: datetime) -> int:
    lacking = store.read(partial(_lacking, workspace_id=workspace_id))
    if not lacking:
        return 0
    return store.write(partial(_fill, workspace_id=workspace_id, lacking=lacking, now=now))


def _lacking(tx: Tx, workspace_id: str) -> Lacking:
    walk = Walk(tx, workspace_id)
    identities.check_register(walk)
    return runs.lacking(walk)


def _fill(tx: Tx, workspace_id: str, lacking: Lacking, now: datetime) -> int:
    rows = [(table, row) for page in lacking for table, rows in page.items() for row in sorted(rows)]
    found = sum(triggered.keep(tx, workspace_id, *one) for one in rows)
    if found:
        audit.add(tx, workspace_id, Act(now, OPERATOR, "triggered.refill", {"rows": found}))
    return found
