"""How old evidence is, and whether it still helps.

Source: policy.md section 1, "Order" and "Age". Age counts from the earlier of what the sender says and of the receipt.
What does not help is never an excuse either: whether it still speaks is a matter of `shared.judging.grouping`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.errors import Code
from shared.judging.binding import Tie
from shared.judging.ordering import Entry
from shared.judging.values import Cause, Piece

_NONE = timedelta(0)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a rule asks of each piece: signed by a collector that measured it, and not older than that."""

    now: datetime
    signed: bool = False
    max_age: timedelta | None = None


def age(entry: Entry, now: datetime) -> timedelta:
    """Say how old a piece is; a repeat is as old as what it repeats."""
    since = entry.since or min(entry.piece.observed_at, entry.piece.received_at)
    return max(_NONE, now - since)


def skew(piece: Piece) -> timedelta:
    """Say by how much the sender's time is ahead of the receipt."""
    return max(_NONE, piece.observed_at - piece.received_at)


def refusal(entry: Entry, asked: Asked) -> tuple[Cause, str] | None:
    """Say why a piece does not help a rule; None where it does."""
    return _held(entry, asked) or _old(entry, asked) or _unsigned(entry, asked)


def could_help(entry: Entry, asked: Asked) -> bool:
    """Whether a piece would do for a rule if it were fresh and nothing were held: who made it stays."""
    return not asked.signed or (entry.piece.signed and entry.linked.claimed >= Tie.SIGNED)


def _held(entry: Entry, asked: Asked) -> tuple[Cause, str] | None:
    if entry.piece.held is not None:
        return (Cause.REVOKED if entry.piece.held == Code.KEY_REVOKED else Cause.HELD), entry.piece.held
    parted = asked.signed and entry.linked.tie < Tie.SIGNED <= entry.linked.claimed
    if entry.linked.tie is Tie.HELD or parted:
        return Cause.HELD, "what links its commit to the digest is held"
    return None


def _old(entry: Entry, asked: Asked) -> tuple[Cause, str] | None:
    if entry.piece.expires_at is not None and entry.piece.expires_at <= asked.now:
        return Cause.STALE, "it has expired"
    if asked.max_age is None:
        return None
    if entry.since is None:
        return Cause.STALE, "it repeats what is not known, so its age is not known either"
    return (Cause.STALE, "it is too old") if age(entry, asked.now) > asked.max_age else None


def _unsigned(entry: Entry, asked: Asked) -> tuple[Cause, str] | None:
    if could_help(entry, asked):
        return None
    if not entry.piece.signed:
        return Cause.UNSIGNED, f"it is {entry.piece.basis.value}, not measured and signed by a collector"
    return Cause.UNSIGNED, "its commit is linked to the digest by what came with a token"
