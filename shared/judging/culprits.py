"""Which evidence it is that speaks against a rule: what somebody must have seen who signs a release in spite of it.

Pure. Invariant: evidence that has nothing against it is none of it, as long as anything else is to blame. So taking
away what passed, holding or ageing anything never makes this less, and no yes counts again by that (policy.md 1).
What is merely not here yet, too old, held or unsigned is nobody's: nothing of it has failed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from shared.encoding import JsonObject
from shared.judging.alone import alone
from shared.judging.counting import together
from shared.judging.expressions import Expression
from shared.judging.names import RUNTIME
from shared.judging.values import Group, Piece

Known = Mapping[str, Piece]
"""All evidence by its id."""


def failing(known: Known, groups: Iterable[Group], where: Expression | None, *, any_outcome: bool) -> tuple[str, ...]:
    """Name what fails of the groups that a `require` covers: by itself, or by the expression.

    Where only their sum fails it, all of a group do.
    """
    found: list[Piece] = []
    for group in groups:
        pieces = _looked_at(known, group)
        bad = [one for one in pieces if alone(one).against or not (one.passed or any_outcome)]
        if where is not None and not all(_holds(where, group, one.counts, one.size) for one in group.readings):
            bad += [one for one in pieces if not _holds(where, group, together(one.type, (alone(one),)), group.size)]
            bad = bad or pieces
        found += bad
    return names(found)


def saying_no(known: Known, groups: Iterable[Group], fields: Iterable[str], *, fails: bool) -> tuple[str, ...]:
    """Name what fails of the groups that an `expect` names: by itself, or by saying no to one of these fields.

    Where it `fails` and nothing of that is so, all do: of which of them an expression is false cannot be told.
    """
    asked = tuple(fields)
    pieces = [piece for group in groups for piece in _looked_at(known, group)]
    bad = [one for one in pieces if not alone(one).is_good or any(alone(one).said.get(name) is False for name in asked)]
    return names(bad or (pieces if fails else []))


def names(pieces: Iterable[Piece]) -> tuple[str, ...]:
    """Name evidence as what was seen: a report by what it says, how a target stands by who says so.

    The same report again is no other failure, and whoever says no to a target every minute says nothing new.
    """
    return tuple(sorted({one.source_key if one.type in RUNTIME else one.content for one in pieces}))


def _looked_at(known: Known, group: Group) -> list[Piece]:
    """Give all of a group that nothing newer took the place of, whether it counts or not."""
    return [known[one.id] for one in group.considered]


def _holds(where: Expression, group: Group, counts: JsonObject, size: int) -> bool:
    said: JsonObject = {"evidence": counts, "group": {"size": size}}
    return where.evaluate(said, cut=group.cut).met
