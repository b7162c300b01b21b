"""How it goes between this collector and its receiver: what was counted, what failed last, and how long to pause then.

Invariant: `reachable` is True by a receipt alone, whatever else was answered.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from collector.exchange import asked_seconds
from shared.errors import StateError, UntrustedError

if TYPE_CHECKING:
    from datetime import datetime

    from collector.exchange import Exchange, Surroundings
    from shared.errors import CarnetError


_OLD_RECEIPT = 2
"""Intervals; the receiver takes a stream for silent at four."""


@dataclass(frozen=True, slots=True)
class ShipSettings:
    """Sizes and waits (seconds), as in the configuration."""

    max_entries: int = 100
    max_batch_bytes: int = 8 << 20
    heartbeat_seconds: float = 120
    retry_first_seconds: float = 1
    retry_cap_seconds: float = 60
    retry_attempts: int = 10
    put_back_first_seconds: float = 60
    put_back_cap_seconds: float = 3_600
    stop_seconds: float = 8


@dataclass(slots=True)
class Shipped:
    """Counters of what went well, and the last thing that did not; `reachable` is True by a receipt alone.

    `let_in` is False where what failed last was that one side did not believe the other.
    """

    batches: int = 0
    delivered: int = 0
    quarantined: int = 0
    heartbeats: int = 0
    failures: int = 0
    reachable: bool | None = None
    let_in: bool = True
    last_error: str | None = None
    last_receipt_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Pause:
    """How long nothing is done (seconds); only an idle pause ends early when the spool has something new.

    `failed` says that what was tried settled nothing, and that trying again at once is of no use.
    """

    seconds: float = 0.0
    idle: bool = False
    failed: bool = False


@dataclass(slots=True)
class Course:
    """Takes note of every answer and failure."""

    settings: ShipSettings
    around: Surroundings
    exchange: Exchange
    shipped: Shipped
    asked_seconds: float | None = field(init=False, default=None)
    """The interval of heartbeats that the receiver asked for."""

    @property
    def patient(self) -> bool:
        """Whether a request that meets "later" is sent again at once: not while nobody answers."""
        return self.shipped.reachable is not False

    def good(self, received_at: datetime) -> None:
        """A receipt was believed."""
        if self.shipped.reachable is False:
            self.around.tell("receiver_answers_again")
        self.shipped.reachable = self.shipped.let_in = True
        self.shipped.last_error = None
        self.shipped.last_receipt_at = received_at

    def failed(self, error: CarnetError, **facts: object) -> None:
        """Something was tried and did not work."""
        self.shipped.failures += 1
        self.shipped.last_error = str(error)
        self.shipped.let_in = not isinstance(error, UntrustedError)
        slow = isinstance(error, UntrustedError | StateError)
        self.around.tell("not_let_in" if slow else "not_delivered", code=error.code.value, detail=str(error), **facts)

    def pause_after(self, error: CarnetError, **facts: object) -> Pause:
        """Something was tried and did not work: how long to leave the receiver alone."""
        self.failed(error, **facts)
        interval = self.interval()
        if isinstance(error, UntrustedError | StateError):
            return Pause(interval, failed=True)
        asked = asked_seconds(error)
        if asked is None:
            self.shipped.reachable = False
            return Pause(interval, failed=True)
        named = self.exchange.spread(asked)
        return Pause(max(interval, named) if self.shipped.reachable is False else named, failed=True)

    def next_beat(self, asked: float | None, received_at: datetime) -> float:
        """Give when the next heartbeat is due after one that a receipt answered (seconds); `asked` is the interval now.

        Another interval that is shorter counts at once, a longer one after the heartbeat that says so. A heartbeat is
        as old as the receipt that it names, so the first one after a time without receipts is followed by a second one
        soon, however seldom the receiver asked for them. Call it before `good`.
        """
        usual, before = self.settings.heartbeat_seconds, self.shipped.last_receipt_at
        due = [self.asked_seconds or usual, asked or usual]
        if before is None or (received_at - before).total_seconds() > _OLD_RECEIPT * min(due):
            due.append(usual)
        self.asked_seconds = asked
        return min(due) * self.around.uniform(0.8, 1.2)

    def beat_interval(self) -> float:
        """Between two heartbeats, as the receiver asked for; how often an unreachable one is tried is ours to say."""
        seconds = self.asked_seconds or self.settings.heartbeat_seconds
        return seconds * self.around.uniform(0.8, 1.2)

    def interval(self) -> float:
        """Give the configured time between two heartbeats, some of it more or less (seconds)."""
        return self.settings.heartbeat_seconds * self.around.uniform(0.8, 1.2)


def plain(detail: str | None) -> str:
    """Words that come beside a receipt are signed by nobody: none of them may steer a terminal."""
    return "".join(char if char.isprintable() else " " for char in detail or "")
