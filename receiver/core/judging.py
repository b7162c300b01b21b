"""Judge examined entries at their places in the streams: accepted, duplicate, held or refused.

Facts in, verdicts out: `Desk` is handed what the store knows about the places that a batch touches, and judges the
entries in the order of the batch, each one seeing those before it. Invariants: an id is stored once; where two chains
part, everything from there on is held, in both branches; an entry that is held for its key neither opens a stream, nor
takes a place that somebody else may claim, nor parts a stream. So whoever has a stolen key that was revoked or retired
hurts nobody else's chain. Such an entry has its place where the chain that counts leads to it: what a good key signed
behind it names it as the one before (`Places.has_its_own`, and `receiver.store.intake` for what was stored earlier).
A retired key is good for what has not come yet below its rotation: what does not fit the chain there is held too. A key
that came in by a rotation is good behind that in its stream: what it signs before is held as if it were retired there.

Somebody who still signs with a retired key may come first with an entry for a hole below the rotation: nothing speaks
against it then, and it counts. But the rotation names the one before it, that one the next, and so on: the chain that
leads down from it is the one that the key's owner signed for. Whatever came late and contradicts this chain loses its
place to it once it is here, however that arrived (`receiver.store.stranded`). Whatever came before the rotation did is
no worse than it: there the stream parts. And whatever a key signs that cannot be its owner's, since it stands at the
rotation that retired it or above it or does not fit, or before the rotation that introduced it, shows that two hold
the key: it is an alarm, and holds nothing (`doubled`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

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
from receiver.core.placing import TOO_MANY_STREAMS, WRONG_STREAM, Known, Outcome, Places, Status, Verdict
from receiver.core.rotation import Rotation
from shared.errors import Code

MAX_IDLE_KEYS = 64
"""How many keys of one collector may come in by rotations that do not count.

They are known so that what they sign is held, and can be released; but a row for each of as many keys as a thief likes
to make is too much. Beyond this a rotation that would not count is refused, and what its key signs is a stranger's.
"""

_TOO_MANY = Refusal(
    Code.OUTSIDE_LIMITS,
    f"{MAX_IDLE_KEYS} keys of this collector came in by rotations that do not count",
    "its key was revoked or retired, or its stream has two branches: enrol the collector anew",
)
_HOLD_WORDS = {
    Code.KEY_REVOKED: ("its key was revoked", "an admin can release it with a signed statement"),
    Code.KEY_RETIRED: (
        "its key is not good for this place: it was retired before it, or came in behind it",
        "sign each place with the key of its time",
    ),
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
        self._idle = known.idle
        self._places = Places(sender.collector_id, known)
        self._observations = dict(known.observations)
        self._touched: dict[bytes, None] = {}
        self._doubled: dict[tuple[bytes, str], int] = {}

    def judge(self, entries: Iterable[Placed | Unreadable]) -> Outcome:
        """Judge all entries; marks move over whatever has a place."""
        return self._outcome(
            tuple(
                self._judge(one) if isinstance(one, Placed) else Verdict(one, Status.REFUSED, one.refusal)
                for one in entries
            )
        )

    def settle(self, entries: Iterable[Placed]) -> Outcome:
        """Let entries that are stored have their places, now that their keys are good again; gives no verdicts."""
        for entry in entries:
            owner = self._places.streams.get(entry.stream_id)
            mine = owner is None or owner.collector_id == self._collector_id
            key = self._keys[entry.envelope.key_id]
            if mine and self._held_for_key(entry, key) is None:
                self._places.take(entry, stored=True, late=key.state is KeyState.RETIRED)
        return self._outcome(())

    def _outcome(self, verdicts: tuple[Verdict, ...]) -> Outcome:
        places = self._places
        touched = tuple(stream_id for stream_id in self._touched if stream_id in places.streams)
        stored = tuple(places.stored)
        return Outcome(
            self._collector_id,
            verdicts,
            places.new,
            stored,
            places.changed,
            touched,
            self._keys,
            tuple(places.partings.values()),
            self._doubled,
        )

    def _judge(self, entry: Placed) -> Verdict:
        key_id = entry.envelope.key_id
        key = self._keys.get(key_id)
        if key is None or key.state is KeyState.PENDING:
            return Verdict(entry, Status.REFUSED, refusal_of(unknown_key(key_id, self._collector_id)))
        owner = self._places.streams.get(entry.stream_id)
        if owner is not None and owner.collector_id != self._collector_id:
            return Verdict(entry, Status.REFUSED, WRONG_STREAM)
        self._touched[entry.stream_id] = None
        if entry.id in self._ids:
            return Verdict(entry, Status.DUPLICATE)
        held = self._held_for_key(entry, key)
        if held is Code.KEY_RETIRED and entry.refusal is None and _is_not_its_owners(entry, key):
            self._doubled.setdefault((entry.stream_id, key_id), entry.sequence)
        if held is None and not self._places.has_room(entry.stream_id):
            return Verdict(entry, Status.REFUSED, TOO_MANY_STREAMS)
        refusal = entry.refusal or self._refused_key(entry, held)
        if held is None or self._places.has_its_own(entry):
            self._places.take(entry, stored=refusal is None, late=key.state is KeyState.RETIRED)
        if refusal is not None:
            return Verdict(entry, Status.REFUSED, refusal)
        self._ids.add(entry.id)
        hold = held or entry.hold or (Code.FORKED if self._places.is_parted(entry) else None)
        if isinstance(entry, Rotation):
            self._keys = rotation.turn(self._keys, entry, counts=hold is None)
            self._idle += hold is not None
        repeat_of = self._repeat_of(entry) if isinstance(entry, Examined) else None
        return _kept(entry, hold, repeat_of)

    def _held_for_key(self, entry: Placed, key: KnownKey) -> Code | None:
        """Say why an entry does not count for the key that signed it."""
        if key.state is KeyState.RETIRED and (isinstance(entry, Rotation) or not self._places.fits(entry)):
            return Code.KEY_RETIRED
        return key.hold(entry.stream_id, entry.sequence)

    def _refused_key(self, entry: Placed, held: Code | None) -> Refusal | None:
        """Say why a rotation cannot introduce its key."""
        if not isinstance(entry, Rotation):
            return None
        new_id = entry.new_key.key_id
        if new_id in self._known.taken or new_id in self._keys:
            return rotation.KNOWN_KEY
        counts = held is None and entry.hold is None and not self._places.is_parted(entry) and self._places.fits(entry)
        return None if counts or self._idle < MAX_IDLE_KEYS else _TOO_MANY

    def _repeat_of(self, entry: Examined) -> bytes | None:
        first = self._observations.setdefault(entry.observation, entry.id)
        return None if first == entry.id else first


def _is_not_its_owners(entry: Placed, key: KnownKey) -> bool:
    """Say whether what is held for its key shows that two hold that; in other streams it may only have come late."""
    return entry.stream_id == key.retired_stream or key.is_early(entry.stream_id, entry.sequence)


def _kept(entry: Placed, hold: Code | None, repeat_of: bytes | None = None) -> Verdict:
    if hold is None:
        return Verdict(entry, Status.ACCEPTED, repeat_of=repeat_of)
    return Verdict(entry, Status.HELD, Refusal(hold, *_HOLD_WORDS[hold]), repeat_of)
