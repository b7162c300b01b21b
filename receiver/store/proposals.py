"""What one person wants to be released, until another one says the same; a week later it has lapsed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, insert, select

from receiver.store.columns import micros, moment
from receiver.store.engine import Tx
from receiver.store.revocation_tables import release_proposals
from shared.encoding import canonical, parse_object
from shared.predicates import Person

KEPT = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Proposal:
    """Who wants what released, and why; `digest` (32 bytes) names what, `known_as` is what people call the proposer."""

    digest: bytes
    reason: str
    person: Person
    known_as: str
    proposed_at: datetime


def find(tx: Tx, workspace_id: str, digest: bytes, now: datetime) -> Proposal | None:
    """Find a proposal that has not lapsed."""
    row = tx.execute(
        select(release_proposals).where(
            release_proposals.c.workspace_id == workspace_id,
            release_proposals.c.digest == digest,
            release_proposals.c.proposed_at > micros(now - KEPT),
        )
    ).one_or_none()
    if row is None:
        return None
    person = Person.from_wire(parse_object(row.person.encode()))
    return Proposal(row.digest, row.reason, person, row.known_as, moment(row.proposed_at))


def add(tx: Tx, workspace_id: str, proposal: Proposal, now: datetime) -> None:
    """Keep a proposal, and forget those that have lapsed."""
    tx.execute(
        delete(release_proposals).where(
            release_proposals.c.workspace_id == workspace_id, release_proposals.c.proposed_at <= micros(now - KEPT)
        )
    )
    tx.execute(
        insert(release_proposals).values(
            workspace_id=workspace_id,
            digest=proposal.digest,
            reason=proposal.reason,
            person=canonical(proposal.person.to_wire()).decode(),
            known_as=proposal.known_as,
            proposed_at=micros(proposal.proposed_at),
        )
    )


def drop(tx: Tx, workspace_id: str, digest: bytes) -> None:
    """Forget a proposal that was taken up."""
    tx.execute(
        delete(release_proposals).where(
            release_proposals.c.workspace_id == workspace_id, release_proposals.c.digest == digest
        )
    )
