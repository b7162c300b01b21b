"""What belongs to keys of a collector or to a token: the rows that a revocation may touch, and what it ends besides."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Join, Select, and_, func, not_, or_, select, update

from receiver.core.revocation import StreamSeen
from receiver.store import attestations, heartbeats, streams, suspects
from receiver.store.attestations import AttestationRow
from receiver.store.columns import micros
from receiver.store.engine import Tx
from receiver.store.identity_tables import invitations, tokens
from receiver.store.schema import attestations as attestation_table
from receiver.store.schema import envelopes, places
from shared.encoding import parse_digest, parse_payload
from shared.predicates import Heartbeat

_PAGE = 500


@dataclass(frozen=True, slots=True)
class Origin:
    """Some keys of a collector, or a token."""

    collector_id: str | None
    key_ids: tuple[str, ...]
    token_id: str | None

    def of_it(self, workspace_id: str) -> ColumnElement[bool]:
        """The condition for what comes from here, over attestations and their envelopes."""
        table = attestation_table
        if self.token_id is not None:
            return and_(table.c.workspace_id == workspace_id, table.c.token_id == self.token_id)
        keys = [parse_digest(one) for one in self.key_ids]
        return and_(
            table.c.workspace_id == workspace_id,
            table.c.collector_id == self.collector_id,
            envelopes.c.key_id.in_(keys),
        )


def count_before(tx: Tx, workspace_id: str, origin: Origin, since: datetime | None) -> int:
    """Count what was received before a time and counts where no other revocation stands; nothing was before always."""
    if since is None:
        return 0
    asked = select(func.count()).select_from(_joined()).where(origin.of_it(workspace_id), not_(_open_to_doubt(since)))
    found: int = tx.execute(asked).scalar_one()
    return found


def rows(tx: Tx, workspace_id: str, origin: Origin, since: datetime | None) -> Iterator[list[AttestationRow]]:
    """Give in portions what `count_before` does not count, in the order of storage; with None, everything."""
    after = 0
    while True:
        asked: Select[Any] = (
            select(attestation_table.c.n)
            .select_from(_joined())
            .where(origin.of_it(workspace_id), attestation_table.c.n > after)
            .order_by(attestation_table.c.n)
            .limit(_PAGE)
        )
        if since is not None:
            asked = asked.where(_open_to_doubt(since))
        numbers = list(tx.execute(asked).scalars())
        if not numbers:
            return
        yield attestations.numbered(tx, workspace_id, numbers)[::-1]
        after = numbers[-1]


def streams_seen(tx: Tx, workspace_id: str, collector_id: str) -> list[StreamSeen]:
    """Give the streams of a collector as their last heartbeats tell of them, and how many of their places are here."""
    beats = {row.stream_id: row for row in heartbeats.every(tx, workspace_id, collector_id)}
    seen: list[StreamSeen] = []
    for stream_id, state in streams.of_collector(tx, workspace_id, collector_id).items():
        taken: int = tx.execute(
            select(func.count())
            .select_from(places)
            .where(places.c.workspace_id == workspace_id, places.c.stream_id == stream_id)
        ).scalar_one()
        last = beats.get(stream_id)
        if last is None:
            seen.append(StreamSeen(None, None, state.head, taken))
        else:
            said = Heartbeat.from_wire(parse_payload(last.parts.payload).get("predicate"))
            seen.append(StreamSeen(said.stream.high_water, said.spool.depth, state.head, taken))
    return seen


def last_heard(tx: Tx, workspace_id: str, collector_id: str) -> datetime | None:
    """Say when the last heartbeat of a collector came."""
    beats = heartbeats.every(tx, workspace_id, collector_id)
    return max((row.received_at for row in beats), default=None)


def open_access(tx: Tx, workspace_id: str, collector_id: str, now: datetime) -> list[str]:
    """Give the ids of the tokens of a collector that are good."""
    found = tx.execute(
        select(tokens.c.token_id).where(
            tokens.c.workspace_id == workspace_id, tokens.c.collector_id == collector_id, _good(now)
        )
    )
    return list(found.scalars())


def open_invitations(tx: Tx, workspace_id: str, collector_id: str, name: str, now: datetime) -> list[str]:
    """Give the ids of the invitations that a collector took up, and of good ones for its name."""
    its = invitations.c.token_id == tokens.c.token_id
    found = tx.execute(
        select(tokens.c.token_id)
        .select_from(invitations.join(tokens, its))
        .where(
            invitations.c.workspace_id == workspace_id,
            tokens.c.revoked_at.is_(None),
            or_(
                invitations.c.collector_id == collector_id,
                and_(invitations.c.name == name, invitations.c.collector_id.is_(None), _good(now)),
            ),
        )
    )
    return list(found.scalars())


@dataclass(frozen=True, slots=True)
class NotEnded:
    """Tokens of a collector that are not revoked: those that it works with, and the invitations that it took up."""

    access: tuple[str, ...]
    invitations: tuple[str, ...]


def not_ended(tx: Tx, workspace_id: str, collector_id: str, at: datetime) -> NotEnded:
    """Give the tokens of a collector that are not revoked though they had not expired at a time."""
    access = open_access(tx, workspace_id, collector_id, at)
    its = invitations.c.token_id == tokens.c.token_id
    taken_up = tx.execute(
        select(tokens.c.token_id)
        .select_from(invitations.join(tokens, its))
        .where(
            invitations.c.workspace_id == workspace_id,
            invitations.c.collector_id == collector_id,
            tokens.c.revoked_at.is_(None),
        )
    )
    return NotEnded(tuple(access), tuple(taken_up.scalars()))


def end_tokens(tx: Tx, workspace_id: str, token_ids: list[str], reason: str, now: datetime) -> None:
    """Revoke tokens; those that are revoked keep their first time and reason."""
    if token_ids:
        tx.execute(
            update(tokens)
            .where(
                tokens.c.workspace_id == workspace_id, tokens.c.token_id.in_(token_ids), tokens.c.revoked_at.is_(None)
            )
            .values(revoked_at=micros(now), revoked_reason=reason)
        )


def _joined() -> Join:
    return attestation_table.join(envelopes, envelopes.c.n == attestation_table.c.n)


def _open_to_doubt(since: datetime) -> ColumnElement[bool]:
    return or_(attestation_table.c.received_at >= micros(since), suspects.apart(envelopes.c.key_id))


def _good(now: datetime) -> ColumnElement[bool]:
    return and_(tokens.c.revoked_at.is_(None), tokens.c.expires_at > micros(now))
