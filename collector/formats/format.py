"""One row of the table of formats."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from collector.formats.claim import Basis

if TYPE_CHECKING:
    from collections.abc import Callable

    from collector.formats.claim import Claim, ClaimType, Thresholds
    from collector.formats.head import Head
    from collector.formats.limits import Limits


@dataclass(frozen=True, slots=True)
class Format:
    """One row of the table.

    `key` names the format in attestations, `title` for people; `type` is what its claims are about, None
    where the file itself says it; `recognise` looks at a head, `read` turns a stream at its first byte into
    a claim or raises `MalformedError`; `ends` says that a file which parses to its end is complete, so that
    nobody need wait for more, and that a file which was cut is always noticed. `looks_for` says in words what
    `recognise` does: one line, for `formats explain`. `basis` is what a claim of this format rests on.
    """

    key: str
    title: str
    type: ClaimType | None
    recognise: Callable[[Head], bool]
    read: Callable[[BinaryIO, Thresholds, Limits], Claim]
    ends: bool
    looks_for: str
    basis: Basis = Basis.MEASURED

    def can_say(self, claim: Claim) -> bool:
        """Say whether a claim has the type and the basis that those of this format have."""
        return claim.basis is self.basis and self.type in (None, claim.type)
