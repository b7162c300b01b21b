"""What one rule found before people are asked, and which of several causes is told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shared.judging.values import Basis, Cause, Considered

WORST = (
    Cause.CONTRADICTED,
    Cause.FAILED,
    Cause.REVOKED,
    Cause.HELD,
    Cause.ERROR,
    Cause.UNSIGNED,
    Cause.STALE,
    Cause.ON_ITS_WAY,
    Cause.NEAR_MISS,
    Cause.NOT_REPORTED,
    Cause.MISSING,
    Cause.WAITING_FOR_PERSON,
    Cause.WAIVED,
)
"""Which cause is told where there are several: what cannot be lifted first, then what failed, then what is not here."""
_RANK: Mapping[Basis, int] = {basis: rank for rank, basis in enumerate(Basis)}


@dataclass(frozen=True, slots=True)
class Found:
    """What a rule found: met where `cause` is None. `who` is empty where it is the rule's owner.

    `oldest` is the age of the oldest evidence that it rests on, `until` the time at which what meets it ends by itself.
    """

    cause: Cause | None = None
    reason: str = ""
    brief: str = ""
    action: str = ""
    who: str = ""
    considered: tuple[Considered, ...] = ()
    slots: Mapping[Basis, int] = field(default_factory=dict)
    oldest: timedelta | None = None
    until: datetime | None = None


def weakest(bases: Iterable[Basis]) -> Basis:
    """Pick the basis that several things rest on together; on nothing but somebody's word if there are none."""
    return max(bases, key=_RANK.__getitem__, default=Basis.ASSERTED)
