"""Receipts, and the audit trail: that what was answered is what is stored, and that nothing was taken out."""

from __future__ import annotations

from datetime import datetime

from receiver.checks.walk import Walk
from receiver.core.fsck import Receipted, check_audit, check_identity, check_receipt
from receiver.store import attestations, audit, chains, receipts, rotations
from shared.encoding import digest_text, parse_digest
from shared.errors import CarnetError
from shared.predicates import Receipt


def check_receipts(walk: Walk) -> None:
    """Compare each receipt with its row, and everything that collectors sent with the receipt that covered it."""
    if walk.keyring is None:
        return
    stored = {
        id_: Receipted(status, code, received_at)
        for id_, status, code, received_at in attestations.receipted(walk.tx, walk.workspace_id)
    }
    for one in rotations.rows(walk.tx, walk.workspace_id):
        stored[one.id] = Receipted(one.status, one.code, one.received_at)
    uncovered, refused = set(stored), chains.refused_first(walk.tx, walk.workspace_id)
    for row in receipts.rows(walk.tx, walk.workspace_id):
        where = f"receipt {row.batch_id} of {row.collector_id}"
        envelope = row.parts.envelope()
        try:
            read = walk.keyring.verify(envelope)
            walk.keyring.check_time(envelope.key_id, row.received_at)
            columns = {"batch_id": row.batch_id, "received_at": row.received_at}
            covered, problems = check_receipt(read, row.collector_id, row.batch_digest, columns, stored)
            refused -= _refused_by(read.as_(Receipt))
        except CarnetError as error:
            covered, problems = set(), [error.detail]
        walk.add(where, problems + check_identity(row.id, envelope))
        uncovered -= covered
    walk.add("receipts", [f"none covers {digest_text(one)}" for one in sorted(uncovered)])
    walk.add("receipts", [f"none refused {digest_text(one)} when its place says" for one, _ in sorted(refused)])


def _refused_by(receipt: Receipt) -> set[tuple[bytes, datetime]]:
    return {
        (parse_digest(one.attestation_id), receipt.received_at)
        for one in receipt.entries
        if one.status == "refused" and one.attestation_id is not None
    }


def check_trail(walk: Walk) -> None:
    """Follow the chain of the audit trail."""
    rows = ((row.number, row.act, row.hash) for row in audit.rows(walk.tx, walk.workspace_id))
    walk.add("audit", check_audit(walk.workspace_id, rows))
