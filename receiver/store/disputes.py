"""What speaks against streams: entries that part them, entries that lost their places, keys that two hold.

Only growing; what of it counts is worked out from the revocations that stand. Invariants: `streams.forked_from` and
`forked_after` are what the partings say that count, written anew whenever a revocation of the collector's keys begins
to stand or is taken back; a parting counts unless a standing revocation holds the entry that parts the stream, so a
revocation gives the honest history back and taking it back brings the fork back; that two hold a key is said
once for each stream and key, and counts until the key is revoked.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeAlias

from sqlalchemy import Row, and_, bindparam, func, insert, select, update

from receiver.core.admit import KeyState, KnownKey
from receiver.core.beats import Beat, spot_if_retired
from receiver.core.changes import Change
from receiver.core.changes import Kind as ChangeKind
from receiver.core.holding import UNKNOWN
from receiver.core.placing import Parting, Place, Spot
from receiver.core.trail import Act
from receiver.store import audit, register, revocations, stream_events
from receiver.store import streams as stream_rows
from receiver.store.chains import Chains
from receiver.store.columns import micros, moment
from receiver.store.engine import Tx
from receiver.store.identity_tables import collector_keys, rotations
from receiver.store.revocations import Ends
from receiver.store.schema import attestations, places, streams
from receiver.store.stream_tables import disputes
from shared.encoding import JsonObject, digest_text, parse_digest


class Kind(StrEnum):
    """What a row says."""

    PARTED = "parted"
    DISPLACED = "displaced"
    TWO_HOLDERS = "two-holders"


@dataclass(frozen=True, slots=True)
class Fork:
    """From which sequence on a stream has two branches, and the register's last number when that was found."""

    sequence: int
    known_after: int | None


# Asked for with every question of the gate: built once, since building takes several times as long as running it.
_DOUBLED = (
    select(disputes.c.stream_id)
    .join(collector_keys, collector_keys.c.key_id == disputes.c.key_id)
    .where(
        disputes.c.workspace_id == bindparam("its_workspace"),
        disputes.c.kind == Kind.TWO_HOLDERS.value,
        collector_keys.c.state != KeyState.REVOKED.value,
    )
)
_Held: TypeAlias = tuple[bytes, int, bytes, bytes]
"""A stream, a sequence in it, what is said to be there (32 bytes), and the id of a key (32 bytes)."""


def note_partings(tx: Tx, workspace_id: str, partings: Iterable[Parting], now: datetime) -> None:
    """Keep the entries with which streams part."""
    found = [(one.stream_id, one.sequence, one.id, parse_digest(one.key_id)) for one in partings]
    _note(tx, workspace_id, Kind.PARTED, found, now)


def note_displaced(
    tx: Tx, workspace_id: str, lost: Mapping[Spot, Place], keys: Mapping[Spot, str], now: datetime
) -> None:
    """Keep what lost its place to the chain of the key that was retired above it."""
    found = [(*spot, place.id, parse_digest(keys[spot])) for spot, place in lost.items()]
    _note(tx, workspace_id, Kind.DISPLACED, found, now)


def note_holders(
    tx: Tx, workspace_id: str, collector_id: str, doubled: Mapping[tuple[bytes, str], int], now: datetime
) -> None:
    """Keep that somebody signs with a key of a stream where that was not good; tell it once for each stream and key."""
    found = [(stream, at, parse_digest(key_id), parse_digest(key_id)) for (stream, key_id), at in doubled.items()]
    for stream_id, sequence, key_id, _ in _note(tx, workspace_id, Kind.TWO_HOLDERS, found, now):
        change = Change(ChangeKind.TWO_HOLDERS, sequence)
        stream_events.add(tx, workspace_id, stream_id, change, None, now)
        detail: JsonObject = {
            "collector": collector_id,
            "stream": stream_id.hex(),
            "keyId": digest_text(key_id),
            "first": sequence,
        }
        audit.add(tx, workspace_id, Act(now, collector_id, f"stream.{change.kind.value}", detail))


def note_beat(tx: Tx, workspace_id: str, beat: Beat, key: KnownKey, now: datetime) -> None:
    """Keep that a heartbeat of a retired key names another head than stands at that place of the stream, if so."""
    spot = spot_if_retired(beat, key)
    there = None if spot is None else stream_rows.known_places(tx, workspace_id, [spot]).get(spot)
    if spot is not None and there is not None and digest_text(there.id) != beat.content.stream.head:
        seen = {(beat.stream_id, key.public.key_id): spot[1]}
        note_holders(tx, workspace_id, beat.content.collector.id, seen, now)


def doubled(tx: Tx, workspace_id: str) -> frozenset[bytes]:
    """Name the streams of which two hold a key that nobody has revoked."""
    return frozenset(tx.execute(_DOUBLED, {"its_workspace": workspace_id}).scalars())


def displaced(tx: Tx, workspace_id: str) -> frozenset[bytes]:
    """Name everything that lost its place."""
    asked = select(disputes.c.id).where(
        disputes.c.workspace_id == workspace_id, disputes.c.kind == Kind.DISPLACED.value
    )
    return frozenset(tx.execute(asked).scalars())


def ever_parted(tx: Tx, workspace_id: str) -> dict[bytes, int]:
    """Give the lowest sequence at which each stream ever parted, whatever of that counts."""
    asked = (
        select(disputes.c.stream_id, func.min(disputes.c.sequence).label("sequence"))
        .where(disputes.c.workspace_id == workspace_id, disputes.c.kind == Kind.PARTED.value)
        .group_by(disputes.c.stream_id)
    )
    return {row.stream_id: row.sequence for row in tx.execute(asked)}


def settle(tx: Tx, workspace_id: str, collector_ids: Collection[str], now: datetime) -> None:
    """Mark the streams of collectors as forked where they are, by the revocations that stand now; tells the trail."""
    for collector_id in sorted(collector_ids):
        marked = stream_rows.of_collector(tx, workspace_id, collector_id)
        for stream_id, fork in forks(tx, workspace_id, collector_id).items():
            sequence = None if fork is None else fork.sequence
            if marked[stream_id].forked_from == sequence:
                continue
            known_after = None if fork is None else fork.known_after
            tx.execute(
                update(streams)
                .where(streams.c.workspace_id == workspace_id, streams.c.stream_id == stream_id)
                .values(forked_from=sequence, forked_after=known_after)
            )
            detail: JsonObject = {
                "collector": collector_id,
                "stream": stream_id.hex(),
                "first": sequence,
                "register": known_after,
            }
            audit.add(tx, workspace_id, Act(now, collector_id, stream_rows.PARTED, detail))


def forks(tx: Tx, workspace_id: str, collector_id: str) -> dict[bytes, Fork | None]:
    """Give where each stream of a collector parts that ever did; None where nothing of that counts."""
    ends = revocations.ends(tx, workspace_id, (collector_id,), ())
    chains = Chains(tx, workspace_id)
    found: dict[bytes, Fork | None] = {}
    for row in tx.execute(_partings(workspace_id, collector_id)):
        best = found.setdefault(row.stream_id, None)
        if _is_ended(row, collector_id, ends, chains):
            continue
        fork = Fork(row.sequence, row.known_after)
        if best is None or _order(fork) < _order(best):
            found[row.stream_id] = fork
    return found


def _order(fork: Fork) -> tuple[int, int]:
    return fork.sequence, UNKNOWN if fork.known_after is None else fork.known_after


def _is_ended(row: Row[Any], collector_id: str, ends: Ends, chains: Chains) -> bool:
    """Say whether a standing revocation holds an entry that parts a stream."""
    received = moment(row.received_at)
    for end in ends.keys.get((collector_id, digest_text(row.key_id)), ()):
        here = end if row.n is None else end.towards(row.n, received)
        if not here.reaches(received):
            continue
        reach = ends.reach.get((here.number, row.stream_id))
        if here.since is None or reach is None or row.its_place is None:
            return True
        if not chains.lead(row.stream_id, row.its_place, reach, here.since):
            return True
    return False


def _partings(workspace_id: str, collector_id: str) -> Any:  # noqa: ANN401 - a query of several tables
    """Ask for the entries that part a collector's streams: when each was received, and where it has a place."""
    table, its = disputes.c, (disputes.c.workspace_id, disputes.c.id)
    first = func.coalesce(places.c.first_covered, attestations.c.received_at, rotations.c.received_at, table.at)
    return (
        select(
            table.stream_id,
            table.sequence,
            table.key_id,
            table.known_after,
            attestations.c.n,
            places.c.sequence.label("its_place"),
            first.label("received_at"),
        )
        .select_from(
            disputes.join(
                streams, and_(streams.c.workspace_id == table.workspace_id, streams.c.stream_id == table.stream_id)
            )
            .outerjoin(attestations, and_(attestations.c.workspace_id == its[0], attestations.c.id == its[1]))
            .outerjoin(rotations, and_(rotations.c.workspace_id == its[0], rotations.c.id == its[1]))
            # It is at the sequence at which it parts the stream, or at the next one.
            .outerjoin(
                places,
                and_(
                    places.c.workspace_id == table.workspace_id,
                    places.c.stream_id == table.stream_id,
                    places.c.sequence.between(table.sequence, table.sequence + 1),
                    places.c.id == table.id,
                ),
            )
        )
        .where(
            table.workspace_id == workspace_id,
            table.kind == Kind.PARTED.value,
            streams.c.collector_id == collector_id,
        )
    )


def _note(tx: Tx, workspace_id: str, kind: Kind, found: Collection[_Held], now: datetime) -> list[_Held]:
    """Keep what is not kept yet, and give that."""
    if not found:
        return []
    known = set(
        tx.execute(
            select(disputes.c.stream_id, disputes.c.id).where(
                disputes.c.workspace_id == workspace_id,
                disputes.c.kind == kind.value,
                disputes.c.stream_id.in_({stream_id for stream_id, *_ in found}),
                disputes.c.id.in_([id_ for _, _, id_, _ in found]),
            )
        )
    )
    new = [one for one in found if (one[0], one[2]) not in known]
    number = register.next_place(tx, workspace_id).number - 1
    for stream_id, sequence, id_, key_id in new:
        tx.execute(
            insert(disputes).values(
                workspace_id=workspace_id,
                stream_id=stream_id,
                kind=kind.value,
                id=id_,
                sequence=sequence,
                key_id=key_id,
                at=micros(now),
                known_after=number,
            )
        )
    return new
