"""Which evidence it is that speaks against a rule: what somebody must have seen who signs a release in spite of it.

Pure. Of a `require` it is what fails, by itself or in a sum; of an `expect` that is not met all that it names, since of
which of it an expression is false cannot be told. Invariant: holding, ageing or unlinking anything never makes this
less, so no yes counts again by that (policy.md 1). What is merely not here yet is nobody's: nothing of it has failed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from shared.encoding import JsonObject
from shared.judging.alone import alone
from shared.judging.asked import STANDS
from shared.judging.counting import together
from shared.judging.expressions import Expression
from shared.judging.names import RUNTIME
from shared.judging.values import Group, Piece

Known = Mapping[str, Piece]
"""All evidence by its id."""


def failing(known: Known, groups: Iterable[Group], where: Expression | None, *, any_outcome: bool) -> tuple[str, ...]:
    """Name what fails of the groups that a `require` covers: by itself, or by the expression.

    Where a sum fails it without those that fail by themselves, all of a group do.
    """
    found: list[Piece] = []
    beside: list[Piece] = []
    for group in groups:
        pieces = _looked_at(known, group)
        bad = [one for one in pieces if _fails(one, any_outcome=any_outcome)]
        if where is not None and not all(_holds(where, group, one.counts, one.size) for one in group.readings):
            bad += _failing_alone(where, group, pieces)
            ids = {one.id for one in bad}
            rest = [one for one in pieces if one.id not in ids]
            if not bad or (rest and not _holds(where, group, _sum(rest), group.size)):
                beside += rest
        found += bad
    return names(found, beside)


def unmet(known: Known, counted: Iterable[Group], standing: Iterable[Group], near: Iterable[Piece]) -> tuple[str, ...]:
    """Name all that an `expect` which is not met names: evidence by what it says, how a target stands by who says what.

    `near` is what would be counted, were its commit linked.
    """
    said = {piece.content for group in counted for piece in _looked_at(known, group)} | {one.content for one in near}
    stands = [piece for group in standing for piece in _looked_at(known, group)]
    return tuple(sorted(said.union(*map(_standing, stands))))


def failing_near(near: Iterable[Piece], where: Expression | None, *, any_outcome: bool) -> tuple[str, ...]:
    """Name what a `require` would have against evidence, were its commit linked; all of it where it may be in a sum."""
    return names(one for one in near if where is not None or _fails(one, any_outcome=any_outcome))


def names(bad: Iterable[Piece], beside: Iterable[Piece] = ()) -> tuple[str, ...]:
    """Name evidence as what was seen: a report by what it says, how a target stands by who says so, and whether no.

    The same report again is no other failure, and whoever says no to a target every minute says nothing new. `beside`
    is what is to blame with others alone: whoever says no after that says something new.
    """
    found = {one.source_key if one.type in RUNTIME else one.content for one in bad}
    return tuple(sorted(found | {f"{one.source_key}\nyes" if one.type in RUNTIME else one.content for one in beside}))


def _standing(piece: Piece) -> set[str]:
    """Name each no of whoever says how a target stands: a yes is not to blame, and a better word has less of them."""
    own, who = alone(piece), piece.source_key
    no = {f"{who}\n{name}" for name in STANDS.get(piece.type, ()) if own.said.get(name) is False}
    return no if own.is_good else {*no, f"{who}\n"}


def _fails(piece: Piece, *, any_outcome: bool) -> bool:
    return bool(alone(piece).against) or not (piece.passed or any_outcome)


def _looked_at(known: Known, group: Group) -> list[Piece]:
    """Give all of a group that nothing newer took the place of, whether it counts or not."""
    return [known[one.id] for one in group.considered]


def _failing_alone(where: Expression, group: Group, pieces: list[Piece]) -> list[Piece]:
    """Give those that fail an expression by themselves; many say the same, of which it is worked out once."""
    known: dict[object, bool] = {}
    failing = []
    for piece in pieces:
        counts = alone(piece).said
        key = where.looks_at(_said(counts, group.size))
        holds = known.get(key)
        if holds is None:
            holds = known[key] = _holds(where, group, counts, group.size)
        if not holds:
            failing.append(piece)
    return failing


def _holds(where: Expression, group: Group, counts: JsonObject, size: int) -> bool:
    return where.is_met(_said(counts, size), cut=group.cut)


def _said(counts: JsonObject, size: int) -> JsonObject:
    return {"evidence": counts, "group": {"size": size}}


def _sum(pieces: list[Piece]) -> JsonObject:
    """Add up what pieces say, the same content once."""
    return together(pieces[0].type, [alone(one) for one in {one.content: one for one in pieces}.values()])
