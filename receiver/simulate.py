"""Try a policy on history before it enforces: which decisions of the past, and of what is deployed, would change.

Invariants: it changes no decision, and keeps on record only that it was done and what it counted; where nothing of what
it concerns could be judged it was not tried, and nothing may enforce for it; it reads in short pieces and judges
between them, so that nobody waits for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TypeAlias

from receiver.core import whatif
from receiver.core.deployments import DeploymentStatus, deployed_now, read_target
from receiver.core.past import Answer, asked_in, named_in
from receiver.core.retrial import Kept, Outcome, Portion, Question, Text
from receiver.core.trail import Act
from receiver.core.whatif import WhatIf
from receiver.policies import PolicyCache, active, load
from receiver.retrying import Retriers
from receiver.store import audit, deployed, history, policies
from receiver.store.engine import Store, Tx
from receiver.store.history import PastRow
from receiver.store.policies import Simulation
from shared.encoding import JsonObject, format_time, parse_digest
from shared.errors import StateError
from shared.judging.policy import Policy
from shared.judging.policyfile import read_policy
from shared.judging.scope import refuse_conflicts
from shared.judging.values import Decision, Mode, Request
from shared.passports import PolicyUse

# Named here because whoever calls a use case does not look into the core.
Change: TypeAlias = whatif.Change
Release: TypeAlias = tuple[str, str, str, str]
"""Service, namespace (empty where none was said), environment, and digest (hex)."""
Progress: TypeAlias = Callable[[int, int], None]
"""Is told how many releases of how many were looked at."""

_PAGE = 100
_DEPLOYED_BACK = 50
_MOST = 10_000
_FEW = 100
"""So many releases are judged here: until a process beside this one has started, they are done."""
_PORTION = 20
_PORTION_INPUTS = 2_000
_PLACING = (DeploymentStatus.SUCCESS.value, DeploymentStatus.INACTIVE.value)


@dataclass(frozen=True, slots=True)
class Beside:
    """How many processes of ours may judge, 0 for none, and who is told where one of them ended by itself."""

    processes: int
    lost: Callable[[], None]


_ALONE = Beside(0, lambda: None)


@dataclass
class Simulated:
    """What came of it: of so many releases, `judged` are those that the policy makes any difference to.

    `unread` are passports whose facts are not whole enough to be judged again, `unseen` those for which nobody looked
    at the collectors that it names, `unasked` what is deployed without any.
    """

    policy: Policy
    since: datetime
    at: datetime
    releases: int = 0
    judged: int = 0
    changes: list[Change] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)
    unasked: list[Release] = field(default_factory=list)

    def add(self, passport_id: str, outcome: Outcome) -> None:
        """Count what came of one."""
        if outcome.unread:
            self.unread.append(passport_id)
            return
        self.judged += 1
        if outcome.change is not None:
            self.changes.append(outcome.change)

    @property
    def tried(self) -> bool:
        """Whether it was tried: not where there are releases that it concerns, and not one of them could be judged."""
        return self.judged > 0 or not (self.unseen or self.unread)

    @property
    def stopped(self) -> int:
        """How many pipelines would stop that went on."""
        return sum(one.before.proceed and not one.after.proceed for one in self.changes)

    @property
    def freed(self) -> int:
        """How many pipelines would go on that stopped."""
        return sum(one.after.proceed and not one.before.proceed for one in self.changes)

    @property
    def counts(self) -> dict[str, int]:
        """How many decisions change, by what into what; the most first."""
        return dict(Counter(one.kind for one in self.changes).most_common())


def simulate(
    store: Store,
    workspace_id: str,
    text: bytes,
    since: timedelta,
    by: str,
    now: datetime,
    progress: Progress,
    beside: Beside = _ALONE,
) -> Simulated:
    """Judge by a policy the last decision on each release since a time, and on all that is deployed now.

    Each is judged by what was known when it was made, and by the policies that would be active; where they are many, in
    the processes `beside` this one. Raises `PolicyError`
    for a text that is no policy, `StateError` (`conflict`) where another active policy is as specific.
    """
    cache = PolicyCache()
    policy, before = store.read(lambda tx: (_new(tx, workspace_id, text), active(tx, workspace_id, cache)))
    refuse_conflicts(policy, before)
    made = Simulated(policy, now - since, now)
    texts = store.read(lambda tx: tuple(_text(tx, workspace_id, one) for one in before))
    asked, question = WhatIf(before, policy, cache.baseline), Question(texts, Text(text, policy.version))
    there, total = store.read(lambda tx: (_deployed(tx, workspace_id), history.count(tx, workspace_id, made.since)))
    looked = _Look(store, workspace_id, cache, asked, there, made)
    with closing(
        Retriers(asked, question, beside.processes if total + len(there) > _FEW else 0, beside.lost)
    ) as retriers:
        for portion, outcomes in retriers.judge(looked.portions(total)):
            for kept, outcome in zip(portion.kept, outcomes, strict=True):
                made.add(kept.passport_id, outcome)
            if portion.total:
                progress(portion.done, portion.total)
    return store.write(lambda tx: _record(tx, workspace_id, made, by))


def _new(tx: Tx, workspace_id: str, text: bytes) -> Policy:
    """Read a policy as the version that it is, or would be."""
    read = read_policy(text, 1)
    known = policies.of_digest(tx, workspace_id, read.name, parse_digest(read.digest))
    if known is not None:
        return replace(read, version=known.version)
    return replace(read, version=policies.newest_version(tx, workspace_id, read.name) + 1)


def _in_force(store: Store, workspace_id: str, since: datetime) -> Iterator[list[PastRow]]:
    below: int | None = None
    while True:
        page = store.read(partial(history.in_force, workspace_id=workspace_id, since=since, below=below, limit=_PAGE))
        if page:
            yield page
        if len(page) < _PAGE:
            return
        below = page[-1].number


class _Look:
    """Looks at what was decided, page by page, for what would be judged by something else."""

    def __init__(
        self,
        store: Store,
        workspace_id: str,
        cache: PolicyCache,
        asked: WhatIf,
        there: set[Release],
        made: Simulated,
    ) -> None:
        self._store = store
        self._workspace_id = workspace_id
        self._cache = cache
        self._asked = asked
        self._there = there
        self._made = made
        self._known: dict[tuple[PolicyUse, ...], list[Policy]] = {}

    def portions(self, total: int) -> Iterator[Portion]:
        """Give what is to be judged: first what was decided in time, of which `total` are known, then what is older."""
        made, seen = self._made, set[Release]()
        for page in _in_force(self._store, self._workspace_id, made.since):
            made.releases += len(page)
            releases, portions = self._portions(page)
            seen |= releases
            yield from _told(portions, made.releases, max(total, made.releases))
        older = sorted(self._there - seen)
        total = made.releases + len(older)
        for start in range(0, len(older), _PAGE):
            asked_for = older[start : start + _PAGE]
            page = self._store.read(partial(_of_releases, workspace_id=self._workspace_id, releases=asked_for))
            made.releases += len(page)
            releases, portions = self._portions(page)
            made.unasked += sorted(set(asked_for) - releases)
            yield from _told(portions, made.releases + len(made.unasked), total)

    def _portions(self, page: list[PastRow]) -> tuple[set[Release], Iterator[Portion]]:
        """Give the releases of a page, and what of it would be judged by something else."""
        releases: set[Release] = set()
        concerned: list[Kept] = []
        for row in page:
            request = asked_in(row.docket)
            release = _release(request)
            releases.add(release)
            if not self._asked.concerns(request):
                continue
            named = named_in(row.payload)
            if self._asked.looks_elsewhere(request, self._judged_by(named.policies)):
                self._made.unseen.append(row.passport_id)
                continue
            answer = Answer(Decision(row.decision), row.proceed, Mode(row.mode))
            is_there = release in self._there
            concerned.append(Kept(row.passport_id, row.docket, named.inputs, answer, row.evaluated_at, is_there))
        return releases, map(self._with_words, _cut(concerned))

    def _with_words(self, kept: tuple[Kept, ...]) -> Portion:
        """Read what was signed of all that some decisions rest on."""
        ids = [parse_digest(one) for one in {one.id for each in kept for one in each.inputs}]
        return Portion(kept, self._store.read(partial(history.signed, workspace_id=self._workspace_id, ids=ids)))

    def _judged_by(self, uses: tuple[PolicyUse, ...]) -> list[Policy]:
        """Give the policies that a passport says it was judged by; one that is not here, or not read, named nobody."""
        if uses not in self._known:
            self._known[uses] = self._store.read(
                partial(_known, workspace_id=self._workspace_id, uses=uses, cache=self._cache)
            )
        return self._known[uses]


def _cut(kept: Iterable[Kept]) -> Iterator[tuple[Kept, ...]]:
    """Cut decisions into what is judged at once: a few, or one that rests on much."""
    portion: list[Kept] = []
    named = 0
    for one in kept:
        if portion and (len(portion) >= _PORTION or named + len(one.inputs) > _PORTION_INPUTS):
            yield tuple(portion)
            portion, named = [], 0
        portion.append(one)
        named += len(one.inputs)
    if portion:
        yield tuple(portion)


def _told(portions: Iterator[Portion], done: int, total: int) -> Iterator[Portion]:
    """Let the end of a page be told once all of it is judged."""
    yield from portions
    yield Portion((), {}, done, total)


def _known(tx: Tx, workspace_id: str, uses: Iterable[PolicyUse], cache: PolicyCache) -> list[Policy]:
    found = []
    for use in uses:
        for row in policies.every(tx, workspace_id, use.name):
            if row.version == use.version:
                with suppress(StateError):
                    found.append(load(tx, workspace_id, row, cache))
    return found


def _text(tx: Tx, workspace_id: str, policy: Policy) -> Text:
    return Text(policies.text_of(tx, workspace_id, policy.name, policy.version).encode(), policy.version)


def _record(tx: Tx, workspace_id: str, made: Simulated, by: str) -> Simulated:
    digest = parse_digest(made.policy.digest)
    days = -(-(made.at - made.since) // timedelta(days=1))
    counts: JsonObject = {**made.counts}
    if made.tried:
        simulation = Simulation(digest, made.at, by, days, made.judged, len(made.changes), counts)
        policies.add_simulation(tx, workspace_id, simulation)
    detail: JsonObject = {
        "policy": made.policy.name,
        "digest": made.policy.digest,
        "since": format_time(made.since),
        "judged": made.judged,
        "changed": len(made.changes),
        "unseen": len(made.unseen),
        "tried": made.tried,
    }
    audit.add(tx, workspace_id, Act(made.at, by, "policy.simulate", detail))
    return made


# --- what is deployed now ---


def _deployed(tx: Tx, workspace_id: str) -> set[Release]:
    found: set[Release] = set()
    after = ""
    while names := deployed.environments(tx, workspace_id, after, _PAGE):
        for environment in names:
            for target in deployed.targets(tx, workspace_id, environment, _MOST):
                rows = deployed.deployed_to(tx, workspace_id, environment, target, _PLACING, _DEPLOYED_BACK)
                place = deployed_now(row.fields for row in rows)
                digest = None if place is None else rows[place].fields.get("artifactSha256")
                service, namespace = read_target(target)
                if service and isinstance(digest, str):
                    found.add((service, namespace, environment, digest.removeprefix("sha256:")))
        after = names[-1]
    return found


def _of_releases(tx: Tx, workspace_id: str, releases: list[Release]) -> list[PastRow]:
    found = [history.of_release(tx, workspace_id, *one) for one in releases]
    return [row for row in found if row is not None]


def _release(request: Request) -> Release:
    target = request.target
    return target.service, target.namespace or "", target.environment, request.digest
