"""What is asked of collectors in their receipts, and when a request has been met. Pure.

A request travels in every receipt of its collector until it ends, since any receipt may be lost on its way:

- `rotate-key` with a rotation that came after it, whatever the heartbeats say; late is an alarm, never a refusal;
- `resend` once the stream is here without a hole up to where it was known to reach, or once the collector has said that
  it sends all again (or all that it still has);
- `rescan` and `heartbeat` once the collector has said that it did it;
- any of them where the collector says that it is not allowed or not known there, where a newer one of its kind is
  asked, and when its time is over.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from receiver.core.placing import StreamState
from shared.errors import Code, MalformedError
from shared.requests import FINAL, Obeyed, Outcome, Request, RequestKind

KEPT = timedelta(days=7)
"""How long is asked for what nobody answers; a new key as long as this beyond its date, and at least three months."""
_KEPT_FOR_A_KEY = timedelta(days=90)
SUPERSEDED = "superseded"
MAX_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person asks: a kind, and the one value that goes with it."""

    kind: RequestKind
    before: datetime | None = None
    since: int | None = None
    seconds: int | None = None

    def until(self, now: datetime) -> datetime:
        """Say from when it is no longer asked."""
        return now + KEPT if self.before is None else max(self.before + KEPT, now + _KEPT_FOR_A_KEY)


@dataclass(frozen=True, slots=True)
class Standing:
    """A request as it stands: asked of one collector, and how it ended if it did.

    `stream_id` (16 bytes) and `up_to` go with a `resend`: the stream that is meant, and where it was known to reach; no
    `up_to` where nothing of it was missing.
    """

    collector_id: str
    number: int
    campaign: str
    wanted: Wanted
    asked_at: datetime
    until: datetime
    stream_id: bytes | None = None
    up_to: int | None = None
    ended_at: datetime | None = None
    outcome: str | None = None

    @property
    def request(self) -> Request:
        """How a receipt carries it."""
        wanted = self.wanted
        return Request(
            kind=wanted.kind.value, before=wanted.before, since_sequence=wanted.since, seconds=wanted.seconds
        )


def check_wanted(wanted: Wanted, now: datetime) -> None:
    """Refuse what no collector could do; raises `MalformedError`."""
    if wanted.kind is RequestKind.ROTATE_KEY and (wanted.before is None or wanted.before <= now):
        raise MalformedError(Code.INVALID_FIELD, "before: the date is over", "name one that is still to come")
    if wanted.kind is RequestKind.RESEND and (wanted.since is None or wanted.since < 0):
        raise MalformedError(Code.INVALID_FIELD, "from: no place in a stream", "0 or more")
    if wanted.kind is RequestKind.HEARTBEAT and not 1 <= (wanted.seconds or 0) <= MAX_SECONDS:
        raise MalformedError(Code.INVALID_FIELD, "seconds: no interval", f"1 to {MAX_SECONDS}")


def answered(standing: Iterable[Standing], obeyed: Iterable[Obeyed]) -> dict[int, str]:
    """Give the requests that a heartbeat ends, by number, with the outcome that it tells."""
    said = {one.request: one.outcome for one in obeyed}
    ends: dict[int, str] = {}
    for one in standing:
        outcome = said.get(one.request)
        if outcome is None or outcome not in FINAL:
            continue
        # That a key was rotated is believed of the rotation alone.
        if one.wanted.kind is RequestKind.ROTATE_KEY and outcome in {Outcome.DONE, Outcome.PARTLY}:
            continue
        ends[one.number] = outcome
    return ends


def met(
    standing: Iterable[Standing], states: Mapping[bytes, StreamState], rotated_at: datetime | None
) -> dict[int, str]:
    """Give the requests that what is here ends, by number; `rotated_at` is when the last rotation came."""
    ends: dict[int, str] = {}
    for one in standing:
        state = None if one.stream_id is None else states.get(one.stream_id)
        turned = one.wanted.kind is RequestKind.ROTATE_KEY and rotated_at is not None and rotated_at >= one.asked_at
        whole = one.up_to is not None and state is not None and state.mark >= one.up_to
        if turned or whole:
            ends[one.number] = Outcome.DONE.value
    return ends


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one collector is with what was asked of it.

    `overdue`: its date is over and it has not happened; `silent`: nothing was heard of it since it was asked.
    """

    standing: Standing
    name: str
    heard_at: datetime | None
    overdue: bool
    silent: bool

    @property
    def state(self) -> str:
        """One word: done, how else it ended, silent, overdue, or asked."""
        if self.standing.outcome is not None:
            return self.standing.outcome
        return "silent" if self.silent else "overdue" if self.overdue else "asked"


def progress(standing: Standing, name: str, heard_at: datetime | None, now: datetime) -> Progress:
    """Judge how far a collector is."""
    waits = standing.outcome is None
    due = standing.wanted.before or standing.until
    return Progress(
        standing,
        name,
        heard_at,
        overdue=waits and now >= due,
        silent=waits and (heard_at is None or heard_at < standing.asked_at),
    )
