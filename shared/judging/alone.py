"""What a piece of evidence is by itself, whatever is asked of it, and whatever else there is.

Worked out once and kept with the piece: the same pieces are judged again and again, and the gate is as fast as that is.
Invariant: it rests on nothing but the piece's own fields, so a copy with other fields works it out anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from shared.encoding import JsonObject
from shared.judging.contradictions import contradictions, typed
from shared.judging.ordering import Slot, Work, moment, report_slot, voice_slot, work
from shared.judging.values import Basis, Cause, Considered, Piece
from shared.predicates import ClaimType

TYPES: Mapping[str, ClaimType] = MappingProxyType({kind.value: kind for kind in ClaimType})
"""The closed types by name; ingested evidence may have others."""
_RANK: Mapping[Basis, int] = {basis: rank for rank, basis in enumerate(Basis)}
_METRICS = "metrics"


@dataclass(frozen=True, slots=True)
class Alone:
    """What follows from a piece alone.

    `said` is its evidence under the names that count, to be read and never changed; `against` what speaks against it,
    empty where nothing does; `judged` how it stands by that. `is_plain` says that it counts as it is, and for ever: it
    is not held, repeats nothing, and does not expire. `rank` is that of its basis, 0 for the strongest.
    """

    said: JsonObject
    against: str
    judged: Considered
    is_good: bool
    is_plain: bool
    rank: int
    signed: bool
    by_collector: bool
    since: datetime
    report: Slot
    voice: Slot
    work: Work | None


def alone(piece: Piece) -> Alone:
    """Give what a piece is by itself."""
    known = piece.alone
    if type(known) is Alone:
        return known
    made = _worked_out(piece)
    # The one field that is set late: to the same value, whoever comes first.
    object.__setattr__(piece, "alone", made)
    return made


def _worked_out(piece: Piece) -> Alone:
    said = _said(piece)
    against = _against(piece, said)
    refused = Considered(piece.id) if piece.passed else Considered(piece.id, Cause.FAILED, "it did not pass")
    return Alone(
        said=said,
        against=against,
        judged=Considered(piece.id, Cause.CONTRADICTED, against) if against else refused,
        is_good=piece.passed and not against,
        is_plain=piece.held is None and piece.repeat_of is None and piece.expires_at is None,
        rank=_RANK[piece.basis],
        signed=piece.signed,
        by_collector=piece.by_collector,
        since=moment(piece),
        report=report_slot(piece),
        voice=voice_slot(piece),
        work=work(piece),
    )


def _said(piece: Piece) -> JsonObject:
    """Give the evidence of a piece under the names that count, its metrics among them."""
    evidence = piece.evidence
    metrics = evidence.get(_METRICS)
    if isinstance(metrics, dict):
        evidence = {**metrics, **evidence}
    kind = TYPES.get(piece.type)
    return dict(evidence) if kind is None else typed(kind, evidence)


def _against(piece: Piece, said: JsonObject) -> str:
    """Say what speaks against a piece: contradictions that others, or it itself, make."""
    if piece.against:
        return piece.against[0]
    kind = TYPES.get(piece.type)
    found = () if kind is None else contradictions(kind, said, passed=piece.passed)
    return found[0].detail if found else ""
