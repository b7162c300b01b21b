"""Which policy speaks for a service in an environment: the most specific one, and never two.

Source: policy.md section 2. A glob knows `*` alone, any run of characters. One pattern is more specific than another if
all that it matches is matched by the other too; the service counts before the environment. Invariant: among policies of
which no two conflict, at most one is the most specific for any target.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

from shared.errors import Code, StateError
from shared.judging.values import Mode, Target

_ANYTHING = "\0"
"""Stands for what `*` matched: in no name, and matched by nothing but a `*`."""
_NEAREST = 3
_MODES = tuple(Mode)


@dataclass(frozen=True, slots=True)
class Scope:
    """Globs of services and of environments; both must match."""

    services: tuple[str, ...]
    environments: tuple[str, ...]

    def covers(self, service: str, environment: str) -> bool:
        """Whether it speaks for a service in an environment."""
        return next(self.matching(service, environment), None) is not None

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Give each pair of a service's and an environment's pattern."""
        return ((service, environment) for service in self.services for environment in self.environments)

    def matching(self, service: str, environment: str) -> Iterator[tuple[str, str]]:
        """Give the pairs of patterns that match a service in an environment."""
        return (pair for pair in self.pairs() if matches(pair[0], service) and matches(pair[1], environment))


class Scoped(Protocol):
    """What has a name, a scope and a mode: a policy."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def scope(self) -> Scope:
        """What it speaks for."""

    @property
    def mode(self) -> Mode:
        """How strict it is."""


P = TypeVar("P", bound=Scoped)


def matches(glob: str, text: str) -> bool:
    """Whether a glob matches the whole of a text."""
    first, *rest = glob.split("*")
    if not rest:
        return glob == text
    if not text.startswith(first):
        return False
    at = len(first)
    *middle, last = rest
    for part in middle:
        found = text.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return len(text) - len(last) >= at and text.endswith(last)


def choose(policies: Iterable[P], target: Target, named: str | None = None) -> tuple[P, ...]:
    """Give the policies to judge by: the most specific one if there is any, and besides it the one that is named.

    Raises `StateError` if the one that is named is not there or does not cover the target, or if two are equally
    specific, which `refuse_conflicts` keeps from happening.
    """
    covering = [one for one in policies if one.scope.covers(target.service, target.environment)]
    chosen = _most_specific(covering, target)
    if named is None:
        return chosen
    besides = tuple(one for one in covering if one.name == named)
    if not besides:
        known = ", ".join(sorted(one.name for one in covering)) or "none"
        raise StateError(
            Code.NOT_FOUND,
            f"no policy named {named[:200]!r} covers {target.service} in {target.environment}",
            f"name one that does: {known}",
        )
    return tuple(dict.fromkeys(chosen + besides))


def refuse_conflicts(new: Scoped, others: Iterable[Scoped]) -> None:
    """Raise `StateError` if another policy is as specific as a new one where both match; one of its own name is not."""
    for other in others:
        if other.name == new.name:
            continue
        for mine in new.scope.pairs():
            for theirs in other.scope.pairs():
                if _overlap(mine, theirs) and not _beats(mine, theirs) and not _beats(theirs, mine):
                    raise StateError(
                        Code.CONFLICT,
                        f"the policy {other.name!r} is as specific for services {theirs[0]!r} in {theirs[1]!r}"
                        f" as this one for {mine[0]!r} in {mine[1]!r}",
                        "make one of the scopes narrower, or change that policy instead",
                    )


def strictest(policies: Iterable[Scoped], environment: str, asked: Mode) -> Mode:
    """Give the mode for a target without a policy: as asked, never weaker than any policy's for that environment."""
    modes = [one.mode for one in policies if any(matches(glob, environment) for glob in one.scope.environments)]
    return max([asked, *modes], key=_MODES.index)


def nearest(target: Target, known: Iterable[Target]) -> tuple[Target, ...]:
    """Give at most three known targets whose service, and then environment, is spelt most like what was asked for."""
    there = set(known)
    names = sorted({one.service for one in there})
    services = difflib.get_close_matches(target.service, names, n=_NEAREST, cutoff=0.6)

    def _far(one: Target) -> tuple[int, float, str, str]:
        alike = difflib.SequenceMatcher(None, one.environment, target.environment).ratio()
        return services.index(one.service), -alike, one.environment, one.namespace or ""

    return tuple(sorted((one for one in there if one.service in services), key=_far)[:_NEAREST])


def _most_specific(covering: list[P], target: Target) -> tuple[P, ...]:
    pairs = [(one, pair) for one in covering for pair in one.scope.matching(target.service, target.environment)]
    best = tuple(dict.fromkeys(one for one, pair in pairs if not any(_beats(other, pair) for _, other in pairs)))
    if len(best) > 1:
        names = ", ".join(sorted(one.name for one in best))
        raise StateError(
            Code.CONFLICT,
            f"these policies are equally specific for {target.service} in {target.environment}: {names}",
            "make the scope of one of them narrower",
        )
    return best


def _inside(glob: str, other: str) -> bool:
    """Whether all that a glob matches is matched by the other too."""
    return matches(other, glob.replace("*", _ANYTHING))


def _beats(pair: tuple[str, str], other: tuple[str, str]) -> bool:
    """Whether a pair of patterns is more specific than another: the service first, then the environment."""
    for mine, theirs in zip(pair, other, strict=True):
        inside, around = _inside(mine, theirs), _inside(theirs, mine)
        if inside != around:
            return inside
        if not inside:
            return False
    return False


def _overlap(pair: tuple[str, str], other: tuple[str, str]) -> bool:
    return all(_meet(mine, theirs) for mine, theirs in zip(pair, other, strict=True))


def _meet(glob: str, other: str) -> bool:
    """Whether some text is matched by both: their beginnings and ends must agree, `*` takes in what is between."""
    if "*" not in glob:
        return matches(other, glob)
    if "*" not in other:
        return matches(glob, other)
    mine, theirs = glob.split("*"), other.split("*")
    starts = mine[0].startswith(theirs[0]) or theirs[0].startswith(mine[0])
    ends = mine[-1].endswith(theirs[-1]) or theirs[-1].endswith(mine[-1])
    return starts and ends
