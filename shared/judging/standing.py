"""How the target stands: what the request claims of health and rollback, and what evidence says of the same.

Source: policy.md section 3. Invariants: a claim counts only where no fresh evidence speaks of the same, and where both
speak the worse counts; a no counts however old it is, or whoever says it, until something newer of that name says yes.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

from shared.judging.found import weakest
from shared.judging.values import Basis, Group


class Word(NamedTuple):
    """What is known of one thing: yes, no, or nothing (None); on what it rests, and how old the oldest of it is."""

    value: bool | None
    basis: Basis
    age: timedelta
    refused: tuple[Group, ...] = ()
    """Evidence that says yes and does not count: too old, held."""


def word(groups: Sequence[Group], field: str, claim: bool | None) -> Word:  # noqa: FBT001 - it is a value here
    """Put the request's claim and the evidence on one field together; `groups` are those a bare rule would count."""
    spoken = [(group, value) for group in groups if (value := said(group, field)) is not None]
    counts = [(group, value) for group, value in spoken if value is False or group.cause is None]
    refused = tuple(group for group, value in spoken if value and group.cause is not None)
    if not counts:
        return Word(claim, Basis.ASSERTED, timedelta(0), refused)
    yes = False not in [value for _, value in counts]
    if claim is False and yes:
        return Word(False, Basis.ASSERTED, timedelta(0), refused)  # noqa: FBT003 - as above
    readings = [reading for group, _ in counts for reading in group.readings]
    return Word(yes, weakest([one.weakest for one in readings]), max([one.age for one in readings]), refused)


def said(group: Group, field: str) -> bool | None:
    """Give what a group says of one field however it is read: no if it did not pass; None if nothing."""
    values = [reading.counts.get(field) for reading in group.readings]
    if not group.passed or [value for value in values if value is not None and value is not True]:
        return False
    return True if field == "ready" or values[0] is True else None
