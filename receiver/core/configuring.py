"""By which policies a release is judged: the most specific active one, the one that was asked for, or the baseline.

Pure. Source: policy.md sections 2 and 6. Invariants: what is judged by never gets weaker for a policy that a request
names; a target without a policy is judged in no weaker mode than any policy has for its environment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from shared.errors import Code, MalformedError, StateError
from shared.judging.policy import Collection, Policy
from shared.judging.scope import choose, nearest, strictest
from shared.judging.values import Mode, Request, Target
from shared.judging.words import listed

Baseline = Callable[[Mode], Policy]
"""Gives the built-in baseline in a mode."""


class NamedPolicyError(MalformedError):
    """A policy that a request names and that does not cover its target: the caller's to mend, nothing is decided."""


@dataclass(frozen=True, slots=True)
class Configured:
    """The policies to judge by, the configured one first, and warnings that go with them.

    `baseline` is the mode that the baseline is judged in, None where a policy speaks for the target. No policies at all
    is what a caller gets who must not be judged by the baseline: that is a HOLD, in mode enforce.
    """

    policies: tuple[Policy, ...]
    warnings: tuple[str, ...] = ()
    baseline: Mode | None = None

    @property
    def collectors(self) -> frozenset[str]:
        """The globs by which their rules name collectors, whose streams are to be looked at."""
        tests = [rule.test for policy in self.policies for rule in policy.rules]
        return frozenset(glob for test in tests if isinstance(test, Collection) for glob in test.collectors)


def configure(
    active: Iterable[Policy],
    request: Request,
    baseline: Baseline,
    *,
    require_policy: bool = False,
    known: Iterable[Target] = (),
) -> Configured:
    """Choose what a release is judged by; `known` are targets to name where none of the policies covers this one.

    Raises `NamedPolicyError` for a policy that is named and is not among those that cover the target, and `StateError`
    (`conflict`) for two that are equally specific, which activation keeps from happening.
    """
    policies, target = tuple(active), request.target
    try:
        chosen = choose(policies, target, request.policy)
    except StateError as error:
        if error.code is not Code.NOT_FOUND:
            raise
        raise NamedPolicyError(Code.INVALID_FIELD, f"policy: {error.detail}", error.hint) from None
    if chosen:
        return Configured(chosen)
    if require_policy:
        alike = listed([f"{one.service} in {one.environment}" for one in nearest(target, known)])
        spelt = f"; spelt alike: {alike}" if alike else ""
        said = f"no_policy: no policy covers {target.service} in {target.environment}, and this token requires one"
        return Configured((), (said + spelt,))
    mode = strictest(policies, target.environment, request.mode)
    return Configured((baseline(mode),), (), mode)
