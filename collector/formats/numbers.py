"""Numbers as report writers spell them: totals, seconds, fractions; what is none is None, never a guess."""

from __future__ import annotations

import math
import re

_COUNT = re.compile(r"\d{1,15}(?:\.0+)?", re.ASCII)
_GROUPED = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?", re.ASCII)
_SHORT = 15
_DECIMAL = re.compile(r"\d{1,15}(?:[.,]\d{0,30})?(?:[eE][+-]?\d{1,3})?|\.\d{1,30}", re.ASCII)


def count(text: str | None) -> int | None:
    """Read a whole number that is not negative; grouped digits and a fraction of zero are tolerated."""
    if text and len(text) <= _SHORT and text.isascii() and text.isdigit():  # as most are written
        return int(text)
    plain = _ungrouped(text)
    return int(plain.partition(".")[0]) if _COUNT.fullmatch(plain) else None


def seconds(text: str | None) -> float | None:
    """Read a duration or another number that is not negative: `0.5`, `1,234.5`, `0,5`, `4.5e-05`."""
    if text and len(text) <= _SHORT and not text.strip("0123456789."):  # as most are written
        try:
            return float(text)
        except ValueError:
            return None
    plain = _ungrouped(text)
    if not _DECIMAL.fullmatch(plain):
        return None
    value = float(plain.replace(",", "."))
    return value if math.isfinite(value) else None


def percent(part: int, whole: int) -> float:
    """Return a part of a whole that is not zero, in percent with two decimals, never rounded up to 100."""
    return 100.0 if part == whole else min(round(100 * part / whole, 2), 99.99)


def _ungrouped(text: str | None) -> str:
    plain = (text or "").strip()
    return plain.replace(",", "") if _GROUPED.fullmatch(plain) else plain
