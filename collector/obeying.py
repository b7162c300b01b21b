"""What a receipt asks of this collector, judged: what is allowed, what is new, what is answered in the next heartbeat.

Pure. Invariants: a request is obeyed once for as long as the receipts go on carrying it, so that one that comes again
and again costs nothing; once a receipt no longer carries it, it is forgotten, and asked anew it is a new one. Nothing
that can be asked names a path, widens what leaves, or changes the configuration.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from shared.encoding import format_time
from shared.requests import MAX_REQUESTS, Outcome, RequestKind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from shared.requests import Request


@dataclass(frozen=True, slots=True)
class Obedience:
    """What the configuration allows, and the bounds of an interval that is asked for (seconds)."""

    rotate_key: bool = True
    rescan: bool = True
    resend: bool = True
    heartbeat: bool = True
    min_heartbeat_seconds: float = 30
    max_heartbeat_seconds: float = 3_600


@dataclass(frozen=True, slots=True)
class KeyNow:
    """The id of the key that signs, whether the receiver goes by it, and whether another one may be made now."""

    id: str
    introduced: bool = True
    may_turn: bool = True


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that receipts carry, since when, the key that signed then, and what came of it so far."""

    request: Request
    outcome: Outcome
    asked_at: datetime
    key_id: str


@dataclass(frozen=True, slots=True)
class ToDo:
    """What is to be done beyond the spool, and how many requests were passed over."""

    rescan: bool = False
    rotate: bool = False
    rotate_before: datetime | None = None
    passed_over: int = 0


def judge(
    carried: Sequence[Request], known: Mapping[Request, Asked], allowed: Obedience, key: KeyNow, now: datetime
) -> tuple[Asked, ...]:
    """Give the outcome so far of each request that a receipt carries.

    A `resend` that the spool has still to look at stands as put off, and so does a new key that may not be made now.
    """
    found: dict[Request, Asked] = {}
    for request in carried[:MAX_REQUESTS]:
        before = known.get(request)
        found[request] = one = before or Asked(request, _first_outcome(request, allowed), now, key.id)
        if request.kind == RequestKind.ROTATE_KEY and one.outcome in {Outcome.UNDER_WAY, Outcome.PUT_OFF}:
            found[request] = replace(one, outcome=_turned(one, key))
    return tuple(found.values())


def _turned(asked: Asked, key: KeyNow) -> Outcome:
    """Say how far a rotation that is asked for is: it is done once the receiver goes by the new key."""
    if not key.may_turn:
        return Outcome.PUT_OFF
    return Outcome.DONE if key.introduced and asked.key_id != key.id else Outcome.UNDER_WAY


def to_do(asked: Sequence[Asked], known: Mapping[Request, Asked], carried: int, key_id: str) -> ToDo:
    """Give what is left to do after `judge`; a rotation is asked for until another key signs than did then."""
    turning = [one.request.before for one in asked if one.outcome is Outcome.UNDER_WAY and one.key_id == key_id]
    dates = [one for one in turning if one is not None]
    return ToDo(
        rescan=any(
            one.request.kind == RequestKind.RESCAN and one.outcome is Outcome.DONE and one.request not in known
            for one in asked
        ),
        rotate=bool(turning),
        rotate_before=min(dates, default=None),
        passed_over=max(0, carried - MAX_REQUESTS)
        + sum(one.outcome is Outcome.NOT_KNOWN and one.request not in known for one in asked),
    )


def overdue(asked: Sequence[Asked], now: datetime) -> list[str]:
    """Say which new keys were wanted by now and are not there: an alarm, never a refusal."""
    return [
        f"the receiver asked for a new key before {format_time(one.request.before)}, and it is not there: see the log,"
        " or carnet-collector rotate-key"
        for one in asked
        if one.request.before is not None
        and one.outcome in {Outcome.UNDER_WAY, Outcome.PUT_OFF}
        and now >= one.request.before
    ]


def beat_seconds(asked: Sequence[Asked], known: Mapping[Request, Asked], allowed: Obedience) -> float | None:
    """Give the interval that is newly asked for, within its bounds; None where none is (seconds)."""
    for one in asked:
        seconds = one.request.seconds
        if one.request.kind == RequestKind.HEARTBEAT and one.outcome is Outcome.DONE and one.request not in known:
            return min(max(float(seconds or 0), allowed.min_heartbeat_seconds), allowed.max_heartbeat_seconds)
    return None


def _first_outcome(request: Request, allowed: Obedience) -> Outcome:
    match request.kind:
        case RequestKind.ROTATE_KEY:
            return Outcome.UNDER_WAY if allowed.rotate_key else Outcome.NOT_ALLOWED
        case RequestKind.RESCAN:
            return Outcome.DONE if allowed.rescan else Outcome.NOT_ALLOWED
        case RequestKind.RESEND if request.since_sequence is not None:
            return Outcome.PUT_OFF if allowed.resend else Outcome.NOT_ALLOWED
        case RequestKind.HEARTBEAT if request.seconds is not None:
            return Outcome.DONE if allowed.heartbeat else Outcome.NOT_ALLOWED
        case _:
            return Outcome.NOT_KNOWN
