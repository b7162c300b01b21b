"""The places of streams: who stands where, what a batch adds to that, and where two chains part.

Facts in, facts out: `Places` is handed what the store knows about the places that a batch touches. Invariants: a place
keeps the first id that it ever had; only what a good key signed marks a place where a stream parts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TypeAlias

from receiver.core.admit import KnownKey, Placed, Refusal, Unreadable
from shared.errors import Code

Spot: TypeAlias = tuple[bytes, int]
"""A stream (16 bytes) and a sequence in it."""


class Status(StrEnum):
    """What became of an entry."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    HELD = "held"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Place:
    """What stands at a place: an attestation id, the id it names before it, and whether it is stored.

    `late` says that it came when its key was retired already: it may lose the place (`receiver.store.stranded`).
    """

    id: bytes
    previous: bytes | None
    stored: bool
    late: bool = False


@dataclass(frozen=True, slots=True)
class Parting:
    """An entry with which a stream parts: its key, the lower sequence at which two entries contradict each other."""

    stream_id: bytes
    sequence: int
    id: bytes
    key_id: str


@dataclass(frozen=True, slots=True)
class StreamState:
    """A stream as it is known: whose it is, its contiguous mark (-1: none), its highest number, where it parted."""

    collector_id: str
    mark: int = -1
    head: int = -1
    forked_from: int | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What the store knows: ids that are stored, streams, places one around each entry, first ids of observations.

    `taken` are the ids of those new keys of the batch's rotations that are known already, wherever that is; `idle` is
    how many keys came in by rotations that do not count, asked only where the batch rotates; `open_streams` is how many
    streams the collector has, asked only where the batch opens one.
    """

    ids: frozenset[bytes]
    streams: Mapping[bytes, StreamState]
    places: Mapping[Spot, Place]
    observations: Mapping[bytes, bytes]
    taken: frozenset[str] = frozenset()
    idle: int = 0
    open_streams: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one entry; `repeat_of` is the first attestation of the same observation."""

    entry: Placed | Unreadable
    status: Status
    refusal: Refusal | None = None
    repeat_of: bytes | None = None

    @property
    def code(self) -> Code | None:
        """The reason code of what is held or refused."""
        return None if self.refusal is None else self.refusal.code


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a batch leads to: a verdict per entry, places to write anew or to mark as stored, streams as they are now.

    `streams` holds the streams that changed or grew, `touched` every known one that a receipt tells about; `keys` are
    the collector's, by key id, as they are now. `partings` are the entries that part a stream, `doubled` the retired
    keys that somebody else than who rotated them signs with, by stream, with the sequence where that was seen.
    """

    collector_id: str
    verdicts: tuple[Verdict, ...]
    new_places: Mapping[Spot, Place]
    stored_places: tuple[Spot, ...]
    streams: Mapping[bytes, StreamState]
    touched: tuple[bytes, ...]
    keys: Mapping[str, KnownKey]
    partings: tuple[Parting, ...] = ()
    doubled: Mapping[tuple[bytes, str], int] = field(default_factory=dict)


MAX_OPEN_STREAMS = 1000
"""How many streams of one collector may be without a farewell.

Each is looked over every minute, for ever; a collector has one for each spool that it ever had.
"""
TOO_MANY_STREAMS = Refusal(
    Code.OUTSIDE_LIMITS,
    f"{MAX_OPEN_STREAMS} streams of this collector are open, and this would be another one",
    "a spool is one stream: let the collector keep its spool, or enrol it anew",
)
WRONG_STREAM = Refusal(
    Code.WRONG_STREAM,
    "this stream was opened by another collector",
    "a spool belongs to one collector: do not copy it to another host",
)


class Places:
    """Keeps the places of a collector's streams while a batch is judged; used once."""

    def __init__(self, collector_id: str, known: Known) -> None:
        """Take whose batch it is, and what the store knows."""
        self.streams = dict(known.streams)
        self.new: dict[Spot, Place] = {}
        self.stored: dict[Spot, Place] = {}
        self.partings: dict[bytes, Parting] = {}
        self._collector_id = collector_id
        self._known = known

    @property
    def changed(self) -> dict[bytes, StreamState]:
        """The streams that are not as they were: a place that is taken may fill a hole, which moves the mark."""
        grown = {stream_id for stream_id, _ in self.new}
        return {
            stream_id: state
            for stream_id, state in self.streams.items()
            if stream_id in grown or state != self._known.streams.get(stream_id)
        }

    def has_room(self, stream_id: bytes) -> bool:
        """Say whether a stream is known, or may be opened."""
        opened = len(self.streams.keys() - self._known.streams.keys())
        return stream_id in self.streams or self._known.open_streams + opened < MAX_OPEN_STREAMS

    def is_parted(self, entry: Placed) -> bool:
        """Say whether an entry stands where its stream has two branches."""
        state = self.streams.get(entry.stream_id)
        return state is not None and state.forked_from is not None and entry.sequence >= state.forked_from

    def fits(self, entry: Placed) -> bool:
        """Say whether an entry and all that is known around it can belong to one chain."""
        return self._parted_at(entry) is None

    def has_its_own(self, entry: Placed) -> bool:
        """Say whether an entry's place is its own, whatever its key is good for.

        It is where it took the place before, or where what stands behind it names it as the one before and nothing
        speaks against that.
        """
        here = self._place((entry.stream_id, entry.sequence))
        if here is not None:
            return here.id == entry.id
        after = self._place((entry.stream_id, entry.sequence + 1))
        return after is not None and after.previous == entry.id and self.fits(entry)

    def take(self, entry: Placed, *, stored: bool, late: bool = False) -> None:
        """Let an entry have its place, and mark where it parts its stream; opens a stream that is not known."""
        spot = (entry.stream_id, entry.sequence)
        state = self.streams.get(entry.stream_id) or StreamState(self._collector_id)
        parted = self._parted_at(entry)
        if parted is not None:
            key_id = entry.envelope.key_id
            self.partings.setdefault(entry.id, Parting(entry.stream_id, parted, entry.id, key_id))
        if parted is not None and (state.forked_from is None or parted < state.forked_from):
            state = replace(state, forked_from=parted)
        there = self._place(spot)
        place = Place(entry.id, entry.previous, stored=stored, late=late)
        if there is None:
            self.new[spot] = place
            state = replace(state, head=max(state.head, entry.sequence))
        elif there.id == entry.id and place.stored and not there.stored:
            # It was refused before, for its limits say, and is good now.
            if spot in self.new:
                self.new[spot] = place
            else:
                self.stored[spot] = place
        self.streams[entry.stream_id] = state

    def _parted_at(self, entry: Placed) -> int | None:
        """The lowest sequence at which this entry and what is known cannot both belong to one chain."""
        stream_id, sequence = entry.stream_id, entry.sequence
        before = self._place((stream_id, sequence - 1))
        if before is not None and entry.previous is not None and entry.previous != before.id:
            return sequence - 1
        here, after = self._place((stream_id, sequence)), self._place((stream_id, sequence + 1))
        if here is not None and here.id != entry.id:
            return sequence
        if after is not None and after.previous is not None and after.previous != entry.id:
            return sequence
        return None

    def _place(self, spot: Spot) -> Place | None:
        return self.new.get(spot) or self.stored.get(spot) or self._known.places.get(spot)


def spots_around(entries: Iterable[Placed | Unreadable]) -> frozenset[Spot]:
    """Name every place that judging these entries looks at."""
    return frozenset(
        (entry.stream_id, entry.sequence + step)
        for entry in entries
        if isinstance(entry, Placed)
        for step in (-1, 0, 1)
        if entry.sequence + step >= 0
    )
