"""Check a whole database: every envelope, column, link, place, registered act, receipt and row of the audit trail.

It changes nothing, and goes on after what it finds; an empty list means that all is as it was signed. Each workspace is
one snapshot. What a collector's key may be comes from the signed enrolments, not from the table of keys.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

from receiver.checks import acts, decisions, evidence, identities, places, policies, runs, trails
from receiver.checks.walk import Walk
from receiver.core.fsck import Finding
from receiver.store import workspaces
from receiver.store.engine import Store, Tx
from shared.errors import CarnetError

_Part: TypeAlias = tuple[str, Callable[[Walk], None]]
_PARTS: tuple[_Part, ...] = (
    ("register", identities.check_register),
    ("collectors", identities.check_collectors),
    ("streams", places.check_streams),
    ("revocations", acts.check_acts_of_people),
    ("attestations", evidence.check_attestations),
    ("records", evidence.check_records),
    ("triggered", runs.check_runs),
    ("heartbeats", places.check_heartbeats),
    ("findings", acts.check_missing),
    ("policies", policies.check_policies),
    ("role keys", identities.check_role_keys),
    ("passports", decisions.check_passports),
    ("receipts", trails.check_receipts),
    ("audit", trails.check_trail),
)
"""Each stands on those before it."""


def check(store: Store, workspace_id: str | None = None) -> list[Finding]:
    """Check one workspace, or all of them; raises `StateError` without such a workspace, `TryLaterError`."""
    names = [workspace_id] if workspace_id is not None else store.read(workspaces.all_ids)
    return [finding for name in names for finding in store.read(partial(_check_one, workspace_id=name))]


def _check_one(tx: Tx, workspace_id: str) -> list[Finding]:
    walk = Walk(tx, workspace_id)
    for name, check_part in _PARTS:
        # A row that was altered may not even be a row of ours any more: that is a finding too.
        try:
            check_part(walk)
        except (CarnetError, ValueError, OverflowError) as error:
            walk.add(name, [f"a row cannot be read: {str(error)[:200]}"])
    return walk.findings
