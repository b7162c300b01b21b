"""What counts of the evidence, from all that is known to groups: the one way from facts to what a rule is asked about.

Source: policy.md section 1. Invariants, whatever a rule asks: the order in which facts are given means nothing;
evidence of another digest has no say; taking away evidence that passed, or holding, ageing or distrusting any, never
makes a group better; a file that failed counts until a newer state of that file, or of its whole run, is here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import timedelta
from operator import attrgetter

from shared.judging.ageing import Asked
from shared.judging.binding import SUBJECT, Binding, bind
from shared.judging.near import Near, near_misses
from shared.judging.one_group import Way, judged
from shared.judging.ordering import Entry, in_order
from shared.judging.values import Facts, Group, Piece, Target

_REPORT = Way(attrgetter("report"))
_VOICE = Way(attrgetter("voice"), fleeting=True)


class Evidence:
    """The evidence of one question, sorted out once; each rule asks it for groups."""

    def __init__(self, facts: Facts) -> None:
        """Take what is known; it is read and never changed.

        Raises `MalformedError` where what is known of a stream is not in the order that judging rests on.
        """
        self._facts = facts
        self.binding: Binding = bind(facts)
        self._bound: dict[str, dict[str, list[Entry]]] = defaultdict(lambda: defaultdict(list))
        self._there: dict[str, dict[str, list[Entry]]] = defaultdict(lambda: defaultdict(list))
        self._others: dict[str, list[Piece]] = defaultdict(list)
        known = {piece.id: piece for piece in facts.evidence}
        in_order(known.values())
        binds, target = self.binding.of, facts.request.target
        for piece in sorted(known.values(), key=attrgetter("id")):
            first = piece if piece.repeat_of is None else _first(piece, known)
            linked = binds(piece)
            if linked is None:
                self._others[piece.type].append(piece)
            else:
                self._bound[piece.type][piece.name].append(Entry(piece, linked, first))
            if piece.service is not None and is_at(piece, target) and (linked is not None or not piece.digests):
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
        return tuple(judged(named[one], asked, _REPORT, whole=whole, streams=streams) for one in names)

    def runtime(self, kind: str, *, max_age: timedelta | None = None) -> tuple[Group, ...]:
        """Give the groups of a type that tell how the target itself is (`health`, `rollback`), by name.

        The newest word of each source counts; what names another digest does not.
        """
        asked = Asked(self._facts.now, max_age=max_age)
        named = self._there.get(kind, {})
        return tuple(judged(named[name], asked, _VOICE) for name in sorted(named))

    def near(self, kind: str, name: str | None = None) -> tuple[Near, ...]:
        """Say what there is of a type that a rule might have meant, the nearest first."""
        bound = [entry.piece for entries in self._bound.get(kind, {}).values() for entry in entries]
        return near_misses(bound, self._others.get(kind, ()), name)


def is_at(piece: Piece, target: Target) -> bool:
    """Whether a piece tells how that service is in that environment; one without a namespace tells of all of them."""
    named = piece.namespace is None or target.namespace is None or piece.namespace == target.namespace
    return (piece.service, piece.environment) == (target.service, target.environment) and named


def _first(piece: Piece, known: Mapping[str, Piece]) -> Piece | None:
    """Follow a piece that repeats another to the first; None where that is not known, or goes round in a circle."""
    seen = {piece.id}
    while piece.repeat_of is not None:
        if piece.repeat_of in seen or piece.repeat_of not in known:
            return None
        piece = known[piece.repeat_of]
        seen.add(piece.id)
    return piece
