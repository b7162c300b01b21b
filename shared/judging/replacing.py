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

from shared.judging.effort import Effort
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


def left(
    entries: Sequence[Entry], trusted: Collection[int], here: Collection[int], slot_of: SlotOf, effort: Effort
) -> Left:
    """Sort out what stands; `trusted` are those that may take a place, `here` those that count as arrived.

    Raises `MalformedError` where that takes more than the `effort` that is left.
    """
    newest_first = sorted(trusted, key=lambda index: place(entries[index]), reverse=True)
    out = _by_slots(entries, newest_first, slot_of, effort)
    works = {index: made for index, entry in enumerate(entries) if (made := work(entry.piece)) is not None}
    posted = [index for index, entry in enumerate(entries) if not entry.piece.by_collector]
    out |= _by_runs_of_posts(entries, newest_first, posted, effort)
    declared = _declared(entries, works)
    if len(set(works.values())) <= 1 and not declared:
        return Left(tuple(index for index in range(len(entries)) if index not in out), frozenset(), {})
    tasks = _Tasks(entries, works, newest_first, effort)
    whole = tasks.replaced_by_whole_runs(declared)
    behind = tasks.left_behind() - out - whole
    lacks = {}
    arrived, of_works = set(here), _by_work(works)
    for made, number in declared.items():
        of_it = of_works[made]
        found = size([entries[index] for index in of_it if index in arrived])
        if found < number and not whole.issuperset(of_it):
            lacks[made] = number - found
    gone = out | whole
    return Left(tuple(index for index in range(len(entries)) if index not in gone), frozenset(behind), lacks)


def _by_work(works: Mapping[int, Work]) -> Mapping[Work, list[int]]:
    found: dict[Work, list[int]] = defaultdict(list)
    for index, made in works.items():
        found[made].append(index)
    return found


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


def _by_slots(entries: Sequence[Entry], newest_first: Sequence[int], slot_of: SlotOf, effort: Effort) -> set[int]:
    """Find those whose own report has a newer state."""
    slots: dict[Slot, list[int]] = defaultdict(list)
    for index, entry in enumerate(entries):
        slots[slot_of(entry.piece)].append(index)
    if len(slots) == len(entries):
        return set()
    trusted: dict[Slot, list[int]] = defaultdict(list)
    for index in newest_first:
        trusted[slot_of(entries[index].piece)].append(index)
    found = set()
    for slot, indexes in slots.items():
        newer = trusted.get(slot, ())
        if len(indexes) > 1 and newer:
            found |= {index for index in indexes if _is_replaced(entries, index, newer, effort)}
    return found


def _is_replaced(entries: Sequence[Entry], index: int, newer: Sequence[int], effort: Effort) -> bool:
    """Whether any of some pieces has surely taken the place of one; the newest first, so mostly the first one has."""
    entry = entries[index]
    return _any(newer, lambda other: other != index and has_replaced(entries[other], entry), effort)


def _any(others: Sequence[int], is_so: Callable[[int], bool], effort: Effort) -> bool:
    """Whether it is so of any; only as many are counted as were looked at."""
    for number, other in enumerate(others, 1):
        if is_so(other):
            effort.spend(number)
            return True
    effort.spend(len(others))
    return False


def _by_runs_of_posts(
    entries: Sequence[Entry], newest_first: Sequence[int], posted: Sequence[int], effort: Effort
) -> set[int]:
    """Find posts of a run after which the same source posted another, or a collector brought one."""
    of_runs = [index for index in newest_first if entries[index].piece.run is not None]
    return {
        index
        for index in posted
        if entries[index].piece.run is not None
        and _any(of_runs, lambda other, post=entries[index]: _is_a_later_run(entries[other], post), effort)  # type: ignore[misc]
    }


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
    """The runs of each job, and what later ones mean for what earlier ones brought.

    The newest runs are asked first, and of what one of them has settled none is asked again: so the work grows as the
    evidence does, where later runs settle what earlier ones brought.
    """

    def __init__(
        self, entries: Sequence[Entry], works: Mapping[int, Work], trusted: Sequence[int], effort: Effort
    ) -> None:
        self._entries = entries
        self._works = works
        self._effort = effort
        self._by_work = _by_work({index: works[index] for index in trusted if index in works})
        self._of_task: dict[tuple[str | None, str | None], list[int]] = defaultdict(list)
        for index, entry in enumerate(entries):
            if entry.piece.by_collector:
                self._of_task[entry.piece.repository, entry.piece.job].append(index)

    def replaced_by_whole_runs(self, declared: Mapping[Work, int]) -> set[int]:
        """Find what a later run that is whole took the place of."""

        def settled_by(made: Work, pieces: Sequence[int], index: int) -> bool:
            number = declared[made]
            self._effort.spend(len(pieces))
            newer = [other for other in pieces if has_replaced(self._entries[other], self._entries[index])]
            return size([self._entries[other] for other in newer]) >= number

        whole = {made: of for made, of in self._by_work.items() if made in declared and len(of) >= declared[made]}
        return self._settled(whole, settled_by)

    def left_behind(self) -> set[int]:
        """Find what a later run of its job has not brought again, though it brought something."""
        return self._settled(
            self._by_work, lambda _, pieces, index: _is_replaced(self._entries, index, pieces, self._effort)
        )

    def _settled(self, runs: Mapping[Work, Sequence[int]], by: Callable[[Work, Sequence[int], int], bool]) -> set[int]:
        """Find what any of some runs has settled of other runs of its job."""
        open_ = {task: list(indexes) for task, indexes in self._of_task.items()}
        found: set[int] = set()
        for made, pieces in runs.items():
            settled = {
                index
                for index in open_.get(made.task, ())
                if self._works.get(index) != made and by(made, pieces, index)
            }
            if settled:
                found |= settled
                open_[made.task] = [index for index in open_[made.task] if index not in settled]
        return found
