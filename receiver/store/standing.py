"""How what is stored stands now: the columns of its row, and what was revoked, released and taken back since.

A page costs the same however much is stored: where nothing is revoked, one look; else what belongs to the keys and
tokens of its own rows, and the chain above those alone that came late.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, or_, select, true

from receiver.core.admit import KeyState, KnownKey
from receiver.core.holding import End, Link, Standing, received, standing
from receiver.core.placing import Status
from receiver.store import attestations, collectors, revocations, streams
from receiver.store.attestations import AttestationRow, Filters, FromCollector
from receiver.store.columns import micros, moment_or_none
from receiver.store.engine import Tx
from receiver.store.identity_tables import rotations
from receiver.store.revocations import CollectorsKey, Ends
from receiver.store.schema import attestations as attestation_table
from receiver.store.schema import places
from receiver.store.schema import streams as stream_table
from shared import dsse, statement
from shared.errors import Code
from shared.keys import PublicKey

_RUN = 256
_PORTION = 500


@dataclass(frozen=True, slots=True)
class Stood:
    """An attestation's row, and how it stands."""

    row: AttestationRow
    standing: Standing


def page(tx: Tx, workspace_id: str, filters: Filters, limit: int, before: int | None) -> list[Stood]:
    """Give attestations, newest first, below a number; `filters.status` is compared with how they stand now."""
    found: list[Stood] = []
    wanted, candidates, portion = filters.status, None, limit
    if wanted not in {None, Status.ACCEPTED, Status.HELD}:
        return found
    if wanted is Status.HELD:
        candidates = _candidates(revocations.everything_ended(tx, workspace_id))
    while len(found) < limit:
        rows = attestations.page(tx, workspace_id, replace(filters, status=None), portion, before, candidates)
        stood = of_rows(tx, workspace_id, rows)
        found += [Stood(row, stood[row.n]) for row in rows if wanted in {None, stood[row.n].status}]
        if len(rows) < portion:
            break
        before, portion = rows[-1].n, _PORTION
    return found[:limit]


def _candidates(ended: Ends) -> ColumnElement[bool]:
    """Narrow down what may be held: it is held in its row, or belongs to what was ended."""
    table = attestation_table
    sinces = [end.since for ends in (*ended.keys.values(), *ended.tokens.values()) for end in ends]
    earliest = None if None in sinces else min((one for one in sinces if one is not None), default=None)
    late = true() if earliest is None else table.c.received_at >= micros(earliest)
    of_ended = or_(table.c.collector_id.in_(sorted(ended.collectors)), table.c.token_id.in_(sorted(ended.tokens)))
    return or_(table.c.status == Status.HELD.value, and_(late, of_ended))


def of_rows(
    tx: Tx, workspace_id: str, rows: Sequence[AttestationRow], ended: Ends | None = None
) -> dict[int, Standing]:
    """Say of each of these rows, by its number, how it stands; with `ended`, as if these revocations stood alone."""
    signed = {row.n: row.origin for row in rows if isinstance(row.origin, FromCollector)}
    if ended is None:
        tokens = {row.origin.token_id for row in rows if not isinstance(row.origin, FromCollector)}
        ended = revocations.ends(tx, workspace_id, {one.collector_id for one in signed.values()}, tokens)
    asked = [row for row in rows if row.status is Status.HELD or _touched(row, ended)]
    stood = {row.n: Standing(row.status, row.code) for row in rows}
    if asked:
        stood |= _Look(tx, workspace_id, asked, ended).stand()
    return stood


def _touched(row: AttestationRow, ended: Ends) -> bool:
    origin = row.origin
    if isinstance(origin, FromCollector):
        return origin.collector_id in ended.collectors
    return origin.token_id in ended.tokens


class _Look:
    """A closer look at rows that are held, or whose key or token was revoked."""

    def __init__(self, tx: Tx, workspace_id: str, rows: Sequence[AttestationRow], ended: Ends) -> None:
        self._tx = tx
        self._workspace_id = workspace_id
        self._rows = rows
        self._ended = ended
        self._key_ids = attestations.key_ids_of(tx, workspace_id, [row.n for row in rows])
        self._released = revocations.released(tx, workspace_id, [row.id for row in rows])
        self._shown: dict[bytes, datetime] = {}
        self._keys = self._known_keys()

    def stand(self) -> dict[int, Standing]:
        return {row.n: self._one(row) for row in self._rows}

    def _one(self, row: AttestationRow) -> Standing:
        origin = row.origin
        if not isinstance(origin, FromCollector):
            ends = self._ended.tokens.get(origin.token_id, ())
            return standing(row.code, row.received_at, ends, self._released.get(row.id))
        key = (origin.collector_id, self._key_ids[row.n])
        ends = self._ended.keys.get(key, ())
        hold = self._apart(row, origin, key) if row.code is Code.KEY_REVOKED else row.code
        return standing(hold, self._received(row, origin, ends), ends, self._released.get(row.id))

    def _apart(self, row: AttestationRow, origin: FromCollector, named: CollectorsKey) -> Code | None:
        """Say why something is held that came under a revoked key, if that revocation did not hold it."""
        key = self._keys.get(named)
        # A key that nobody has confirmed never was good, whatever was done and undone to its collector.
        never = key is None or key.state is KeyState.PENDING
        if key is None or never or (key.state is KeyState.REVOKED and named not in self._ended.once_good):
            return Code.KEY_REVOKED
        until = KeyState.ACTIVE if key.retired_from is None else KeyState.RETIRED
        parted = streams.states(self._tx, self._workspace_id, [origin.stream_id])[origin.stream_id].forked_from
        return (
            replace(key, state=until).hold(origin.stream_id, origin.sequence)
            or self._not_understood(row.n, key.public)
            or (Code.FORKED if parted is not None and origin.sequence >= parted else None)
        )

    def _not_understood(self, n: int, key: PublicKey) -> Code | None:
        envelope = attestations.parts_of_numbers(self._tx, self._workspace_id, [n])[n].envelope()
        return Code.NOT_UNDERSTOOD if statement.read(dsse.verify(envelope, key)).not_understood else None

    def _known_keys(self) -> Mapping[CollectorsKey, KnownKey]:
        asked = {
            row.origin.collector_id
            for row in self._rows
            if isinstance(row.origin, FromCollector) and row.code is Code.KEY_REVOKED
        }
        return {
            (collector_id, one.key.public.key_id): one.key
            for collector_id in asked
            for one in collectors.keys(self._tx, self._workspace_id, collector_id)
        }

    def _received(self, row: AttestationRow, origin: FromCollector, ends: Collection[End]) -> datetime:
        """Give when a row is shown to have been received, as far as it matters to what would hold it."""
        open_to_doubt = [
            end.since
            for end in ends
            if end.since is not None
            and row.received_at >= end.since
            and origin.sequence <= self._ended.reach.get((end.number, origin.stream_id), -1)
        ]
        if not open_to_doubt:
            return row.received_at
        enough = min(open_to_doubt)
        if self._shown.get(row.id, row.received_at) >= enough:
            run = _run_above(self._tx, self._workspace_id, origin.stream_id, origin.sequence, enough)
            self._shown |= received(run)
        return min(self._shown.get(row.id, row.received_at), row.received_at)


def _run_above(tx: Tx, workspace_id: str, stream_id: bytes, sequence: int, enough: datetime) -> list[Link]:
    """Give the places of a stream from one up, to the first hole or to one that was received before a time."""
    run: list[Link] = []
    while True:
        low = sequence + len(run)
        found = tx.execute(
            select(
                places.c.sequence,
                places.c.id,
                places.c.previous,
                func.coalesce(attestation_table.c.received_at, rotations.c.received_at).label("received_at"),
            )
            .select_from(
                places.outerjoin(
                    attestation_table,
                    and_(
                        attestation_table.c.workspace_id == places.c.workspace_id,
                        attestation_table.c.id == places.c.id,
                    ),
                ).outerjoin(
                    rotations,
                    and_(rotations.c.workspace_id == places.c.workspace_id, rotations.c.id == places.c.id),
                )
            )
            .where(
                places.c.workspace_id == workspace_id,
                places.c.stream_id == stream_id,
                places.c.sequence.between(low, low + _RUN - 1),
            )
            .order_by(places.c.sequence)
        )
        portion = [Link(row.sequence, row.id, row.previous, moment_or_none(row.received_at)) for row in found]
        run += portion
        early = any(one.received_at is not None and one.received_at < enough for one in portion)
        if early or len(portion) < _RUN:
            return run


def reach_before(tx: Tx, workspace_id: str, collector_id: str, since: datetime | None) -> dict[bytes, int]:
    """Give how far each stream of a collector had come before a time; a stream that had not is left out."""
    if since is None:
        return {}
    asked = (
        select(places.c.stream_id, func.max(places.c.sequence).label("reach"))
        .select_from(
            stream_table.join(
                places,
                and_(
                    places.c.workspace_id == stream_table.c.workspace_id,
                    places.c.stream_id == stream_table.c.stream_id,
                ),
            )
        )
        .where(stream_table.c.workspace_id == workspace_id, stream_table.c.collector_id == collector_id)
        .group_by(places.c.stream_id)
    )
    reached: dict[bytes, int] = {}
    for table in (attestation_table, rotations):
        came = and_(table.c.workspace_id == places.c.workspace_id, table.c.id == places.c.id)
        early = asked.where(
            select(table.c.id).where(came, table.c.received_at < micros(since)).correlate(places).exists()
        )
        for row in tx.execute(early):
            reached[row.stream_id] = max(row.reach, reached.get(row.stream_id, -1))
    return reached
