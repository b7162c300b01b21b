"""How what was posted stands: by the newest signed word on it, and by those that this one goes on from.

A run goes on: what one token said of it is said again with what the next one adds. So a word of a token that was
revoked holds all that goes on from it. A correction says everything anew and stands by itself.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import select

from receiver.core.holding import Standing
from receiver.core.placing import Status
from receiver.core.posting import Record
from receiver.core.revocation import What
from receiver.store import attestations, standing
from receiver.store.attestations import AttestationRow, FromToken
from receiver.store.engine import Tx
from receiver.store.revocation_tables import revocations
from receiver.store.schema import attestations as attestation_table


def standings(tx: Tx, workspace_id: str, newest: Collection[AttestationRow]) -> dict[int, Standing]:
    """Say of the newest words on records, by their number, how these stand."""
    stood = standing.of_rows(tx, workspace_id, list(newest))
    looked = {row.n: row for row in newest if row.record is Record.RUN}
    # Only a token that was revoked holds what was posted; mostly none was.
    if looked and _any_token_ended(tx, workspace_id):
        while looked:
            looked = _before(tx, workspace_id, looked)
            found = standing.of_rows(tx, workspace_id, list(looked.values()))
            held = {n: found[row.n] for n, row in looked.items() if found[row.n].status is Status.HELD}
            stood |= {n: why for n, why in held.items() if stood[n].status is not Status.HELD}
    return stood


def _any_token_ended(tx: Tx, workspace_id: str) -> bool:
    asked = select(revocations.c.number).where(
        revocations.c.workspace_id == workspace_id, revocations.c.what == What.TOKEN.value
    )
    return tx.execute(asked.limit(1)).first() is not None


def _before(tx: Tx, workspace_id: str, looked: dict[int, AttestationRow]) -> dict[int, AttestationRow]:
    """Give the words before these, by the number of the newest one of their record."""
    ids = {row.origin.supersedes: n for n, row in looked.items() if isinstance(row.origin, FromToken)}
    table = attestation_table
    asked = select(table.c.n).where(
        table.c.workspace_id == workspace_id, table.c.id.in_([one for one in ids if one is not None])
    )
    rows = attestations.numbered(tx, workspace_id, list(tx.execute(asked).scalars()))
    return {ids[row.id]: row for row in rows}
