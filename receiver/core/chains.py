"""Which chains of `previous` show that what came late had been there before, a stretch of a stream at a time.

Pure. A place that follows, and whose entry names this one as the one before it, was made later: so what stands here was
there when that was received. A hole or a link to something else ends the chain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Link:
    """A place of a stream: its sequence, id, the id it names before it, and whether it was received early enough."""

    sequence: int
    id: bytes
    previous: bytes | None
    is_early: bool


@dataclass(frozen=True, slots=True)
class Stretch:
    """What a stretch of places shows by itself.

    `shown` are the sequences from which the chain leads to something early. From `open_from` up it holds to the top and
    shows nothing yet: what stands above decides. `first` and `last` stand at the two ends, None where nothing does.
    """

    shown: frozenset[int]
    open_from: int
    first: Link | None
    last: Link | None

    def decided_by(self, above: Stretch) -> bool | None:
        """Say what the stretch above shows of what is open here; None where that is open there too."""
        if self.last is None or above.first is None or above.first.previous != self.last.id:
            return False
        if above.first.sequence in above.shown:
            return True
        return None if above.first.sequence >= above.open_from else False


def stretch(links: Sequence[Link], first: int, last: int) -> Stretch:
    """Look at what stands from one sequence up to another one, in its order."""
    shown: set[int] = set()
    open_from, is_open, leads = last + 1, True, False
    above: Link | None = None
    for link in reversed(links):
        linked = above is not None and above.sequence == link.sequence + 1 and above.previous == link.id
        leads = link.is_early or (linked and leads)
        is_open = is_open and not link.is_early and (linked or link.sequence == last)
        if leads:
            shown.add(link.sequence)
        if is_open:
            open_from = link.sequence
        above = link
    at = {one.sequence: one for one in (*links[:1], *links[-1:])}
    return Stretch(frozenset(shown), open_from, at.get(first), at.get(last))
