"""What is stored without a place in its stream, since it is held for its key: it gets one where the chain leads to it.

Invariants: a place is given to what the place behind it names as the one before, where it is free and that fits the
place before it. Below a rotation that counts the chain that leads down from it without a hole is stronger: what came
late, when the key was retired already, and contradicts it loses its place. What came before the rotation did loses
nothing: there the stream parts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import select

from receiver.core.admit import KeyState, KnownKey, Placed
from receiver.core.placing import Parting, Place, Spot, Status, StreamState
from receiver.store import rotations, streams
from receiver.store.engine import Tx
from receiver.store.parts import Parts
from receiver.store.schema import attestations, envelopes, places
from shared.encoding import digest_text, parse_digest, parse_payload
from shared.errors import Code
from shared.predicates import Collected, KeyRotation

_PAGE = 500
_GOOD = frozenset({KeyState.ACTIVE, KeyState.RETIRED})


@dataclass(frozen=True, slots=True)
class _Found:
    """Something that is stored: its place, the id that it names before it, and the key that signed it."""

    spot: Spot
    previous: bytes | None
    key_id: str


@dataclass(frozen=True, slots=True)
class Late:
    """What matters below rotations: what came in this batch and has no place yet, the keys and streams as they are."""

    entries: Sequence[Placed] = ()
    keys: Mapping[str, KnownKey] = field(default_factory=dict)
    streams: Mapping[bytes, StreamState] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Led:
    """Places that were given, places that were lost (to which key's chain), and what parts a stream."""

    given: Mapping[Spot, Place]
    lost: Mapping[Spot, Place]
    lost_to: Mapping[Spot, str]
    parted: tuple[Parting, ...]


def lead_down(
    tx: Tx, workspace_id: str, taken: Mapping[Spot, Place], around: Mapping[Spot, Place], late: Late | None = None
) -> Led:
    """Give places to what these that were taken just now lead to, link by link, and to what a rotation leads to.

    `around` is what stood before at the places beside them.
    """
    descent = _Descent(tx, workspace_id, late or Late())
    below = {(stream_id, sequence - 1) for stream_id, sequence in taken if sequence > 0}
    for stream_id, sequence in below - taken.keys() - around.keys():
        descent.down(stream_id, sequence, taken[stream_id, sequence + 1].previous)
    # From above: what stands higher leads to what stands lower.
    for entry in sorted(() if late is None else late.entries, key=lambda one: -one.sequence):
        above = (entry.stream_id, entry.sequence + 1)
        there = streams.known_places(tx, workspace_id, [above]).get(above)
        if there is not None and there.previous == entry.id:
            descent.down(entry.stream_id, entry.sequence, entry.id)
    return Led(descent.given, descent.lost, descent.lost_to, tuple(descent.parted.values()))


class _Descent:
    """Follows chains down in one batch; used once."""

    def __init__(self, tx: Tx, workspace_id: str, late: Late) -> None:
        self._tx, self._workspace_id, self._late = tx, workspace_id, late
        self.given: dict[Spot, Place] = {}
        self.lost: dict[Spot, Place] = {}
        self.lost_to: dict[Spot, str] = {}
        self.parted: dict[bytes, Parting] = {}
        self._holds: dict[Spot, tuple[int, Place]] = {}
        """How far down the chain from a rotation is known to hold, by the rotation's place, and what stands there."""

    def down(self, stream_id: bytes, sequence: int, wanted: bytes | None) -> None:
        """Give its place to what the place above names, then to what that names, as far as that is stored."""
        tx, workspace_id = self._tx, self._workspace_id
        while wanted is not None and sequence >= 0:
            found = _stored(tx, workspace_id, wanted)
            if found is None or found.spot != (stream_id, sequence):
                return
            under = (stream_id, sequence - 1)
            beside = streams.known_places(tx, workspace_id, [found.spot, under] if sequence else [found.spot])
            here, before = beside.get(found.spot), beside.get(under)
            if here is not None and here.id == wanted:
                return
            against = {} if here is None else {found.spot: here}
            if before is not None and before.id != found.previous:
                against[under] = before
            if against and not self._wins(wanted, found, against):
                return
            place = Place(wanted, found.previous, stored=True, late=True)
            streams.add_places(tx, workspace_id, {found.spot: place})
            self.given[found.spot] = place
            wanted, sequence = (found.previous if before is None or under in against else None), sequence - 1

    def _wins(self, wanted: bytes, found: _Found, against: Mapping[Spot, Place]) -> bool:
        """Free the places of what came late, if the chain from a rotation contradicts it; else mark where it parts."""
        stream_id, sequence = found.spot
        owner = self._leads_from(stream_id, sequence + 1)
        if owner is None:
            return False
        if not all(place.late for place in against.values()):
            self.parted[wanted] = Parting(stream_id, min(at for _, at in against), wanted, found.key_id)
            return False
        for spot, place in against.items():
            streams.drop_place(self._tx, self._workspace_id, spot)
            self.given.pop(spot, None)
            self.lost[spot], self.lost_to[spot] = place, owner
        return True

    def _leads_from(self, stream_id: bytes, sequence: int) -> str | None:
        """Give the key that was retired by the rotation from which the chain leads down to a place without a hole."""
        retired = [
            (key.retired_from, key_id)
            for key_id, key in self._late.keys.items()
            if key.retired_stream == stream_id and key.retired_from is not None and key.retired_from >= sequence
        ]
        if not retired:
            return None
        top, owner = min(retired)
        state = self._late.streams.get(stream_id)
        if state is None or (state.forked_from is not None and state.forked_from <= top):
            return None
        lowest, above = self._holds.get((stream_id, top), (top + 1, None))
        at = lowest - 1
        while at >= sequence:
            low = max(sequence, at - _PAGE + 1)
            spots = [(stream_id, one) for one in range(low, at + 1)]
            run = streams.known_places(self._tx, self._workspace_id, spots)
            for spot in reversed(spots):
                here = run.get(spot)
                if here is None or (above is not None and above.previous != here.id):
                    return None
                if above is None and not self._counts(here):
                    return None
                above = here
                self._holds[stream_id, top] = spot[1], here
            at = low - 1
        return owner

    def _counts(self, place: Place) -> bool:
        """Say whether a rotation stands at a place that introduced a key which is still good for something."""
        turned = rotations.find(self._tx, self._workspace_id, place.id)
        new = None if turned is None else self._late.keys.get(turned.new_key_id)
        return turned is not None and turned.counts and new is not None and new.state in _GOOD


def held_for(tx: Tx, workspace_id: str, collector_id: str, key_ids: Collection[str]) -> Iterator[list[bytes]]:
    """Give in pages, in the order of storage, the envelopes of these keys that are held as revoked, without a place."""
    table, after = attestations, 0
    its_place = (
        (places.c.workspace_id == table.c.workspace_id)
        & (places.c.stream_id == table.c.stream_id)
        & (places.c.sequence == table.c.sequence)
        & (places.c.id == table.c.id)
    )
    while True:
        found = tx.execute(
            select(table.c.n, envelopes.c.key_id, envelopes.c.payload, envelopes.c.signature)
            .select_from(table.join(envelopes, envelopes.c.n == table.c.n).outerjoin(places, its_place))
            .where(
                table.c.workspace_id == workspace_id,
                table.c.collector_id == collector_id,
                table.c.status == Status.HELD.value,
                table.c.code == Code.KEY_REVOKED.value,
                envelopes.c.key_id.in_([parse_digest(one) for one in key_ids]),
                places.c.id.is_(None),
                table.c.n > after,
            )
            .order_by(table.c.n)
            .limit(_PAGE)
        ).all()
        if not found:
            return
        yield [Parts(row.key_id, row.payload, row.signature).envelope().to_bytes() for row in found]
        after = found[-1].n


def _stored(tx: Tx, workspace_id: str, wanted: bytes) -> _Found | None:
    row = tx.execute(
        select(attestations.c.stream_id, attestations.c.sequence, envelopes.c.payload, envelopes.c.key_id)
        .join_from(attestations, envelopes, envelopes.c.n == attestations.c.n)
        .where(attestations.c.workspace_id == workspace_id, attestations.c.id == wanted)
    ).one_or_none()
    if row is not None and row.stream_id is not None:
        link = Collected.from_wire(parse_payload(row.payload).get("predicate")).stream
        previous = None if link.previous is None else parse_digest(link.previous)
        return _Found((row.stream_id, row.sequence), previous, digest_text(row.key_id))
    turned = rotations.find(tx, workspace_id, wanted)
    if turned is None:
        return None
    link = KeyRotation.from_wire(parse_payload(turned.envelope.payload).get("predicate")).stream
    spot = (turned.stream_id, turned.sequence)
    return _Found(spot, None if link.previous is None else parse_digest(link.previous), turned.old_key_id)
