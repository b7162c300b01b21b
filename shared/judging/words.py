"""Small words that findings are put together from: counts, spans of time, times of day, lists, and cut lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))
_MANY = 2
"""From twice a unit on it is used: 90 minutes stay 90 minutes, 120 are 2 hours."""
SHORT = 7
"""So many digits of a commit or digest are shown."""


def counted(number: int, one: str, many: str | None = None) -> str:
    """Say how many: "1 report", "3 reports"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def span(length: timedelta) -> str:
    """Say how long in the largest unit that tells it: "90 minutes", "3 days"."""
    seconds = max(0, int(length.total_seconds()))
    for size, name in _UNITS:
        if seconds >= _MANY * size or (seconds >= size and seconds % size == 0):
            return counted(seconds // size, name)
    return "less than a second"


def clock(at: datetime, now: datetime) -> str:
    """Say when: the time alone (UTC) if it is today, else with what parts it from today."""
    days = (at.date() - now.date()).days
    time = f"{at:%H:%M}"
    near = {0: time, 1: f"tomorrow {time}", -1: f"yesterday {time}"}
    return near.get(days, f"{at:%Y-%m-%d} {time}")


def listed(items: Iterable[str], most: int = 3) -> str:
    """Name the first few, and say how many were left out: "a, b and 4 more"."""
    found = list(items)
    left = len(found) - most
    if left > 0:
        return f"{', '.join(found[:most])} and {left} more"
    return joined(found)


def joined(items: Sequence[str]) -> str:
    """Join as in a sentence: "a", "a and b", "a, b and c"."""
    if len(items) < _MANY:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"


def sentence(text: str) -> str:
    """Begin with a capital and end with a full stop."""
    return text[:1].upper() + text[1:].rstrip(".") + "."


def cut(text: str, width: int) -> str:
    """Cut a line at a width, saying that it was cut."""
    return text if len(text) <= width else text[: max(0, width - 3)].rstrip() + "..."


def plain(text: str) -> str:
    """Make text fit for a terminal and one line: what does not print is shown as `?`."""
    return "".join(one if one.isprintable() else "?" for one in text)
