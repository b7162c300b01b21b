"""How collectors' keys came in: the rotations that lead to some keys, and the enrolments that these go out from."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from receiver.store import collectors, register, rotations
from receiver.store.engine import Tx
from receiver.store.rotations import RotationRow
from shared import dsse
from shared.dsse import Envelope


def rotations_to(tx: Tx, workspace_id: str, key_ids: Iterable[str]) -> list[RotationRow]:
    """Give the rotations that lead from the enrolled keys to these, each once, sorted by id; other keys have none."""
    found: dict[bytes, RotationRow] = {}
    turned: dict[str, dict[str, RotationRow]] = {}
    for key_id in key_ids:
        owner = collectors.key_owner(tx, key_id)
        if owner is None or owner[0] != workspace_id:
            continue
        if owner[1] not in turned:
            turned[owner[1]] = _by_new_key(rotations.rows(tx, workspace_id, owner[1]))
        at: str = key_id
        while (row := turned[owner[1]].get(at)) is not None and row.id not in found:
            found[row.id] = row
            at = row.old_key_id
    return [found[one] for one in sorted(found)]


def enrolments_of(tx: Tx, workspace_id: str, key_ids: Iterable[str]) -> list[Envelope]:
    """Give the enrolments of the collectors whose keys these are; other keys have none."""
    owners = {collectors.key_owner(tx, key_id) for key_id in key_ids}
    mine = {owner[1] for owner in owners if owner is not None and owner[0] == workspace_id}
    numbers = (collectors.get(tx, workspace_id, one).enrolment for one in sorted(mine))
    return [dsse.parse(register.envelope_at(tx, workspace_id, one)) for one in numbers if one is not None]


def _by_new_key(rows: Collection[RotationRow]) -> dict[str, RotationRow]:
    """Give the rotation that brought each key: the one that counts, where one does."""
    ordered = sorted(rows, key=lambda one: one.counts)
    return {one.new_key_id: one for one in ordered}
