"""Whether something that is stored counts: worked out from what was revoked, released and taken back since it came.

Pure. Invariants: what was received at or after the time of a standing revocation of its key is held, whatever time it
claims; *received* is when the first receipt covered it, or a later entry whose chain leads to it without a hole; a
release frees from what was known when it was signed, so a later revocation holds anew.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from receiver.core.placing import Status
from shared.errors import Code


@dataclass(frozen=True, slots=True)
class End:
    """A standing revocation, as far as one key or token is concerned: its register number; `since` None is always."""

    number: int
    since: datetime | None

    def reaches(self, received_at: datetime) -> bool:
        """Say whether it holds what was received at a time."""
        return self.since is None or received_at >= self.since


@dataclass(frozen=True, slots=True)
class Standing:
    """How something stands now; `released_by` is the register number of the release that it counts by."""

    status: Status
    code: Code | None = None
    released_by: int | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """A place of a stream: its sequence, id, the id it names before it, and when it was received (None: not stored)."""

    sequence: int
    id: bytes
    previous: bytes | None
    received_at: datetime | None


def standing(hold: Code | None, received_at: datetime, ends: Collection[End], released: int | None = None) -> Standing:
    """Say how something stands that was received at a time.

    `hold` is why it is held apart from revocations that are known by number, `released` the register number of the
    newest statement that released it.
    """
    holding = [end.number for end in ends if end.reaches(received_at)]
    code = Code.KEY_REVOKED if holding else hold
    if code is None:
        return Standing(Status.ACCEPTED)
    if released is not None and released > max(holding, default=0):
        return Standing(Status.ACCEPTED, released_by=released)
    return Standing(Status.HELD, code)


def received(run: Sequence[Link]) -> dict[bytes, datetime]:
    """Give when each of these places of one stream, in their order, is shown to have been received.

    A place that follows, and whose entry names this one as the one before it, was made later: so what stands here was
    there when that was received. A hole or a link to something else ends the chain.
    """
    shown: dict[bytes, datetime] = {}
    after: Link | None = None
    earliest: datetime | None = None
    for link in reversed(run):
        linked = after is not None and after.sequence == link.sequence + 1 and after.previous == link.id
        known = [one for one in (link.received_at, earliest if linked else None) if one is not None]
        earliest = min(known, default=None)
        if earliest is not None:
            shown[link.id] = earliest
        after = link
    return shown
