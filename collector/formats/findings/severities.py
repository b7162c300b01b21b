"""How bad a finding is, from the scores and the words that scanners use.

What cannot be read counts as high: it fails a scan at the usual threshold, and somebody looks.
"""

from __future__ import annotations

from collector.formats.claim import Severity
from collector.formats.numbers import seconds

_SCORES = ((9.0, Severity.CRITICAL), (7.0, Severity.HIGH), (4.0, Severity.MEDIUM))

_WORDS = {
    **dict.fromkeys(("critical", "blocker", "fatal"), Severity.CRITICAL),
    **dict.fromkeys(("high", "error", "important", "severe", "major"), Severity.HIGH),
    **dict.fromkeys(("medium", "moderate", "warning", "warn"), Severity.MEDIUM),
    **dict.fromkeys(("low", "minor", "note"), Severity.LOW),
    **dict.fromkeys(("info", "information", "informational", "none", "style", "negligible", "hint"), Severity.INFO),
}


def severity_of_score(score: object) -> Severity:
    """Read a CVSS base score (CVSS v3.1, section 5): 9 critical, 7 high, 4 medium, above 0 low, 0 info.

    A number or its text; what is no number, or a negative one, is high.
    """
    number = float(score) if isinstance(score, int | float) and not isinstance(score, bool) else None
    if isinstance(score, str):
        number = seconds(score)
    if number is None or not number >= 0:
        return Severity.HIGH
    return next((level for least, level in _SCORES if number >= least), Severity.LOW if number > 0 else Severity.INFO)


def severity_of_word(word: object) -> Severity:
    """Read a tool's word for a severity, in either case; `unknown` and words that are not known are high."""
    return _WORDS.get(word.strip().lower(), Severity.HIGH) if isinstance(word, str) else Severity.HIGH
