"""Times as report writers spell them; what is no moment on the world's clock is None, never a guess."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from shared.encoding import format_time

_RFC_3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:[.,](\d{1,6})\d{0,12})?\s?(?:([Zz])|(?:([+-]\d\d):?(\d\d)))", re.ASCII
)
_LONGEST = 60
_MILLISECONDS_FROM = 1e11
"""As seconds, this is the year 5138: what is larger counts milliseconds."""


def moment(text: object) -> str | None:
    """Read RFC 3339 with its zone and write it in UTC as `...Z`; None without a zone: whose clock it was is unknown.

    More than six digits of fraction (Go, .NET), a comma in front of them and an offset without a colon are tolerated.
    """
    found = _RFC_3339.fullmatch(text.strip()) if isinstance(text, str) and len(text) <= _LONGEST else None
    if found is None:
        return None
    day, time, fraction, is_utc, hours, minutes = found.groups()
    zone = "+00:00" if is_utc else f"{hours}:{minutes}"
    try:
        return format_time(datetime.fromisoformat(f"{day}T{time}.{(fraction or '0'):0<6}{zone}"))
    except (ValueError, OverflowError):
        return None


def epoch(number: float | None) -> str | None:
    """Read seconds since 1970-01-01 UTC, or milliseconds where they are too many for that; else None."""
    if number is None or isinstance(number, bool) or not 0 < number < _MILLISECONDS_FROM * 1_000:
        return None
    seconds = number / 1_000 if number >= _MILLISECONDS_FROM else number
    try:
        return format_time(datetime.fromtimestamp(seconds, UTC))
    except (ValueError, OverflowError, OSError):
        return None
