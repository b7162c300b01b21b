"""The rules for secrets: our patterns, and those of betterleaks, which runs inside this process.

An edge, since the library is code of another kind: a Go runtime behind a C interface, with threads of its own. For a
scan it opens no socket and reads no file; it is loaded when the rules are made and not before, and asked once whether
it finds what it must: a program whose rules are broken does not start. Not for a process that forks without exec:
the library's threads do not survive that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.errors import Code, ConfigError, TryLaterError
from shared.redaction import Hit, Rules, kind_of
from shared.secretpatterns import PATTERNS

if TYPE_CHECKING:
    from collections.abc import Callable

    from betterleaks import Finding

_LEFT_OFF = frozenset[str]()
"""Rules of the library that don't count here; docs/formats.md says why."""

_MARKERS = (("gitleaks:allow", "gitleaks-allow"), ("betterleaks:allow", "betterleaks-allow"))
"""By these words in a line the library lets it pass. Who writes a report does not decide what leaves."""

_KNOWN = "glpat-" + "R4tY7uKq2WmXz9VbNc3L"
"""Looks like a token of GitLab's, and is none."""


def secret_rules() -> Rules:
    """Load the library and give the rules; raises `ConfigError` where it cannot be used."""
    try:
        from betterleaks import BetterleaksError, scan_string  # noqa: PLC0415 - 80 ms and 20 MB that most commands need not pay
    except (ImportError, OSError) as error:
        raise ConfigError(
            f"the rules for secrets cannot be loaded: {error}",
            "install carnet[collector] or carnet[receiver]; there are builds for glibc",
        ) from None
    scan = _scanner(scan_string, BetterleaksError)
    try:
        found = any(hit.value == _KNOWN for hit in scan(_KNOWN))
    except TryLaterError as error:
        raise ConfigError(f"the rules for secrets cannot be used: {error.detail}", error.hint) from None
    if not found:
        raise ConfigError(
            "the rules for secrets find nothing", "is another library loaded? BETTERLEAKS_* must not be set"
        )
    return Rules(PATTERNS, scan)


def _scanner(
    scan_string: Callable[[str], list[Finding]], library_error: type[Exception]
) -> Callable[[str], tuple[Hit, ...]]:
    def scan(text: str) -> tuple[Hit, ...]:
        try:
            found = scan_string(_as_it_is_read(text))
        except library_error:
            # Its message may quote what it was given.
            raise TryLaterError(
                Code.INTERNAL, "a text could not be searched for secrets", "a bug of Carnet's; please report it"
            ) from None
        return tuple(Hit(kind_of(one.rule_id), one.secret) for one in found if one.rule_id not in _LEFT_OFF)

    return scan


def _as_it_is_read(text: str) -> str:
    """Give as many characters, without what ends a C string, is no UTF-8, or tells the library to look away."""
    if "\0" in text:
        text = text.replace("\0", " ")
    if "leaks:allow" in text:
        for marker, instead in _MARKERS:
            text = text.replace(marker, instead)
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
