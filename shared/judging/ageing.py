"""How old evidence is, and whether it still helps.

Source: policy.md section 1, "Order" and "Age". Age counts from the earlier of what the sender says and of the receipt.
What does not help is never an excuse either: whether it still speaks is a matter of `shared.judging.grouping`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from shared.errors import Code
from shared.judging.alone import alone
from shared.judging.binding import Tie
from shared.judging.ordering import Entry
from shared.judging.values import Cause, Piece

_NONE = timedelta(0)

Why = tuple[Cause, str]
"""Why a piece does not help: the cause, and in words."""


class Asked(NamedTuple):
    """What a rule asks of each piece: signed by a collector that measured it, and not older than that."""

    now: datetime
    signed: bool = False
    max_age: timedelta | None = None


def age(entry: Entry, now: datetime) -> timedelta:
    """Say how old a piece is; a repeat is as old as what it repeats."""
    return max(_NONE, now - _since(entry.piece, entry.first))


def oldest(entries: Sequence[Entry], now: datetime) -> timedelta:
    """Say how old the oldest of some pieces is."""
    return max(_NONE, now - min([_since(piece, first) for piece, _, first in entries]))


def _since(piece: Piece, first: Piece | None) -> datetime:
    known = alone(piece).since
    return known if first is piece or first is None else min(alone(first).since, known)


def skew(piece: Piece) -> timedelta:
    """Say by how much the sender's time is ahead of the receipt."""
    return max(_NONE, piece.observed_at - piece.received_at)


def refusal(entry: Entry, asked: Asked) -> Why | None:
    """Say why a piece does not help a rule; None where it does."""
    return held(entry, asked) or unfit(entry, asked)


def held(entry: Entry, asked: Asked) -> Why | None:
    """Say that a piece, or what binds it as the rule needs it, does not count for now; None where it does."""
    if entry.piece.held is not None:
        return (Cause.REVOKED if entry.piece.held == Code.KEY_REVOKED else Cause.HELD), entry.piece.held
    tie, claimed = entry.linked
    if tie is Tie.HELD or (asked.signed and tie < Tie.SIGNED <= claimed):
        return Cause.HELD, "what links its commit to the digest is held"
    return None


def unfit(entry: Entry, asked: Asked) -> Why | None:
    """Say that a piece would not do for a rule even if nothing were held; None where it would."""
    return stale(entry, asked) or _unsigned(entry, asked)


def stale(entry: Entry, asked: Asked) -> Why | None:
    """Say that a piece is too old for a rule, or has expired; None where it is not."""
    if entry.piece.expires_at is not None and entry.piece.expires_at <= asked.now:
        return Cause.STALE, "it has expired"
    if asked.max_age is None:
        return None
    if entry.since is None:
        return Cause.STALE, "it repeats what is not known, so its age is not known either"
    return (Cause.STALE, "it is too old") if age(entry, asked.now) > asked.max_age else None


def is_foreign(entry: Entry, asked: Asked) -> bool:
    """Whether a rule that wants signatures has no use for a piece, whatever becomes of it: tokens brought or bound it.

    Whoever has a token may say what they like. It never helps such a rule, and hurts it only where it failed.
    """
    return asked.signed and (not entry.piece.by_collector or entry.linked.claimed < Tie.SIGNED)


def _unsigned(entry: Entry, asked: Asked) -> Why | None:
    if not asked.signed:
        return None
    if not entry.piece.signed:
        return Cause.UNSIGNED, f"it is {entry.piece.basis.value}, not measured and signed by a collector"
    if entry.linked.claimed < Tie.SIGNED:
        return Cause.UNSIGNED, "its commit is linked to the digest by what came with a token"
    return None
