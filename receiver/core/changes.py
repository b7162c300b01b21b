"""What changed of a stream since it was last noted: gaps found and filled, forks, who fell silent or came back.

Pure. A number that is in flight is no gap yet, and one that people closed is none any more.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from receiver.core.completeness import Lack, Standing, State
from receiver.core.ranges import Ranges, within, without

LACKING = (Lack.MISSING, Lack.REFUSED, Lack.DROPPED)


class Kind(StrEnum):
    """What a change is."""

    GAP_FOUND = "gap-found"
    GAP_FILLED = "gap-filled"
    GAP_CLOSED = "gap-closed"
    FORKED = "forked"
    SILENT = "silent"
    BACK = "back"
    ABANDONED = "abandoned"
    RETIRED = "retired"
    ENDED = "ended"
    BEAT_REFUSED = "beat-refused"
    TWO_HOLDERS = "two-holders"


_FELL = {
    Standing.SILENT: Kind.SILENT,
    Standing.ABANDONED: Kind.ABANDONED,
    Standing.RETIRED: Kind.RETIRED,
    Standing.ENDED: Kind.ENDED,
    Standing.LIVE: Kind.BACK,
}


@dataclass(frozen=True, slots=True)
class Change:
    """One change; of a gap the first and the last number, of a fork where it parted, of a heartbeat its count."""

    kind: Kind
    first: int | None = None
    last: int | None = None


def changes(before: Standing, forked_from: int | None, lacked: Ranges, now: State) -> tuple[Change, ...]:
    """Tell what changed from how a stream was noted to how it stands; a new stream was live and lacked nothing."""
    lacks, lost = now.lacking(*LACKING), now.lacking(Lack.KNOWN_LOST)
    gone = without(lacked, lacks)
    # Those who close a gap say so themselves.
    found = [Change(Kind.GAP_FOUND, *part) for part in without(lacks, lacked)]
    found += [Change(Kind.GAP_FILLED, *part) for part in without(gone, within(gone, lost))]
    if now.forked_from is not None and now.forked_from != forked_from:
        found.append(Change(Kind.FORKED, now.forked_from))
    if now.standing is not before:
        found.append(Change(_FELL[now.standing]))
    return tuple(found)
