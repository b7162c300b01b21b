"""A policy: a versioned set of rules for some services and environments, as values.

Source: policy.md section 2. A policy is made from its text by `shared.judging.policyfile` alone, and is known by the
digest of that text.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TypeAlias

from shared.judging.asked import Asks, asks
from shared.judging.expressions import Expression
from shared.judging.names import RUNTIME
from shared.judging.scope import Scope
from shared.judging.values import Decision, Mode, PolicyRef
from shared.predicates import ClaimType

SCAN_AGE = timedelta(days=7)
"""How old a scan may be where the rule does not say: what it looked for is known to be bad by then, or not."""
RUNTIME_AGE = timedelta(minutes=15)
"""How old what is said of a running target may be where the rule does not say."""
APPROVAL_AGE = timedelta(hours=72)
HEARTBEAT_AGE = timedelta(minutes=15)
VALIDITY = timedelta(hours=24)
WATCH = "healthy-after-deployment"
"""The finding that no policy has to ask for: a deployment that is watched stays healthy."""
UNDECIDED = "judging"
"""The finding of a release that could not be judged."""
RESERVED = frozenset({WATCH, UNDECIDED})
"""No rule of a policy has one of these ids, so that no exception to it is one to these."""
MAX_VALIDITY = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Require:
    """Evidence that must be there: the group of every name of these types (or of `name`), at least one in all.

    Each of them must hold: effectively passed unless `any_outcome`, signed where `signed`, young enough, `where` true.
    `where` stands only beside a single type.
    """

    types: tuple[str, ...]
    name: str | None = None
    signed: bool = False
    max_age: timedelta | None = None
    any_outcome: bool = False
    where: Expression | None = None

    def age_of(self, kind: str) -> timedelta | None:
        """Say how old evidence of a type may be; None where it cannot grow too old."""
        if self.max_age is not None:
            return self.max_age
        if kind == ClaimType.SECURITY_SCAN:
            return SCAN_AGE
        return RUNTIME_AGE if kind in RUNTIME else None


@dataclass(frozen=True, slots=True)
class Expect:
    """What must be so of the request and of the evidence for this digest; `asks` is what the expression asks for."""

    expression: Expression
    asks: Asks = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Tell what it asks for, which is the same for each release."""
        object.__setattr__(self, "asks", asks(self.expression))


@dataclass(frozen=True, slots=True)
class Approvals:
    """How many people must have said yes, and how long ago they may have."""

    count: int
    max_age: timedelta = APPROVAL_AGE


@dataclass(frozen=True, slots=True)
class Collection:
    """That nothing is missing from the streams that feed the service; `collectors` are globs of further ones."""

    max_heartbeat_age: timedelta = HEARTBEAT_AGE
    collectors: tuple[str, ...] = ()


Test: TypeAlias = Require | Expect | Approvals | Collection


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: what is tested, what is decided where it is not met, who owns it, and what to do then."""

    id: str
    title: str
    test: Test
    otherwise: Decision
    owner: str = ""
    controls: tuple[str, ...] = ()
    fix: str = ""
    waivable: bool = True


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy in one of its versions; version 0 is built in. `digest` is `sha256:` of its text."""

    name: str
    version: int
    digest: str
    scope: Scope
    mode: Mode
    validity: timedelta
    rules: tuple[Rule, ...]

    def ids_beside(self) -> Policy:
        """Give this policy as one that is judged besides the configured one: its rules are named `policy/id`.

        So an exception to a rule of the one policy never is one to a rule of the other that has the same id.
        """
        return replace(self, rules=tuple(replace(one, id=f"{self.name}/{one.id}") for one in self.rules))

    @property
    def ref(self) -> PolicyRef:
        """What a judgement names it by."""
        return PolicyRef(self.name, self.version, self.digest)
