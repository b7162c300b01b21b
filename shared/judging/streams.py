"""What the collectors' streams say about evidence that is not here: which feed a release, and what they lack.

Source: policy.md sections 2 (collection) and 4 (causes). Invariants: a stream that feeds the service and lacks anything
that no signed statement closes is never passed over; a collector that a rule names and that is not here is missed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.judging.scope import matches
from shared.judging.values import Cause, StreamFact
from shared.judging.words import clock, counted, span


@dataclass(frozen=True, slots=True)
class Complaint:
    """What is wrong with one stream, or with there being none: the cause, in words, and what to do about it."""

    stream: StreamFact | None
    cause: Cause
    words: str
    action: str


def feeding(streams: Iterable[StreamFact]) -> tuple[StreamFact, ...]:
    """Give the streams that feed a release: by what they delivered, by binding, or by habit."""
    return tuple(
        one
        for one in sorted(streams, key=lambda one: (one.name, one.stream))
        if one.delivered or one.bound or (one.recent and not one.retired)
    )


def looked_at(streams: Iterable[StreamFact], collectors: Sequence[str]) -> tuple[StreamFact, ...]:
    """Give the streams that a rule looks at: those that feed the release, and those of the collectors that it names."""
    all_ = tuple(streams)
    found = {one.stream: one for one in feeding(all_)}
    found |= {one.stream: one for one in all_ if any(matches(glob, one.name) for glob in collectors)}
    return tuple(sorted(found.values(), key=lambda one: (one.name, one.stream)))


def complaints(
    streams: Sequence[StreamFact], collectors: Sequence[str], max_heartbeat_age: timedelta | None, now: datetime
) -> tuple[Complaint, ...]:
    """Say what is wrong with what a rule looks at, and what it looks for in vain; nothing else is wrong.

    Who names a collector in full says by it that it feeds the service; a glob says no more than where to look.
    """
    found = [one for stream in looked_at(streams, collectors) for one in _complaints(stream, max_heartbeat_age, now)]
    for glob in collectors:
        if not any(matches(glob, one.name) for one in streams):
            action = f"enrol a collector of that name, or mend the policy: {glob} stands under collectors"
            found.append(Complaint(None, Cause.MISSING, f"no stream of a collector named {glob} is known", action))
    named = {glob for glob in collectors if "*" not in glob}
    if not feeding(streams) and not any(one.name in named for one in streams):
        action = "let a collector deliver for this service, or bind one to it in the console"
        found.append(Complaint(None, Cause.MISSING, "no stream of a collector feeds this service", action))
    return tuple(found)


def bringing(streams: Iterable[StreamFact], kind: str, name: str | None) -> tuple[StreamFact, ...]:
    """Give the streams that bring evidence of this type (and name) for this repository, those that lag first."""
    found = [one for one in streams if any(_is(brought, kind, name) for brought in one.brings) and not one.retired]
    return tuple(sorted(found, key=lambda one: (not lagging(one), one.name, one.stream)))


def lagging(stream: StreamFact) -> bool:
    """Whether its collector is silent or has entries waiting, so that what is missing may be on its way."""
    return stream.silent or stream.waiting > 0


def on_its_way(stream: StreamFact, now: datetime) -> Complaint:
    """Say of a lagging stream what waits there, since when, and what to do."""
    parts = []
    if stream.waiting:
        since = "" if stream.oldest_waiting_at is None else f" since {clock(stream.oldest_waiting_at, now)}"
        parts.append(f"{stream.name} has {counted(stream.waiting, 'report')} waiting{since}")
    heard = "never heard" if stream.heard_at is None else f"last heard {clock(stream.heard_at, now)}"
    parts.append(heard if stream.waiting else f"{stream.name} is silent, {heard}")
    action = (
        f"restart carnet-collector on {stream.name}, then ask again"
        if stream.silent
        else f"wait for carnet-collector on {stream.name} (carnet gate --wait 30m); to see why: carnet-collector status"
    )
    return Complaint(stream, Cause.ON_ITS_WAY, ", ".join(parts), action)


def _is(brought: tuple[str, str], kind: str, name: str | None) -> bool:
    return brought[0] == kind and name in {None, brought[1]}


def _complaints(stream: StreamFact, max_age: timedelta | None, now: datetime) -> list[Complaint]:
    found = []
    if stream.forked:
        words = f"two different entries stand at one place of the stream of {stream.name}"
        end = "carnet-receiver keys revoke KEY_ID --kind compromised --since TIME --reason TEXT"
        action = f"find out who else signs as {stream.name}, and end that key: {end}"
        found.append(Complaint(stream, Cause.CONTRADICTED, words, action))
    if stream.lacking:
        of_those = f"{counted(stream.lacking, 'entry', 'entries')} of {stream.name} not here"
        if lagging(stream):
            way = on_its_way(stream, now)
            found.append(Complaint(stream, way.cause, f"{of_those}: {way.words}", way.action))
        else:
            close = f"carnet-receiver streams close {stream.stream} RANGE --reason TEXT"
            action = f"let carnet-collector on {stream.name} send again what it still has; what is lost: {close}"
            found.append(Complaint(stream, Cause.MISSING, of_those, action))
    if stream.abandoned:
        words = f"{stream.name} began another stream without a farewell; what this one still held is unknown"
        close = f"carnet-receiver streams close {stream.stream} N- --reason TEXT"
        action = f"close its end: {close}, where N follows the highest number that streams show names"
        found.append(Complaint(stream, Cause.MISSING, words, action))
    # A collector that took its leave said with its last heartbeat that nothing more comes: that does not grow old.
    elif max_age is not None and not stream.retired and (stream.heard_at is None or now - stream.heard_at > max_age):
        heard = "never" if stream.heard_at is None else f"last {clock(stream.heard_at, now)}"
        words = f"{stream.name} was heard {heard}, which is not within {span(max_age)}"
        action = f"restart carnet-collector on {stream.name}, then ask again"
        found.append(Complaint(stream, Cause.STALE, words, action))
    return found
