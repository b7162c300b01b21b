"""What a revocation ends, and from when: keys with those that came in by their rotations, collectors, tokens.

Pure. Invariants: time is the receiver's alone, so `since` is compared with times of receipt and with nothing that a
collector says; a key that came in by a rotation that was received since is ended with the key that introduced it, and
whatever came in by that one too: a thief's rotation does not outlive the revocation.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from shared.encoding import format_time
from shared.errors import Code, MalformedError

MAX_REASON_CHARS = 300
_MOMENT = timedelta(microseconds=1)
"""The shortest time that the tables tell apart."""


class What(StrEnum):
    """What is revoked."""

    COLLECTOR = "collector"
    KEY = "key"
    TOKEN = "token"  # noqa: S105 - a word of the wire


class Loss(StrEnum):
    """Why: a lost one signed nothing false, a compromised one may have."""

    LOST = "lost"
    COMPROMISED = "compromised"


@dataclass(frozen=True, slots=True)
class Asked:
    """A revocation that somebody asks for; `since` None is always, where it was compromised."""

    what: What
    id: str
    kind: Loss
    since: datetime | None
    reason: str


@dataclass(frozen=True, slots=True)
class Introduced:
    """A key (its id), when it was registered, and the key that introduced it; None for one that was enrolled."""

    key_id: str
    added_at: datetime
    introduced_by: str | None


@dataclass(frozen=True, slots=True)
class StreamSeen:
    """A stream as its last heartbeat tells of it (None: none did), and how many of its places are taken here."""

    high_water: int | None
    waiting: int | None
    head: int
    taken: int


def time_of(now: datetime, last: datetime | None) -> datetime:
    """Give the time of a revocation: behind the last thing that was received of what it ends.

    Another receiver's clock may be ahead of ours, and what came before a revocation must not read as if it came after.
    """
    return now if last is None else max(now, last + _MOMENT)


def check_asked(asked: Asked) -> None:
    """Refuse a bad reason, and a time where none is asked; raises `MalformedError` (`invalid_field`)."""
    if not 1 <= len(asked.reason) <= MAX_REASON_CHARS or not asked.reason.isprintable():
        raise _invalid("reason: one is needed", f"1 to {MAX_REASON_CHARS} printable characters")
    if asked.kind is Loss.LOST and asked.since is not None:
        raise _invalid(
            "since: what is lost ends now", "leave it out, or say compromised where somebody else may have used it"
        )


def since_when(asked: Asked, now: datetime) -> datetime | None:
    """Give from when a revocation counts; None is always. Raises `MalformedError` (`invalid_field`).

    A lost key, collector or token ends now.
    """
    check_asked(asked)
    if asked.kind is Loss.LOST:
        return now
    if asked.since is not None and asked.since > now:
        raise _invalid(f"since: {format_time(asked.since)} has not come yet", "name a time that has passed")
    return asked.since


def ended_keys(known: Iterable[Introduced], named: Collection[str], since: datetime | None) -> tuple[str, ...]:
    """Give the ids of all keys that end with those that are named, which come first.

    Of what a named key introduced, that which was registered at `since` or later ends with it; of what those
    introduced, everything.
    """
    ended = dict.fromkeys(named)
    waiting = list(known)
    grew = True
    while grew:
        grew = False
        for key in waiting:
            if key.introduced_by is None or key.key_id in ended or key.introduced_by not in ended:
                continue
            if key.introduced_by not in named or since is None or key.added_at >= since:
                ended[key.key_id] = None
                grew = True
    return tuple(ended)


def reaches_further(since: datetime | None, than: Collection[datetime | None]) -> bool:
    """Say whether a revocation holds something that none of those which stand already does."""
    if not than:
        return True
    if None in than:
        return False
    return since is None or all(one is not None and since < one for one in than)


def never_delivered(streams: Iterable[StreamSeen]) -> int:
    """Count what was captured, as far as the last heartbeats tell, and never came: at most so much is lost."""
    return sum(_lacking(one) for one in streams)


def _lacking(stream: StreamSeen) -> int:
    captured = stream.head if stream.high_water is None else max(stream.head, stream.high_water)
    if stream.high_water is None and stream.waiting is not None:
        return max(captured + 1 - stream.taken, stream.waiting)
    return max(captured + 1 - stream.taken, 0)


def _invalid(detail: str, hint: str) -> MalformedError:
    return MalformedError(Code.INVALID_FIELD, detail, hint)
