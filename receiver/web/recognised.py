"""Tokens that were good a moment ago, so that a read need not look one up before it reads.

Invariants: nothing here lets anybody in: a token that is found here is held against the database once more, in the very
transaction of what it asks for (`receiver.access.Confirmation`), so a revocation counts at once, whoever made it. The
tokens themselves are not kept, only what they hash to.
"""

from __future__ import annotations

from datetime import datetime

from receiver.access import Known
from shared.encoding import sha256

MAX_KNOWN = 10_000


class Recognised:
    """At most ten thousand; beyond that it starts anew."""

    def __init__(self) -> None:
        """Start with none."""
        self._known: dict[bytes, Known] = {}

    def find(self, token: str, now: datetime) -> Known | None:
        """Give what was recognised and has not expired, and whether its use is to be noted now."""
        known = self._known.get(sha256(token.encode()))
        return known.used(now) if known is not None and now < known.until else None

    def keep(self, token: str, known: Known) -> None:
        """Remember one."""
        if len(self._known) >= MAX_KNOWN:
            self._known.clear()
        self._known[sha256(token.encode())] = known
