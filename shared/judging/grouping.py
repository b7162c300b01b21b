"""What counts of the evidence, from all that is known to groups: the one way from facts to what a rule is asked about.

Source: policy.md section 1. Invariants, whatever a rule asks: the order in which facts are given means nothing;
evidence of another digest has no say; taking away evidence that passed, or holding, ageing or distrusting any, never
makes a group better; a file that failed counts until a newer state of that file, or of its whole run, is here.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta

from shared.judging.ageing import Asked
from shared.judging.binding import SUBJECT, Binding, bind
from shared.judging.contradictions import contradictions
from shared.judging.counting import TYPES, said
from shared.judging.near import Near, near_misses
from shared.judging.one_group import judged
from shared.judging.ordering import Entry, same_report, same_voice
from shared.judging.values import Facts, Group, Piece, Target


class Evidence:
    """The evidence of one question, sorted out once; each rule asks it for groups."""

    def __init__(self, facts: Facts) -> None:
        """Take what is known; it is read and never changed."""
        self._facts = facts
        self.binding: Binding = bind(facts)
        self._bound: dict[str, dict[str, list[Entry]]] = defaultdict(lambda: defaultdict(list))
        self._there: dict[str, dict[str, list[Entry]]] = defaultdict(lambda: defaultdict(list))
        self._others: dict[str, list[Piece]] = defaultdict(list)
        self._against: dict[str, str] = {}
        known = {piece.id: piece for piece in facts.evidence}
        for piece in sorted(known.values(), key=lambda one: one.id):
            first = piece if piece.repeat_of is None else known.get(piece.repeat_of)
            linked = self.binding.of(piece)
            if linked is None:
                self._others[piece.type].append(piece)
            else:
                self._bound[piece.type][piece.name].append(Entry(piece, linked, first))
            if is_at(piece, facts.request.target) and (linked is not None or not piece.digests):
                self._there[piece.type][piece.name].append(Entry(piece, SUBJECT, first))

    def groups(
        self, kind: str, name: str | None = None, *, signed: bool = False, max_age: timedelta | None = None
    ) -> tuple[Group, ...]:
        """Give the groups of a type that are bound to the digest, by name: all of them, or that of one name.

        `signed` and `max_age` are what the rule asks of each piece: one that is not so never helps, and still counts
        against where it failed. Where nothing counts there is a group with the cause.
        """
        asked = Asked(self._facts.now, signed=signed, max_age=max_age)
        named = self._bound.get(kind, {})
        names = sorted(named) if name is None else [name] if name in named else []
        whole = tuple(one.detail for one in self.binding.contradictions)
        streams = self._facts.streams
        return tuple(
            judged(named[one], asked, same_report, self.against, whole=whole, streams=streams) for one in names
        )

    def runtime(self, kind: str, *, max_age: timedelta | None = None) -> tuple[Group, ...]:
        """Give the groups of a type that tell how the target itself is (`health`, `rollback`), by name.

        The newest word of each source counts; what names another digest does not.
        """
        asked = Asked(self._facts.now, max_age=max_age)
        named = self._there.get(kind, {})
        return tuple(judged(named[name], asked, same_voice, self.against) for name in sorted(named))

    def near(self, kind: str, name: str | None = None) -> tuple[Near, ...]:
        """Say what there is of a type that a rule might have meant, the nearest first."""
        bound = [entry.piece for entries in self._bound.get(kind, {}).values() for entry in entries]
        return near_misses(bound, self._others.get(kind, ()), name)

    def against(self, piece: Piece) -> str:
        """Say what speaks against a piece: contradictions that others, or it itself, make; empty where nothing does."""
        if piece.id not in self._against:
            self._against[piece.id] = _against(piece)
        return self._against[piece.id]


def is_at(piece: Piece, target: Target) -> bool:
    """Whether a piece tells how that service is in that environment; one without a namespace tells of all of them."""
    named = piece.namespace is None or target.namespace is None or piece.namespace == target.namespace
    return (piece.service, piece.environment) == (target.service, target.environment) and named


def _against(piece: Piece) -> str:
    if piece.against:
        return piece.against[0]
    kind = TYPES.get(piece.type)
    found = () if kind is None else contradictions(kind, said(piece), passed=piece.passed)
    return found[0].detail if found else ""
