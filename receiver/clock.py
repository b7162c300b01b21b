"""The one clock of the receiver: the wiring reads it and hands "now" to everything else as an argument."""

import time
from datetime import UTC, datetime


def utcnow() -> datetime:
    """The wall clock, in UTC: for what is shown or signed, never to measure a wait."""
    return datetime.now(UTC)


def monotonic() -> float:
    """Seconds from an unnamed start, never backwards: what waits, ages and deadlines are measured with."""
    return time.monotonic()
