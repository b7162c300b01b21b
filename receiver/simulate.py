"""Try a policy on history before it enforces: which decisions of the past, and of what is deployed, would change.

Invariants: it changes no decision, and keeps on record only that it was done and what it counted; it reads in short
pieces and judges between them, so that nobody waits for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TypeAlias

from receiver.core import whatif
from receiver.core.deployments import DeploymentStatus, deployed_now, read_target
from receiver.core.past import Answer, Past, asked_in, facts_in, named_in
from receiver.core.recall import Recall
from receiver.core.trail import Act
from receiver.core.whatif import WhatIf
from receiver.policies import PolicyCache, active, load
from receiver.store import audit, deployed, history, policies
from receiver.store.engine import Store, Tx
from receiver.store.history import PastRow
from receiver.store.policies import Simulation
from shared.encoding import JsonObject, format_time, parse_digest
from shared.errors import MalformedError, StateError
from shared.judging.policy import Policy
from shared.judging.policyfile import read_policy
from shared.judging.scope import refuse_conflicts
from shared.judging.values import Decision, Mode
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
_RECALLED_BYTES = 32 * 1024 * 1024
_PLACING = (DeploymentStatus.SUCCESS.value, DeploymentStatus.INACTIVE.value)


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
) -> Simulated:
    """Judge by a policy the last decision on each release since a time, and on all that is deployed now.

    Each is judged by what was known when it was made, and by the policies that would be active. Raises `PolicyError`
    for a text that is no policy, `StateError` (`conflict`) where another active policy is as specific.
    """
    cache = PolicyCache()
    policy, before = store.read(lambda tx: (_new(tx, workspace_id, text), active(tx, workspace_id, cache)))
    refuse_conflicts(policy, before)
    made = Simulated(policy, now - since, now)
    asked, recall = WhatIf(before, policy, cache.baseline), Recall(_RECALLED_BYTES)
    there, total = store.read(lambda tx: (_deployed(tx, workspace_id), history.count(tx, workspace_id, made.since)))
    seen: set[Release] = set()
    for page in _in_force(store, workspace_id, made.since):
        _try(store, workspace_id, cache, asked, recall, page, there, made)
        seen |= {_release(row) for row in page}
        progress(made.releases, max(total, made.releases))
    older = sorted(there - seen)
    total = made.releases + len(older)
    for start in range(0, len(older), _PAGE):
        asked_for = older[start : start + _PAGE]
        page = store.read(partial(_of_releases, workspace_id=workspace_id, releases=asked_for))
        _try(store, workspace_id, cache, asked, recall, page, there, made)
        made.unasked += sorted(set(asked_for) - {_release(row) for row in page})
        progress(made.releases + len(made.unasked), total)
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


def _try(
    store: Store,
    workspace_id: str,
    cache: PolicyCache,
    asked: WhatIf,
    recall: Recall,
    page: list[PastRow],
    there: set[Release],
    made: Simulated,
) -> None:
    """Judge again what of a page would be judged by something else."""
    made.releases += len(page)
    concerned = []
    for row in page:
        request = asked_in(row.docket)
        if asked.concerns(request):
            named = named_in(row.payload)
            judged_by = store.read(partial(_known, workspace_id=workspace_id, uses=named.policies, cache=cache))
            if asked.looks_elsewhere(request, judged_by):
                made.unseen.append(row.passport_id)
            else:
                concerned.append((row, named.inputs))
    recall.need(
        {one.id for _, inputs in concerned for one in inputs},
        lambda ids: store.read(
            partial(history.statements, workspace_id=workspace_id, ids=[parse_digest(one) for one in ids])
        ),
    )
    for row, inputs in concerned:
        try:
            facts = facts_in(row.docket, inputs, recall)
        except MalformedError:
            made.unread.append(row.passport_id)
            continue
        answer = Answer(Decision(row.decision), row.proceed, Mode(row.mode))
        past = Past(row.passport_id, facts, answer, row.evaluated_at, deployed=_release(row) in there)
        change = asked.change(past)
        made.judged += 1
        made.changes += [] if change is None else [change]


def _known(tx: Tx, workspace_id: str, uses: Iterable[PolicyUse], cache: PolicyCache) -> list[Policy]:
    """Give the policies that a passport says it was judged by; one that is not here, or not read, named nobody."""
    found = []
    for use in uses:
        for row in policies.every(tx, workspace_id, use.name):
            if row.version == use.version:
                with suppress(StateError):
                    found.append(load(tx, workspace_id, row, cache))
    return found


def _record(tx: Tx, workspace_id: str, made: Simulated, by: str) -> Simulated:
    digest = parse_digest(made.policy.digest)
    days = -(-(made.at - made.since) // timedelta(days=1))
    counts: JsonObject = {**made.counts}
    policies.add_simulation(
        tx, workspace_id, Simulation(digest, made.at, by, days, made.judged, len(made.changes), counts)
    )
    detail: JsonObject = {
        "policy": made.policy.name,
        "digest": made.policy.digest,
        "since": format_time(made.since),
        "judged": made.judged,
        "changed": len(made.changes),
        "unseen": len(made.unseen),
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


def _release(row: PastRow) -> Release:
    request = asked_in(row.docket)
    target = request.target
    return target.service, target.namespace or "", target.environment, request.digest
