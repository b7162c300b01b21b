"""What a piece of evidence is by itself, whatever is asked of it, and whatever else there is.

Worked out once and kept with the piece: the same pieces are judged again and again, and the gate is as fast as that is.
Invariant: it rests on nothing but the piece's own fields, so a copy with other fields works it out anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple

from shared.encoding import JsonObject, JsonValue
from shared.judging.contradictions import contradictions, typed
from shared.judging.ordering import Slot, Work, moment, report_slot, voice_slot, work
from shared.judging.values import Basis, Cause, Considered, Piece
from shared.predicates import ClaimType

TYPES: Mapping[str, ClaimType] = MappingProxyType({kind.value: kind for kind in ClaimType})
"""The closed types by name; ingested evidence may have others."""
_RANK: Mapping[Basis, int] = {basis: rank for rank, basis in enumerate(Basis)}
_METRICS = "metrics"


class Lot(NamedTuple):
    """Where a plain piece comes from: of pieces of one lot none takes the place of another one's report."""

    by_collector: bool
    run: str | None
    work: Work | None


@dataclass(frozen=True, slots=True)
class Alone:
    """What follows from a piece alone.

    `said` is its evidence under the names that count, to be read and never changed, `names` and `values` are the same
    in the order of the names; `against` is what speaks against it, empty where nothing does; `judged` how it stands by
    that. `lot` is None unless it counts as it is, and for ever: it is not held, repeats nothing, and does not expire.
    `rank` is that of its basis, 0 for the strongest. `label` is its type and name. `place` orders pieces by what they
    are reports of. `commit` is what binds it where that is one commit and nothing else.
    """

    said: JsonObject
    names: tuple[str, ...]
    values: tuple[JsonValue, ...]
    against: str
    judged: Considered
    is_good: bool
    lot: Lot | None
    rank: int
    since: datetime
    label: tuple[str, str]
    place: tuple[str, str, str]
    commit: str | None
    report: Slot
    voice: Slot


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
    names = tuple(sorted(said))
    is_plain = piece.held is None and piece.repeat_of is None and piece.expires_at is None
    return Alone(
        said=said,
        names=names,
        values=tuple(said[name] for name in names),
        against=against,
        judged=Considered(piece.id, Cause.CONTRADICTED, against) if against else refused,
        is_good=piece.passed and not against,
        lot=Lot(piece.by_collector, piece.run, work(piece)) if is_plain else None,
        rank=_RANK[piece.basis],
        since=moment(piece),
        label=(piece.type, piece.name),
        place=(piece.name, piece.source_key, piece.id),
        commit=next(iter(piece.commits)) if len(piece.commits) == 1 and not piece.digests else None,
        report=report_slot(piece),
        voice=voice_slot(piece),
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
