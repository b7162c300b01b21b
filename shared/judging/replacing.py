"""What of a group counts: which pieces others took the place of, and which are in doubt and speak nevertheless.

Source: policy.md section 1, "Groups", "Order" and "Monotone". A piece is out as soon as one that helps took its place;
that is asked of two pieces at a time, so no third one that passed can bring a failure to light by going away, or hide
it by coming. What does not help takes nobody's place. It stays beside the members, in doubt, until one takes its own.

A later run as a whole takes the place of an earlier one only if it is known to be whole (`context.reports`): until then
its files take the places of their own predecessors alone, and no green one hides the red one of another.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.judging.ordering import Entry, may_replace, moment, same_report

Same = Callable[[Entry, Entry], bool]
"""Whether the first is a later state of what the second is of, if it is newer."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What is left of a group's pieces: those that count, and those in doubt."""

    members: tuple[Entry, ...]
    doubted: tuple[Entry, ...]


def left(entries: Sequence[Entry], helps: Collection[int], same: Same = same_report) -> Standing:
    """Sort out what counts; `helps` are the places in `entries` of those that help."""
    helpful = frozenset(helps)
    out = _settled(_replaced(entries, helpful, same), len(entries))
    stay = [index for index in range(len(entries)) if index not in out]
    members = tuple(entries[index] for index in stay if index in helpful)
    return Standing(members, tuple(entries[index] for index in stay if index not in helpful))


def once(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """Keep each content once: the strongest of its pieces, else the oldest."""
    kept: dict[str, Entry] = {}
    for entry in sorted(entries, key=_preferred):
        kept.setdefault(entry.piece.content, entry)
    return tuple(sorted(kept.values(), key=lambda entry: (entry.piece.source_key, entry.piece.id)))


def lacking(entries: Sequence[Entry], helps: Collection[int]) -> Mapping[str | None, int]:
    """Say how many reports each run still lacks by its own count: 0 for one that is whole, or that does not count.

    Counts what helps, each report and each content once; where no run is known all is one.
    """
    declared: dict[str | None, int] = {}
    for entry in entries:
        run = entry.piece.run
        declared[run] = max(declared.get(run, 0), entry.piece.reports or 0)
    found = {run: _size([entries[index] for index in helps if entries[index].piece.run == run]) for run in declared}
    return {run: max(0, number - found[run]) for run, number in declared.items() if found[run]}


def _size(entries: Sequence[Entry]) -> int:
    keys = {entry.piece.source_key for entry in entries}
    return min(len(keys), len({entry.piece.content for entry in entries}))


def _preferred(entry: Entry) -> tuple[bool, int, datetime, str]:
    piece = entry.piece
    return not piece.signed, -entry.linked.tie, moment(piece), piece.id


def _replaced(entries: Sequence[Entry], helps: Collection[int], same: Same) -> Mapping[int, set[int]]:
    """Say for each piece which ones took its place."""
    by: dict[int, set[int]] = defaultdict(set)
    keys: dict[str, list[int]] = defaultdict(list)
    for index in helps:
        keys[entries[index].piece.source_key].append(index)
    for index, entry in enumerate(entries):
        others = keys.get(entry.piece.source_key, ()) if same is same_report and entry.piece.by_collector else helps
        for other in others:
            if other != index and same(entries[other], entry) and may_replace(entries[other], entry):
                by[index].add(other)
    if same is same_report:
        _by_whole_runs(entries, helps, by)
    return by


def _by_whole_runs(entries: Sequence[Entry], helps: Collection[int], by: dict[int, set[int]]) -> None:
    runs: dict[tuple[str, int], list[int]] = defaultdict(list)
    for index in helps:
        piece = entries[index].piece
        if piece.run is not None and piece.reports:
            runs[piece.run, piece.reports].append(index)
    for (run, reports), pieces in runs.items():
        if len(pieces) < reports:
            continue
        for index, entry in enumerate(entries):
            if entry.piece.run == run:
                continue
            newer = [other for other in pieces if may_replace(entries[other], entry)]
            if _size([entries[other] for other in newer]) >= reports:
                by[index].update(newer)


def _settled(by: Mapping[int, set[int]], size: int) -> set[int]:
    """Give those that are out: replaced by what stays, or by what is out itself.

    Streams whose clocks went back can make a ring in which each is newer than the next: all of it stays.
    """
    if not by:
        return set()
    stays = {index for index in range(size) if not by.get(index)}
    out: set[int] = set()
    waiting = {index for index in range(size) if index not in stays}
    while found := {index for index in waiting if by[index] & (stays | out)}:
        out |= found
        waiting -= found
    return out
