"""How much is sent at once, and what waits: batch size after a refusal, and entries that were put back.

Pure; moments are monotonic seconds. Invariants: order is kept; one poisoned entry is found by halving and then passed
over with a growing delay, while its neighbours go on; nothing here ends an entry.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class PutBack:
    """An entry that was answered without a receipt: how long it waits now (seconds), and until when."""

    delay: float
    due: float


@dataclass(frozen=True, slots=True)
class Pace:
    """The size of the next batch, and the entries that it passes over (by sequence)."""

    max_entries: int
    first_delay: float
    longest_delay: float
    limit: int
    waiting: Mapping[int, PutBack] = field(default_factory=dict)
    put_backs: int = 0
    """How many batches of one were put back in a row, with nothing settled between them."""

    @classmethod
    def start(cls, max_entries: int, first_delay: float, longest_delay: float) -> Pace:
        """Begin with full batches and nothing put back."""
        return cls(max_entries, first_delay, longest_delay, max_entries)

    def passed_over(self, at: float) -> frozenset[int]:
        """The sequences that are not tried at this moment."""
        return frozenset(sequence for sequence, one in self.waiting.items() if one.due > at)

    def next_due(self) -> float | None:
        """When the first of the waiting entries may be tried again."""
        return min((one.due for one in self.waiting.values()), default=None)

    def forget_due(self, at: float) -> Pace:
        """Let go of entries that are due and are not there any more: a person dropped them."""
        return replace(self, waiting={sequence: one for sequence, one in self.waiting.items() if one.due > at})

    def settled(self, sequences: frozenset[int]) -> Pace:
        """After a batch went through: twice as many next time, and what it settled no longer waits."""
        waiting = {sequence: one for sequence, one in self.waiting.items() if sequence not in sequences}
        return replace(self, limit=min(self.limit * 2, self.max_entries), waiting=waiting, put_backs=0)

    def refused(self, sequences: tuple[int, ...], at: float) -> Pace:
        """After a batch was refused as a whole: half as many; a batch of one is put back instead."""
        if len(sequences) > 1:
            return replace(self, limit=max(1, len(sequences) // 2))
        return replace(self.put_back(sequences, at), put_backs=self.put_backs + 1)

    def put_back(self, sequences: tuple[int, ...], at: float) -> Pace:
        """Let entries wait: one minute at first, twice as long each time, at most an hour (or as configured)."""
        waiting = dict(self.waiting)
        for sequence in sequences:
            before = waiting.get(sequence)
            delay = self.first_delay if before is None else min(before.delay * 2, self.longest_delay)
            waiting[sequence] = PutBack(delay, at + delay)
        return replace(self, waiting=waiting)
