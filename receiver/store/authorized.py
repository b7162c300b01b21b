"""Deployments against passports: which of them the passport in force allowed when they were stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from receiver.core.authorizing import Authorization, InForce, authorization, is_deployment
from receiver.core.posting import Record
from receiver.store import passports
from receiver.store.engine import Tx
from receiver.store.passports import PassportRow
from receiver.store.records import RecordRow


def of(tx: Tx, workspace_id: str, rows: Iterable[RecordRow]) -> dict[str, Authorization]:
    """Say of each deployment among these records, by its id, whether it was allowed; announcements are left out."""
    deployed = [row for row in rows if row.kind is Record.DEPLOYMENT and is_deployment(row.fields)]
    numbers = {row.passport for row in deployed if row.passport is not None}
    found = passports.numbered(tx, workspace_id, numbers) if numbers else {}
    return {row.record_id: _of(row, found) for row in deployed}


def _of(row: RecordRow, found: Mapping[int, PassportRow]) -> Authorization:
    one = None if row.passport is None else found.get(row.passport)
    then = None if one is None else InForce(one.passport_id, one.decision, one.headline, one.valid_until)
    return authorization(row.fields, row.created_at, then)
