"""What counts of the evidence, from all that is known to groups: the one way from facts to what a rule is asked about.

Source: policy.md section 1. Invariants, whatever a rule asks: the order in which facts are given means nothing;
evidence of another digest has no say; taking away evidence that passed, or holding, ageing or distrusting any, never
makes a group better; a file that failed counts until a newer state of that file, or of its whole run, is here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import timedelta
from operator import attrgetter

from shared.judging.ageing import Asked
from shared.judging.alone import Alone, alone
from shared.judging.binding import SUBJECT, Binding, Linked, bind
from shared.judging.effort import Effort
from shared.judging.near import Near, near_misses
from shared.judging.one_group import Way, judged
from shared.judging.ordering import in_order
from shared.judging.pile import Pile
from shared.judging.values import Facts, Group, Piece, Target

_Rows = defaultdict[tuple[str, str], list[tuple[Piece, Alone, Linked]]]
"""Evidence by type and name: what each is by itself, and what binds it."""
_BY_ID = attrgetter("id")
_REPORT = Way(attrgetter("report"))
_VOICE = Way(attrgetter("voice"), fleeting=True)


class Evidence:
    """The evidence of one question, sorted out once; each rule asks it for groups."""

    def __init__(self, facts: Facts) -> None:
        """Take what is known; it is read and never changed.

        Raises `MalformedError` where what is known of a stream is not in the order that judging rests on; so does what
        sorts evidence out, where that takes more than may be spent on one question.
        """
        self._facts = facts
        self.binding: Binding = bind(facts)
        self._whole = tuple([one.detail for one in self.binding.contradictions])
        self._waiting = [stream for stream in facts.streams if stream.waiting > 0]
        bound: _Rows = defaultdict(list)
        there: _Rows = defaultdict(list)
        self._others: dict[str, list[Piece]] = defaultdict(list)
        known = {piece.id: piece for piece in facts.evidence}
        effort = Effort()
        pieces = sorted(known.values(), key=_BY_ID)
        in_order(pieces)
        binds, commits, target = self.binding.of, self.binding.commits, facts.request.target
        for piece in pieces:
            own = piece.alone or alone(piece)
            linked = binds(piece) if own.commit is None else commits.get(own.commit)
            if linked is None:
                self._others[piece.type].append(piece)
            else:
                bound[own.label].append((piece, own, linked))
            if piece.service is not None and is_at(piece, target) and (linked is not None or not piece.digests):
                there[own.label].append((piece, own, SUBJECT))
        self._bound, self._there = _by_type(bound, known, effort), _by_type(there, known, effort)

    def groups(
        self, kind: str, name: str | None = None, *, signed: bool = False, max_age: timedelta | None = None
    ) -> tuple[Group, ...]:
        """Give the groups of a type that are bound to the digest, by name: all of them, or that of one name.

        `signed` and `max_age` are what the rule asks of each piece: one that is not so never helps, and still counts
        against where it failed. Where nothing counts there is a group with the cause.
        """
        asked = Asked(self._facts.now, signed=signed, max_age=max_age)
        named = self._bound.get(kind, {})
        piles = named.values() if name is None else [named[name]] if name in named else []
        return tuple([judged(pile, asked, _REPORT, whole=self._whole, streams=self._waiting) for pile in piles])

    def runtime(self, kind: str, *, max_age: timedelta | None = None) -> tuple[Group, ...]:
        """Give the groups of a type that tell how the target itself is (`health`, `rollback`), by name.

        The newest word of each source counts; what names another digest does not.
        """
        asked = Asked(self._facts.now, max_age=max_age)
        named = self._there.get(kind, {})
        return tuple([judged(pile, asked, _VOICE) for pile in named.values()])

    def near(self, kind: str, name: str | None = None) -> tuple[Near, ...]:
        """Say what there is of a type that a rule might have meant, the nearest first."""
        bound = [piece for pile in self._bound.get(kind, {}).values() for piece in pile.pieces]
        return near_misses(bound, self.others(kind), name)

    def others(self, kind: str) -> Sequence[Piece]:
        """Give what there is of a type that nothing binds to the digest."""
        return self._others.get(kind, ())


def _by_type(rows: _Rows, known: Mapping[str, Piece], effort: Effort) -> dict[str, dict[str, Pile]]:
    """Make piles by type, and within each by name."""
    found: dict[str, dict[str, Pile]] = {}
    for kind, name in sorted(rows):
        found.setdefault(kind, {})[name] = Pile(known, effort, *zip(*rows[kind, name], strict=True))
    return found


def is_at(piece: Piece, target: Target) -> bool:
    """Whether a piece tells how that service is in that environment; one without a namespace tells of all of them."""
    named = piece.namespace is None or target.namespace is None or piece.namespace == target.namespace
    return (piece.service, piece.environment) == (target.service, target.environment) and named
