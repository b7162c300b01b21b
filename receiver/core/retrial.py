"""Past decisions judged again, a portion at a time: what another process needs for that, and what comes of it.

Pure. Invariant: all that is needed travels with a portion, so whoever judges it, and in whatever order, gives the same.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import NamedTuple

from receiver.core.past import Answer, NamedInput, Past, facts_in
from receiver.core.recall import Recall
from receiver.core.whatif import Change, WhatIf
from shared import statement
from shared.dsse import Verified
from shared.errors import MalformedError
from shared.judging.baseline import baseline
from shared.judging.policyfile import read_policy
from shared.statement import Statement


class Text(NamedTuple):
    """A policy as it is written, and which version it is."""

    text: bytes
    version: int


@dataclass(frozen=True, slots=True)
class Question:
    """What would be otherwise if `new` were active besides `active`, in the place of the one of its name."""

    active: tuple[Text, ...]
    new: Text

    def read(self) -> WhatIf:
        """Read the policies; raises `PolicyError` for a text that is none."""
        return WhatIf([read_policy(*one) for one in self.active], read_policy(*self.new), cache(baseline))


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of a decision: its docket, and the envelopes that its passport names."""

    passport_id: str
    docket: bytes
    inputs: tuple[NamedInput, ...]
    answer: Answer
    evaluated_at: datetime
    deployed: bool


@dataclass(frozen=True, slots=True)
class Portion:
    """Decisions, and what was signed of all the envelopes that their passports name, by id, as far as it is there.

    `done` and `total` say how many releases were looked at once these are judged, and of how many; 0 says nothing.
    """

    kept: tuple[Kept, ...]
    signed: Mapping[str, Verified]
    done: int = 0
    total: int = 0


class Outcome(NamedTuple):
    """What came of one: `unread` where its facts are not whole, no change where its pipeline would be told the same."""

    unread: bool
    change: Change | None


class Retrial:
    """Judges portions, and keeps what it read for those that come after, so many bytes of it."""

    def __init__(self, asked: WhatIf, recalled_bytes: int) -> None:
        """Take the question that each is asked."""
        self._asked = asked
        self._recall = Recall(recalled_bytes)

    def judge(self, portion: Portion) -> list[Outcome]:
        """Give what came of each decision of a portion, in their order."""

        def read(ids: Collection[str]) -> dict[str, Statement]:
            found = {}
            for name in ids:
                with suppress(MalformedError):
                    found[name] = statement.read_again(portion.signed[name])
            return found

        self._recall.need(portion.signed.keys(), read)
        return [self._judged(one) for one in portion.kept]

    def _judged(self, kept: Kept) -> Outcome:
        try:
            facts = facts_in(kept.docket, kept.inputs, self._recall)
        except MalformedError:
            return Outcome(unread=True, change=None)
        past = Past(kept.passport_id, facts, kept.answer, kept.evaluated_at, deployed=kept.deployed)
        return Outcome(unread=False, change=self._asked.change(past))
