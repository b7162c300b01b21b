"""Put examined entries at their places in the streams: accepted, duplicate, held or refused.

Facts in, verdicts out: `Desk` is handed what the store knows about the places that a batch touches, and judges the
entries in the order of the batch, each one seeing those before it. Invariants: an id is stored once; a place keeps the
first id that it ever had; where two chains part, everything from there on is held, in both branches.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeAlias

from receiver.core import rotation
from receiver.core.admit import (
    Examined,
    KeyState,
    KnownKey,
    Placed,
    Refusal,
    Sender,
    Unreadable,
    refusal_of,
    unknown_key,
)
from receiver.core.rotation import Rotation
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
    """What stands at a place: an attestation id, the id it names before it, and whether it is stored."""

    id: bytes
    previous: bytes | None
    stored: bool


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

    `taken` are the ids of those new keys of the batch's rotations that are known already, wherever that is.
    """

    ids: frozenset[bytes]
    streams: Mapping[bytes, StreamState]
    places: Mapping[Spot, Place]
    observations: Mapping[bytes, bytes]
    taken: frozenset[str] = frozenset()


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

    `streams` holds the streams that changed or grew, `touched` every stream that a receipt must tell about; `keys` are
    the collector's keys as they are now, by key id.
    """

    verdicts: tuple[Verdict, ...]
    new_places: Mapping[Spot, Place]
    stored_places: tuple[Spot, ...]
    streams: Mapping[bytes, StreamState]
    touched: tuple[bytes, ...]
    keys: Mapping[str, KnownKey]


WRONG_STREAM = Refusal(
    Code.WRONG_STREAM,
    "this stream was opened by another collector",
    "a spool belongs to one collector: do not copy it to another host",
)
_HOLD_WORDS = {
    Code.KEY_REVOKED: ("its key was revoked", "an admin can release it with a signed statement"),
    Code.KEY_RETIRED: ("its key was retired before this place", "sign with the key that followed it"),
    Code.NOT_UNDERSTOOD: (
        "it marks a field as critical that this receiver does not know",
        "update the receiver",
    ),
    Code.FORKED: (
        "its stream has two branches",
        "look for a copy of this collector's host or spool; an admin can release what is good",
    ),
}


class Desk:
    """Judges the entries of one batch in order; used once.

    A rotation turns the keys where it stands: what its new key signed before it in the batch comes from a stranger.
    """

    def __init__(self, sender: Sender, known: Known) -> None:
        """Take whose batch it is, with the keys that are registered, and what the store knows."""
        self._collector_id = sender.collector_id
        self._keys: Mapping[str, KnownKey] = sender.keys
        self._known = known
        self._ids = set(known.ids)
        self._streams = dict(known.streams)
        self._observations = dict(known.observations)
        self._new_places: dict[Spot, Place] = {}
        self._stored_places: dict[Spot, Place] = {}
        self._touched: dict[bytes, None] = {}

    def judge(self, entries: Iterable[Placed | Unreadable]) -> Outcome:
        """Judge all entries; marks move over whatever arrived."""
        verdicts = tuple(
            self._judge(one) if isinstance(one, Placed) else Verdict(one, Status.REFUSED, one.refusal)
            for one in entries
        )
        # A place that is taken may fill a hole, which moves the mark of a stream that is otherwise as it was.
        grown = {stream_id for stream_id, _ in self._new_places}
        changed = {
            stream_id: state
            for stream_id, state in self._streams.items()
            if stream_id in grown or state != self._known.streams.get(stream_id)
        }
        stored = tuple(self._stored_places)
        return Outcome(verdicts, self._new_places, stored, changed, tuple(self._touched), self._keys)

    def _judge(self, entry: Placed) -> Verdict:
        key_id = entry.envelope.key_id
        key = self._keys.get(key_id)
        if key is None or key.state is KeyState.PENDING:
            return Verdict(entry, Status.REFUSED, refusal_of(unknown_key(key_id, self._collector_id)))
        owner = self._streams.get(entry.stream_id)
        if owner is not None and owner.collector_id != self._collector_id:
            return Verdict(entry, Status.REFUSED, WRONG_STREAM)
        self._touched[entry.stream_id] = None
        if entry.id in self._ids:
            return Verdict(entry, Status.DUPLICATE)
        refusal = entry.refusal or self._known_key(entry)
        self._take_place(entry, stored=refusal is None)
        if refusal is not None:
            return Verdict(entry, Status.REFUSED, refusal)
        self._ids.add(entry.id)
        if isinstance(entry, Rotation):
            return self._turn(entry, key)
        repeat_of = self._repeat_of(entry) if isinstance(entry, Examined) else None
        return _kept(entry, key.hold(entry.stream_id, entry.sequence) or entry.hold or self._forked(entry), repeat_of)

    def _turn(self, entry: Rotation, old: KnownKey) -> Verdict:
        hold = rotation.hold(entry, old) or self._forked(entry)
        self._keys = rotation.turn(self._keys, entry, counts=hold is None)
        return _kept(entry, hold)

    def _known_key(self, entry: Placed) -> Refusal | None:
        if not isinstance(entry, Rotation):
            return None
        new_id = entry.new_key.key_id
        return rotation.KNOWN_KEY if new_id in self._known.taken or new_id in self._keys else None

    def _repeat_of(self, entry: Examined) -> bytes | None:
        first = self._observations.setdefault(entry.observation, entry.id)
        return None if first == entry.id else first

    def _forked(self, entry: Placed) -> Code | None:
        parted = self._streams[entry.stream_id].forked_from
        return Code.FORKED if parted is not None and entry.sequence >= parted else None

    def _take_place(self, entry: Placed, *, stored: bool) -> None:
        spot = (entry.stream_id, entry.sequence)
        state = self._streams.get(entry.stream_id) or StreamState(self._collector_id)
        parted = self._parted_at(entry)
        if parted is not None and (state.forked_from is None or parted < state.forked_from):
            state = replace(state, forked_from=parted)
        there = self._place(spot)
        place = Place(entry.id, entry.previous, stored=stored)
        if there is None:
            self._new_places[spot] = place
            state = replace(state, head=max(state.head, entry.sequence))
        elif there.id == entry.id and place.stored and not there.stored:
            # It was refused before, for its limits say, and is good now.
            if spot in self._new_places:
                self._new_places[spot] = place
            else:
                self._stored_places[spot] = place
        self._streams[entry.stream_id] = state

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
        return self._new_places.get(spot) or self._stored_places.get(spot) or self._known.places.get(spot)


def _kept(entry: Placed, hold: Code | None, repeat_of: bytes | None = None) -> Verdict:
    if hold is None:
        return Verdict(entry, Status.ACCEPTED, repeat_of=repeat_of)
    return Verdict(entry, Status.HELD, Refusal(hold, *_HOLD_WORDS[hold]), repeat_of)


def spots_around(entries: Iterable[Placed | Unreadable]) -> frozenset[Spot]:
    """Name every place that judging these entries looks at."""
    return frozenset(
        (entry.stream_id, entry.sequence + step)
        for entry in entries
        if isinstance(entry, Placed)
        for step in (-1, 0, 1)
        if entry.sequence + step >= 0
    )
