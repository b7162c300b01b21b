"""What is left of a group's pieces: which ones others have taken the place of, and which reports a run still lacks.

Source: policy.md section 1, "Groups", "Order" and "Monotone". A piece is out as soon as a trusted one has surely taken
its place; that is asked of two pieces at a time, so no third one that passed can bring a failure to light by going
away, or hide it by coming. What is not trusted takes nobody's place.

A later run of a job takes the place of an earlier one as a whole only if it is known to be whole (`context.reports`):
until then its files take the places of their own predecessors alone, and no green one hides the red one of another.
What a later run leaves behind so is *behind*: it still counts against where it failed, and is asked nothing else. One
job never takes the place of another, nor what was posted that of a collector's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from shared.judging.ordering import Entry, Slot, Work, has_replaced, is_another_run, place, work
from shared.judging.values import Piece

SlotOf = Callable[[Piece], Slot]
"""Names what a piece is a state of."""


@dataclass(frozen=True, slots=True)
class Left:
    """What is left, as places in the entries: all that stands, what of it a later run left behind, what runs lack.

    `lacks` says how many reports are missing of each run that is not whole, and stands.
    """

    stands: tuple[int, ...]
    behind: frozenset[int]
    lacks: Mapping[Work, int]


def left(entries: Sequence[Entry], trusted: Collection[int], here: Collection[int], slot_of: SlotOf) -> Left:
    """Sort out what stands; `trusted` are those that may take a place, `here` those that count as arrived."""
    newest_first = sorted(trusted, key=lambda index: place(entries[index]), reverse=True)
    out = _by_slots(entries, newest_first, slot_of)
    works = {index: made for index, entry in enumerate(entries) if (made := work(entry.piece)) is not None}
    posted = [index for index, entry in enumerate(entries) if not entry.piece.by_collector]
    out |= _by_runs_of_posts(entries, newest_first, posted)
    declared = _declared(entries, works)
    if len(set(works.values())) <= 1 and not declared:
        return Left(tuple(index for index in range(len(entries)) if index not in out), frozenset(), {})
    tasks = _Tasks(entries, works, newest_first)
    whole = tasks.replaced_by_whole_runs(declared)
    behind = tasks.left_behind() - out - whole
    lacks = {}
    for made, number in declared.items():
        of_it = [index for index, other in works.items() if other == made]
        found = size([entries[index] for index in of_it if index in here])
        if found < number and not whole.issuperset(of_it):
            lacks[made] = number - found
    return Left(tuple(index for index in range(len(entries)) if index not in out | whole), frozenset(behind), lacks)


def once(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """Keep each content once: the strongest of its pieces, else the oldest."""
    kept: dict[str, Entry] = {}
    for entry in entries:
        before = kept.get(entry.piece.content)
        if before is None or _preferred(entry) < _preferred(before):
            kept[entry.piece.content] = entry
    return tuple(kept.values())


def size(entries: Sequence[Entry]) -> int:
    """Count reports: each one, and each content, once."""
    return min(len({entry.piece.source_key for entry in entries}), len({entry.piece.content for entry in entries}))


def _preferred(entry: Entry) -> tuple[bool, int, tuple[object, ...]]:
    return not entry.piece.signed, -entry.linked.tie, place(entry)


def _by_slots(entries: Sequence[Entry], newest_first: Sequence[int], slot_of: SlotOf) -> set[int]:
    """Find those whose own report has a newer state."""
    slots: dict[Slot, list[int]] = defaultdict(list)
    for index, entry in enumerate(entries):
        slots[slot_of(entry.piece)].append(index)
    if len(slots) == len(entries):
        return set()
    trusted: dict[Slot, list[int]] = defaultdict(list)
    for index in newest_first:
        trusted[slot_of(entries[index].piece)].append(index)
    return {
        index
        for slot, indexes in slots.items()
        if len(indexes) > 1
        for index in indexes
        if any(other != index and has_replaced(entries[other], entries[index]) for other in trusted.get(slot, ()))
    }


def _by_runs_of_posts(entries: Sequence[Entry], newest_first: Sequence[int], posted: Sequence[int]) -> set[int]:
    """Find posts of a run after which the same source posted another, or a collector brought one."""
    found = set()
    for index in posted:
        entry = entries[index]
        for other in newest_first:
            if _is_a_later_run(entries[other], entry):
                found.add(index)
                break
    return found


def _is_a_later_run(one: Entry, post: Entry) -> bool:
    mine, its = one.piece, post.piece
    if not is_another_run(mine, its) or (mine.namespace != its.namespace and not mine.by_collector):
        return False
    return (mine.by_collector or (mine.voice, mine.source) == (its.voice, its.source)) and has_replaced(one, post)


def _declared(entries: Sequence[Entry], works: Mapping[int, Work]) -> Mapping[Work, int]:
    """Say how many reports each run of a job has by its own word: the most that any of them says."""
    found: dict[Work, int] = {}
    for index, made in works.items():
        if reports := entries[index].piece.reports:
            found[made] = max(reports, found.get(made, 0))
    return found


class _Tasks:
    """The runs of each job, and what later ones mean for what earlier ones brought."""

    def __init__(self, entries: Sequence[Entry], works: Mapping[int, Work], trusted: Sequence[int]) -> None:
        self._entries = entries
        self._works = works
        self._by_work: dict[Work, list[int]] = defaultdict(list)
        for index in trusted:
            if index in works:
                self._by_work[works[index]].append(index)

    def replaced_by_whole_runs(self, declared: Mapping[Work, int]) -> set[int]:
        """Find what a later run that is whole took the place of."""
        found = set()
        for made, number in declared.items():
            pieces = self._by_work.get(made, ())
            if len(pieces) < number:
                continue
            for index in self._of_other_runs(made):
                newer = [other for other in pieces if has_replaced(self._entries[other], self._entries[index])]
                if size([self._entries[other] for other in newer]) >= number:
                    found.add(index)
        return found

    def left_behind(self) -> set[int]:
        """Find what a later run of its job has not brought again, though it brought something."""
        found = set()
        for made, pieces in self._by_work.items():
            for index in self._of_other_runs(made):
                entry = self._entries[index]
                if index not in found and any(has_replaced(self._entries[other], entry) for other in pieces):
                    found.add(index)
        return found

    def _of_other_runs(self, made: Work) -> list[int]:
        return [
            index
            for index, entry in enumerate(self._entries)
            if entry.piece.by_collector
            and (entry.piece.repository, entry.piece.job) == made.task
            and self._works.get(index) != made
        ]
