"""What a policy would change: a decision that was made, beside the one that would be made by other policies.

Pure. Invariants: only releases that are judged by something else than before are judged again, of the others nothing
can change; what nobody looked at then is never taken for what was not there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from receiver.core.configuring import Baseline, Configured, configure
from receiver.core.past import Answer, Past
from shared.errors import CarnetError
from shared.judging.judge import judge, smallest, undecided
from shared.judging.policy import Policy
from shared.judging.scope import matches
from shared.judging.values import Finding, Mode, Request

_RULES = 5


@dataclass(frozen=True, slots=True)
class Change:
    """A past decision that would be another one, or whose pipeline would be told otherwise; `why`, strongest first."""

    passport_id: str
    request: Request
    evaluated_at: datetime
    deployed: bool
    before: Answer
    after: Answer
    why: tuple[str, ...]

    @property
    def kind(self) -> str:
        """What changes into what."""
        return f"{self.before.decision or 'refused'} -> {self.after.decision or 'refused'}"


@dataclass(frozen=True, slots=True)
class _Rules:
    """Policies that may be active, and what was chosen of them before: choosing anew takes as long as judging."""

    policies: tuple[Policy, ...]
    baseline: Baseline
    chosen: dict[tuple[str, str, Mode, str | None], Configured | CarnetError] = field(default_factory=dict)

    def of(self, request: Request) -> Configured | CarnetError:
        """Give what a release is judged by, or why asking is refused."""
        target = request.target
        key = (target.service, target.environment, request.mode, request.policy)
        if key not in self.chosen:
            try:
                self.chosen[key] = configure(self.policies, request, self.baseline)
            except CarnetError as error:
                self.chosen[key] = error
        return self.chosen[key]


class WhatIf:
    """The question what would be otherwise if a policy were active, in the place of the one of its name."""

    def __init__(self, active: Iterable[Policy], new: Policy, baseline: Baseline) -> None:
        """Take what is active now, what would be besides, and how to get the baseline."""
        before = tuple(active)
        after = (*(one for one in before if one.name != new.name), new)
        self._before, self._after = _Rules(before, baseline), _Rules(after, baseline)

    def concerns(self, request: Request) -> bool:
        """Say whether a release would be judged by something else."""
        return _known_by(self._before.of(request)) != _known_by(self._after.of(request))

    def looks_elsewhere(self, request: Request, before: Iterable[Policy]) -> bool:
        """Say whether a release would be judged by streams that those who judged it did not look at.

        What was known then holds the streams of collectors that the policies of then named, and no more.
        """
        after = self._after.of(request)
        if isinstance(after, CarnetError):
            return False
        globs = Configured(tuple(before)).collectors
        return any(not any(matches(known, one) for known in globs) for one in after.collectors)

    def change(self, past: Past) -> Change | None:
        """Judge a release that it concerns; None where its pipeline would be told the same."""
        after, why = _judged(past, self._after.of(past.facts.request))
        if (after.decision, after.proceed) == (past.answer.decision, past.answer.proceed):
            return None
        return Change(past.passport_id, past.facts.request, past.evaluated_at, past.deployed, past.answer, after, why)


def _known_by(chosen: Configured | CarnetError) -> object:
    if isinstance(chosen, CarnetError):
        return chosen.detail
    return tuple(one.ref for one in chosen.policies), chosen.baseline


def _judged(past: Past, chosen: Configured | CarnetError) -> tuple[Answer, tuple[str, ...]]:
    if isinstance(chosen, CarnetError):
        return Answer(None, proceed=False, mode=past.answer.mode), (chosen.detail,)
    try:
        made = judge(past.facts, chosen.policies, chosen.warnings)
    except CarnetError as error:
        # As the gate does: what cannot be judged is held.
        made = undecided(past.facts, chosen.policies, error.detail, chosen.warnings)
    after = Answer(made.decision, made.proceed, made.mode)
    if made.decision is past.answer.decision:
        return after, (f"the mode becomes {made.mode}",)
    decisive = smallest(made.findings)
    if not decisive:
        return after, ("nothing speaks against it any more" if made.findings else "no rule judges it",)
    more = len(decisive) - _RULES
    return after, (*(_why(one) for one in decisive[:_RULES]), *([f"and {more} more rules"] if more > 0 else []))


def _why(finding: Finding) -> str:
    return f"{finding.rule}: {finding.reason or finding.title}"
