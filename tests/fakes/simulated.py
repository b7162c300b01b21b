"""A simulated receiver with a collector enrolled at it, as most tests of the network side want them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from collector.ship import ShipSettings
from tests.fakes.line import Line, enrolled_line
from tests.fakes.receiver import ReceiverSimulator
from tests.fakes.time import SimulatedTime


@dataclass
class Pair:
    """Both ends of the line."""

    receiver: ReceiverSimulator
    line: Line


@dataclass
class _Clock:
    """The receiver's clock is the collector's simulated one, once there is one."""

    time: SimulatedTime = field(default_factory=SimulatedTime)

    def __call__(self) -> float:
        return self.time.monotonic()


@asynccontextmanager
async def pair(
    folder: Path, settings: ShipSettings | None = None, *, answer_timeout_seconds: float = 5, strict: bool = True
) -> AsyncIterator[Pair]:
    """Serve, enrol, and at the end hear whether the receiver objected to anything (unless not `strict`)."""
    clock = _Clock()
    async with (
        ReceiverSimulator(clock) as receiver,
        enrolled_line(
            receiver.url,
            receiver.invite("ci-07"),
            receiver.fingerprint,
            folder,
            settings=settings,
            answer_timeout_seconds=answer_timeout_seconds,
        ) as line,
    ):
        clock.time = line.time
        receiver.calls.clear()
        yield Pair(receiver, line)
        if strict:
            assert receiver.objections == []
