"""Whether something that is stored counts: worked out from what became known, revoked, released since it came.

Pure. Invariants: what was received at or after the time of a standing revocation of its key is held, whatever time it
claims; *received* is when the first receipt covered it, or a later entry whose chain leads to it without a hole; both
branches of a stream are held from where they part, whichever was here first; a release frees from what was known when
it was signed, so a later revocation or a fork that is found later holds anew.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from receiver.core.admit import KeyState, KnownKey
from receiver.core.placing import Spot, Status
from shared.errors import Code

UNKNOWN = 2**63 - 1
"""Above every number of the register."""


@dataclass(frozen=True, slots=True)
class End:
    """A standing revocation, as far as one key or token is concerned: its register number; `since` None is always.

    `received_to` is the number of the last attestation that was stored before it; None where that is not known.
    """

    number: int
    since: datetime | None
    received_to: int | None = None

    def reaches(self, received_at: datetime) -> bool:
        """Say whether it holds what was received at a time."""
        return self.since is None or received_at >= self.since

    def towards(self, n: int, received_at: datetime) -> End:
        """Give it as it is to what is stored under a number: always, where that came later and is dated earlier.

        Then the clocks of two receivers differ, or one was set; the order in which things were stored does not.
        """
        late = self.received_to is not None and n > self.received_to
        return replace(self, since=None) if late and not self.reaches(received_at) else self


@dataclass(frozen=True, slots=True)
class Standing:
    """How something stands now; `released_by` is the register number of the release that it counts by."""

    status: Status
    code: Code | None = None
    released_by: int | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """What is known by now of an entry that is stored: what its receipt said, its place, its key, its stream.

    `has_place` says that it is this entry that stands at its place, `forked_from` where its stream parts. `key` is the
    one that signed it, None where that never was good: nobody confirmed it, or what introduced it does not count.
    """

    code: Code | None
    spot: Spot
    has_place: bool
    key: KnownKey | None
    forked_from: int | None


@dataclass(frozen=True, slots=True)
class Turn:
    """A rotation that counted when it came: the ids of its keys as text, its place, and where its stream parts.

    `forked_after` is the last register number when that was found.
    """

    old_key_id: str
    new_key_id: str
    sequence: int
    forked_from: int | None
    forked_after: int = 0
    """`UNKNOWN` where nobody knows: then no release knew."""


def standing(
    hold: Code | None,
    received_at: datetime,
    ends: Collection[End],
    released: int | None = None,
    known_after: int = 0,
) -> Standing:
    """Say how something stands that was received at a time.

    `hold` is why it is held apart from revocations that are known by number, `released` the register number of the
    newest statement that released it; one up to `known_after` did not know of `hold`.
    """
    holding = [end.number for end in ends if end.reaches(received_at)]
    code = Code.KEY_REVOKED if holding else hold
    if code is None:
        return Standing(Status.ACCEPTED)
    if released is not None and released > max(holding, default=0) and (hold is None or released > known_after):
        return Standing(Status.ACCEPTED, released_by=released)
    return Standing(Status.HELD, code)


def hold(case: Case, is_understood: Callable[[], bool]) -> Code | None:
    """Say why an entry is held apart from revocations that are known by number; None where it is not.

    What was not understood at the door stays held for that. What was accepted goes by what became known since: that its
    stream parts, that its key was retired below it, or that the chain from a rotation took its place from it. What was
    held on a branch is good again where nothing parts the stream any more and the place is its own. What was held for
    its key alone is judged as if it came now.
    """
    if case.code not in {None, Code.FORKED, Code.KEY_REVOKED, Code.KEY_RETIRED}:
        return case.code
    _, sequence = case.spot
    parted = Code.FORKED if case.forked_from is not None and sequence >= case.forked_from else None
    if case.code is Code.FORKED and (parted is not None or not case.has_place):
        return Code.FORKED
    if case.code is Code.KEY_RETIRED and (case.key is None or case.key.retired_from is None):
        return Code.KEY_RETIRED
    if case.key is None:
        return Code.KEY_REVOKED
    if case.code in {None, Code.FORKED}:
        lost = None if case.has_place else Code.KEY_RETIRED
        return _retired_below(case.key, case.spot) or parted or lost
    return _held_for_key(case, case.key) or (None if is_understood() else Code.NOT_UNDERSTOOD) or parted


def _retired_below(key: KnownKey, spot: Spot) -> Code | None:
    """Hold what a key signed above its own rotation; other streams were its own until that came."""
    stream_id, sequence = spot
    above = key.retired_from is not None and sequence >= key.retired_from
    return Code.KEY_RETIRED if above and stream_id == key.retired_stream else None


def _held_for_key(case: Case, key: KnownKey) -> Code | None:
    """Ask what the door would have said had the key not been revoked.

    What has no place although its key is good again stands where another one does; while another revocation of the key
    stands, no place is asked for, and it stays held.
    """
    if not case.has_place and key.state is KeyState.REVOKED:
        return Code.KEY_REVOKED
    if key.is_early(*case.spot):
        return Code.KEY_RETIRED
    if key.retired_from is None:
        return None if case.has_place else Code.FORKED
    return replace(key, state=KeyState.RETIRED).hold(*case.spot) if case.has_place else Code.KEY_RETIRED


def in_vain(turns: Iterable[Turn]) -> dict[str, int]:
    """Give the ids of keys that came in where a stream parts, and by these, with the register's last number then.

    A rotation there is held like all of its branch, so it introduces nobody.
    """
    waiting = list(turns)
    found = {
        one.new_key_id: one.forked_after
        for one in waiting
        if one.forked_from is not None and one.sequence >= one.forked_from
    }
    grew = bool(found)
    while grew:
        more = {one.new_key_id: found[one.old_key_id] for one in waiting if one.old_key_id in found}
        grew = bool(more.keys() - found.keys())
        found = more | found
    return found
