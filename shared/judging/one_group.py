"""One group: all evidence of one type and name for one subject, judged together and never file by file.

Source: policy.md section 1, "Groups" and "Monotone", and section 2: first select, then test. Of each report its newest
state is selected, and is never replaced by something older because it fails a test. Invariants: only what counts can
make a group pass; what does not count can make it fail, as long as nothing that counts has surely taken its place; so
what is held is asked all that it would be asked if it counted. A group of which more is known to come is not whole.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter

from shared.judging.ageing import Asked, Why, held, is_foreign, refusal, stale, unfit
from shared.judging.alone import Alone, alone
from shared.judging.ordering import Slot, place
from shared.judging.pile import Pile
from shared.judging.plain import Plain, plain
from shared.judging.reading import Pick, readings
from shared.judging.replacing import Left, left, once
from shared.judging.values import Cause, Considered, Group, Piece, Reading, StreamFact
from shared.judging.waiting import on_its_way
from shared.judging.weighing import weighed

_BY_ID = attrgetter("id")


@dataclass(frozen=True, slots=True)
class Way:
    """How the pieces of a kind of evidence are judged.

    `slot` tells what a piece is a state of. What is `fleeting` tells how something stands right now: of it, what is too
    old says nothing more but a no, and what is fresh beside it counts. Of a report, one that is too old must be made
    again.
    """

    slot: Callable[[Alone], Slot]
    fleeting: bool = False


def judged(
    pile: Pile,
    asked: Asked,
    way: Way,
    *,
    whole: Sequence[str] = (),
    streams: Sequence[StreamFact] = (),
) -> Group:
    """Judge the evidence of one type and name together.

    `whole` is what speaks against all that is bound to the digest; `streams` are those that have something waiting.
    """
    found = plain(pile, asked, fleeting=way.fleeting)
    return _Judging(pile, asked, way).group(whole, streams) if found is None else _plain(pile, found, whole, streams)


def _plain(pile: Pile, found: Plain, whole: Sequence[str], streams: Sequence[StreamFact]) -> Group:
    """Make the group of pieces that all count."""
    (kind, name), each = pile.each[0].label, pile.each
    passed = False not in [one.is_good for one in each]
    against = whole if passed else [*whole, *[one.against for one in each if not one.is_good]]
    why = _contradicted(against) or on_its_way(pile.pieces, found.lacks, streams)
    return Group(
        type=kind,
        name=name,
        reading=found.reading,
        passed=passed,
        considered=tuple([one.judged for one in each]),
        cause=why[0] if why else None,
        detail=why[1] if why else "",
        cut=_cut(pile.pieces),
    )


def _contradicted(against: Sequence[str]) -> Why | None:
    return next(((Cause.CONTRADICTED, detail) for detail in against if detail), None)


def _cut(pieces: Sequence[Piece]) -> tuple[str, ...]:
    found = [cut for piece in pieces if (cut := piece.cut)]
    return tuple(sorted(set().union(*found))) if found else ()


class _Judging:
    """A group that has to be sorted out."""

    def __init__(self, pile: Pile, asked: Asked, way: Way) -> None:
        self._entries = entries = pile.entries()
        self._each = pile.each
        self._effort = pile.effort
        self._asked = asked
        self._way = way
        self._held = {at: why for at, one in enumerate(entries) if (why := held(one, asked)) is not None}
        self._foreign = frozenset(at for at, one in enumerate(entries) if is_foreign(one, asked))
        self._left = self._sort_out(frozenset())
        self._members = self._select(self._left, frozenset())
        counts = set(self._members)
        self._doubted = [at for at in self._left.stands if at not in counts]
        self._unfit = self._tested()
        self._bad = [at for at in self._left.stands if not self._each[at].is_good]

    def group(self, whole: Sequence[str], streams: Sequence[StreamFact]) -> Group:
        stands = self._left.stands
        why = self._why(whole, streams)
        counts = self._members or stands or range(len(self._entries))
        open_ = self._members and (self._held or self._doubted)
        others = readings(self._ways_to_read(), tuple(self._members)) if open_ else ()
        return Group(
            type=self._entries[0].piece.type,
            name=self._entries[0].piece.name,
            reading=self._reading(counts),
            passed=bool(stands) and not self._bad,
            considered=self._considered(),
            cause=why[0] if why else None,
            detail=why[1] if why else "",
            cut=_cut([self._entries[at].piece for at in stands]),
            doubted=tuple(self._entries[at].piece for at in self._doubted) if self._members else (),
            others=tuple(self._reading(one) for one in others),
        )

    # --- what counts ---

    def _sort_out(self, lifted: frozenset[int]) -> Left:
        free = [at for at in range(len(self._entries)) if at not in self._held or at in lifted]
        here = [at for at in free if at not in self._foreign]
        trusted = [at for at in here if self._entries[at].piece.signed] if self._asked.signed else here
        return left(self._entries, trusted, here, self._slot_of, self._effort)

    def _slot_of(self, piece: Piece) -> Slot:
        return self._way.slot(alone(piece))

    def _select(self, sorted_out: Left, lifted: frozenset[int]) -> list[int]:
        """Pick the newest state of each report that counts."""
        newest: dict[object, int] = {}
        for at in sorted_out.stands:
            if (at in self._held and at not in lifted) or at in self._foreign or at in sorted_out.behind:
                continue
            slot = self._way.slot(self._each[at])
            if slot not in newest or place(self._entries[newest[slot]]) < place(self._entries[at]):
                newest[slot] = at
        picked = sorted(newest.values())
        if self._way.fleeting:
            fresh = [at for at in picked if stale(self._entries[at], self._asked) is None]
            picked = fresh or picked
        signed = [at for at in picked if self._entries[at].piece.by_collector]
        # What tokens brought stands beside what collectors signed, and lends it no weight.
        return signed or picked

    def _ways_to_read(self) -> Pick:
        """Tell how to read the group if some of what is held counted: what counts then, and what stands beside it."""

        def pick(lifted: frozenset[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
            sorted_out = self._sort_out(lifted) if lifted else self._left
            members = tuple(self._select(sorted_out, lifted))
            counts = set(members)
            beside = [at for at in sorted_out.stands if at not in counts and (at not in self._held or at in lifted)]
            return members, tuple(at for at in beside if self._has_a_say(at))

        liftable = sorted(
            (at for at in self._held if self._has_a_say(at)), key=lambda at: place(self._entries[at]), reverse=True
        )
        return Pick(pick, tuple(liftable), lambda at: self._way.slot(self._each[at]), self._is_newer)

    def _is_newer(self, one: int, other: int) -> bool:
        return place(self._entries[one]) > place(self._entries[other])

    def _has_a_say(self, at: int) -> bool:
        """Whether a piece could change how a group reads: of what is of no use to the rule, what failed."""
        return at not in self._foreign or not self._each[at].is_good

    def _reading(self, counts: Sequence[int]) -> Reading:
        found = [self._entries[at] for at in counts]
        return weighed(once(found) if len(found) > 1 else found, self._asked.now)

    # --- what speaks against it ---

    def _why(self, whole: Sequence[str], streams: Sequence[StreamFact]) -> Why | None:
        if (torn := _contradicted([*whole, *[self._each[at].against for at in self._bad]])) is not None:
            return torn
        if not self._members:
            return self._why_nothing_counts()
        stands = [self._entries[at].piece for at in self._left.stands]
        return next(iter(self._unfit.values()), None) or on_its_way(stands, self._left.lacks, streams)

    def _why_nothing_counts(self) -> Why:
        refused = [(place(entry), why) for entry in self._entries if (why := refusal(entry, self._asked)) is not None]
        if not refused:
            return Cause.CONTRADICTED, "which of its reports is the newest cannot be told"
        return max(refused, key=lambda one: one[0])[1]

    def _tested(self) -> dict[int, Why]:
        """Say what fails a test of the rule, of all that is asked: what counts, and what would if nothing were held."""
        asked = self._members
        if not self._way.fleeting:
            asked = [at for at in self._left.stands if at not in self._left.behind and at not in self._foreign]
        return {at: why for at in asked if (why := unfit(self._entries[at], self._asked)) is not None}

    def _considered(self) -> tuple[Considered, ...]:
        """List what was looked at; what something newer took the place of is left out."""
        found = {at: self._each[at].judged for at in self._left.stands}
        doubted = {at: why for at in self._doubted if (why := unfit(self._entries[at], self._asked)) is not None}
        for at, why in (doubted | self._unfit | self._held).items():
            if at in found:
                found[at] = Considered(found[at].id, *why)
        return tuple(sorted(found.values(), key=_BY_ID))
