"""Envelopes by their ids, wherever they are kept: evidence, the register, rotations."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import islice

from sqlalchemy import select

from receiver.store.engine import Tx
from receiver.store.parts import Parts
from receiver.store.schema import attestations, envelopes, register
from shared.dsse import Envelope

_AT_ONCE = 500


def envelopes_of(tx: Tx, workspace_id: str, ids: Collection[bytes]) -> dict[bytes, Envelope]:
    """Give the envelopes of these ids (32 bytes), exactly as they were signed; what is not here is left out."""
    found: dict[bytes, Envelope] = {}
    for portion in _portions(ids):
        evidence = (
            select(attestations.c.id, envelopes.c.key_id, envelopes.c.payload, envelopes.c.signature)
            .join_from(attestations, envelopes, attestations.c.n == envelopes.c.n)
            .where(attestations.c.workspace_id == workspace_id, attestations.c.id.in_(portion))
        )
        acts = select(register.c.id, register.c.key_id, register.c.payload, register.c.signature).where(
            register.c.workspace_id == workspace_id, register.c.id.in_(portion)
        )
        for asked in (evidence, acts):
            for id_, key_id, payload, signature in tx.execute(asked):
                found[id_] = Parts(key_id, payload, signature).envelope()
    return found


def _portions(ids: Collection[bytes]) -> Iterator[list[bytes]]:
    """Cut ids into pieces that a statement takes as its parameters."""
    left = iter(ids)
    while portion := list(islice(left, _AT_ONCE)):
        yield portion
