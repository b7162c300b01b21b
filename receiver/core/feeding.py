"""A stream as judging knows it, from how it stands and from what binds it to a release; pure.

What collectors should say and do not is told from this, so nothing that stands against a stream is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

from receiver.core.completeness import Heard, Lack, Standing, State
from receiver.core.ranges import count
from shared.judging.values import StreamFact, Target
from shared.predicates import Limits

_LACKING = (Lack.MISSING, Lack.REFUSED, Lack.DROPPED, Lack.IN_FLIGHT)
_SENDS = frozenset({Standing.LIVE, Standing.SILENT})
_NONE_OF = "none:"
"""Begins the name of a stream that there is not; those of streams are hexadecimal digits alone."""
RECENT = timedelta(days=14)
"""For how long a stream that brought a repository's evidence is one that should bring more."""


@dataclass(frozen=True, slots=True)
class Ties:
    """What binds a stream to a release: it delivered for it, an admin bound it, it brought of its repository lately.

    `kin` says that another stream of its collector delivered or brought: what this one lacks may be of the release too.
    """

    delivered: bool
    bound: bool
    brings: frozenset[tuple[str, str]]
    kin: bool = False


def is_bound(limits: Limits, target: Target) -> bool:
    """Whether an admin bound a collector to this service: by naming it, which `*` does not."""
    services = [one for one in limits.services if one != "*"]
    if "*" in limits.services or not any(fnmatchcase(target.service, one) for one in services):
        return False
    return any(fnmatchcase(target.environment, one) for one in limits.environments)


def counts_as_bound(state: State, heard: Heard | None, now: datetime) -> bool:
    """Whether a stream should say something because its collector should: not if it was left behind long ago."""
    if state.standing in _SENDS:
        return True
    return state.standing is Standing.ABANDONED and heard is not None and now - heard.received_at <= RECENT


def fact_of(
    stream_id: bytes,
    collector: tuple[str, str],
    heard: Heard | None,
    state: State,
    ties: Ties,
    oldest_waiting_at: datetime | None,
) -> StreamFact:
    """Put a stream together; `collector` is its id and its name.

    It was heard when its heartbeat certainly was signed, by our clock. What waited at a collector that began another
    stream, or ended, is no longer on its way. One that was left behind is settled once people closed its end,
    which counts as a place, and all that it lacks. Then nothing more comes of it, as if it took its leave.
    """
    collector_id, name = collector
    lacking, closed = count(state.lacking(*_LACKING)), count(state.lacking(Lack.KNOWN_LOST)) + state.is_over
    waits = state.standing in _SENDS and heard is not None
    forked = state.forked_from is not None or state.two_holders
    settled = state.standing is Standing.ABANDONED and state.is_over and not lacking
    return StreamFact(
        stream=stream_id.hex(),
        collector=collector_id,
        name=name,
        heard_at=None if heard is None else heard.good_until,
        waiting=heard.waiting or 0 if heard is not None and waits else 0,
        oldest_waiting_at=oldest_waiting_at if waits else None,
        silent=state.standing is Standing.SILENT,
        forked=forked,
        abandoned=state.standing is Standing.ABANDONED and not settled,
        # What is forked is asked about whatever people closed.
        retired=state.standing is Standing.RETIRED or (settled and not forked),
        lacking=lacking,
        closed=closed,
        delivered=ties.delivered,
        bound=ties.bound,
        recent=bool(ties.brings) or ties.kin,
        brings=ties.brings,
    )


def never_heard(collector: tuple[str, str]) -> StreamFact:
    """Stand in for the stream that a bound collector should have and has not; `collector` is its id and its name.

    There is no such stream: its name is made up, the same whenever it is asked, and none that a stream can have.
    """
    collector_id, name = collector
    return StreamFact(
        stream=f"{_NONE_OF}{collector_id}",
        collector=collector_id,
        name=name,
        heard_at=None,
        waiting=0,
        oldest_waiting_at=None,
        silent=True,
        forked=False,
        abandoned=False,
        retired=False,
        lacking=0,
        closed=0,
        delivered=False,
        bound=True,
        recent=False,
    )
