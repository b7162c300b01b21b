"""One group: all evidence of one type and name for one subject, judged together and never file by file.

Source: policy.md section 1, "Groups". Invariants: only what helps can make a group pass; what does not help can make
it fail; a group of which more is known to come is not whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from shared.encoding import JsonObject
from shared.judging.ageing import Asked, age, could_help, refusal
from shared.judging.binding import Linked, Tie
from shared.judging.counting import together
from shared.judging.ordering import Entry, may_replace
from shared.judging.replacing import Same, Standing, lacking, left, once
from shared.judging.values import Basis, Cause, Considered, Group, Piece, StreamFact
from shared.judging.words import counted

_BASES = tuple(Basis)


Against = Callable[[Piece], str]
"""Says what speaks against a piece by itself; empty where nothing does."""


class _Why(NamedTuple):
    cause: Cause
    detail: str


def judged(
    entries: Sequence[Entry],
    asked: Asked,
    same: Same,
    against: Against,
    *,
    whole: Sequence[str] = (),
    streams: Sequence[StreamFact] = (),
) -> Group:
    """Judge the evidence of one type and name together; at least one entry, in an order that is always the same.

    `whole` is what speaks against all that is bound to the digest; `streams` are those that may bring more.
    """
    return _Judging(entries, asked, same, against).group(whole, streams)


class _Judging:
    def __init__(self, entries: Sequence[Entry], asked: Asked, same: Same, against: Against) -> None:
        self._entries = entries
        self._asked = asked
        self._same = same
        self._refused = {at: _Why(*why) for at, one in enumerate(entries) if (why := refusal(one, asked)) is not None}
        self._helps = [at for at in range(len(entries)) if at not in self._refused]
        self._standing: Standing = left(entries, self._helps, same)
        self._against = {one.piece.id: against(one.piece) for one in self._speaking}

    @property
    def _speaking(self) -> tuple[Entry, ...]:
        return (*self._standing.members, *self._standing.doubted)

    def group(self, whole: Sequence[str], streams: Sequence[StreamFact]) -> Group:
        helped = bool(self._standing.members)
        members = once(self._standing.members or self._standing.doubted)
        pieces = tuple(entry.piece for entry in members)
        counts = together(pieces[0].type, pieces)
        why = self._why(whole, streams)
        return Group(
            type=pieces[0].type,
            name=pieces[0].name,
            members=pieces,
            counts=counts,
            passed=all(self._passes(entry.piece) for entry in self._speaking),
            signed=all(entry.piece.signed and entry.linked.tie >= Tie.SIGNED for entry in members),
            weakest=max((_basis(entry) for entry in members), key=_BASES.index),
            age=max(age(entry, self._asked.now) for entry in members),
            considered=tuple(self._considered()),
            cause=why.cause if why else None,
            detail=why.detail if why else "",
            cut=tuple(sorted({field for piece in pieces for field in piece.cut})),
            doubted=tuple(entry.piece for entry in self._standing.doubted) if helped else (),
            readings=self._readings((counts, len(pieces))) if helped else (),
        )

    def _passes(self, piece: Piece) -> bool:
        return piece.passed and not self._against[piece.id]

    def _why(self, whole: Sequence[str], streams: Sequence[StreamFact]) -> _Why | None:
        for detail in (*whole, *self._against.values()):
            if detail:
                return _Why(Cause.CONTRADICTED, detail)
        if not self._standing.members:
            newest = max(self._refused, key=lambda at: _stored(self._entries[at]))
            return self._refused[newest]
        return self._on_its_way(streams)

    def _on_its_way(self, streams: Sequence[StreamFact]) -> _Why | None:
        """Say what is still to come: of the collectors that bring this, and by what the runs themselves say."""
        piece = self._entries[0].piece
        collectors = {entry.piece.collector for entry in self._speaking}
        waiting = sorted(
            (stream.name, stream.waiting)
            for stream in streams
            if stream.waiting > 0
            and (stream.collector in collectors or (stream.delivered and (piece.type, piece.name) in stream.brings))
        )
        if waiting:
            name, number = waiting[0]
            return _Why(Cause.ON_ITS_WAY, f"{name} has {counted(number, 'report')} waiting")
        lacks = lacking(self._entries, self._helps)
        fewest = min(lacks.values(), default=0)
        return _Why(Cause.ON_ITS_WAY, f"not here yet: {counted(fewest, 'report')}") if fewest else None

    def _considered(self) -> list[Considered]:
        """List what was looked at; what something newer took the place of is left out."""
        places = {entry.piece.id: at for at, entry in enumerate(self._entries)}
        found = []
        for entry in self._speaking:
            why = self._refused.get(places[entry.piece.id])
            if why is None and (detail := self._against[entry.piece.id]):
                why = _Why(Cause.CONTRADICTED, detail)
            elif why is None and not entry.piece.passed:
                why = _Why(Cause.FAILED, "it did not pass")
            found.append(Considered(entry.piece.id, why.cause, why.detail) if why else Considered(entry.piece.id))
        return sorted(found, key=lambda one: one.id)

    def _readings(self, base: tuple[JsonObject, int]) -> tuple[tuple[JsonObject, int], ...]:
        """Give the counts as they would be if what is in doubt counted: all of it, and each that would replace.

        What could never help this rule, and passed, is no part of that: it is neither for it nor against.
        """
        doubted = [one for one in self._standing.doubted if could_help(one, self._asked) or not self._passes(one.piece)]
        if not doubted:
            return ()
        sets = [(*self._standing.members, *doubted), *self._one_at_a_time(doubted)]
        found = [base]
        for members in map(once, sets):
            pieces = [entry.piece for entry in members]
            reading = (together(pieces[0].type, pieces), len(pieces))
            if reading not in found:
                found.append(reading)
        return tuple(found[1:])

    def _one_at_a_time(self, doubted: Sequence[Entry]) -> Iterator[tuple[Entry, ...]]:
        places = {entry.piece.id: at for at, entry in enumerate(self._entries)}
        for entry in doubted:
            lifted = entry._replace(linked=Linked(entry.linked.claimed, entry.linked.claimed))
            if any(self._same(lifted, one) and may_replace(lifted, one) for one in self._standing.members):
                at = places[entry.piece.id]
                entries = [*self._entries[:at], lifted, *self._entries[at + 1 :]]
                yield left(entries, [*self._helps, at], self._same).members


def _basis(entry: Entry) -> Basis:
    """Say on what an entry rests: the weaker of what it says itself and of what binds it."""
    link = Basis.MEASURED if entry.linked.tie >= Tie.SIGNED else Basis.POSTED
    return max(entry.piece.basis, link, key=_BASES.index)


def _stored(entry: Entry) -> tuple[float, int, str]:
    return entry.piece.received_at.timestamp(), entry.piece.arrival, entry.piece.id
