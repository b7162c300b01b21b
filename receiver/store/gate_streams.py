"""The streams that could have something to say about a release, as judging knows them.

Invariant: what ties a collector to the release ties each of its streams that should still say something, and a bound
collector without any stream is there as one that was never heard.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, not_, select

from receiver.core.feeding import Ties, counts_as_bound, fact_of, is_bound, never_heard
from receiver.store import stream_states
from receiver.store.collectors import CollectorStatus, limits_from_row
from receiver.store.engine import Tx
from receiver.store.identity_tables import collectors
from receiver.store.schema import heartbeats
from receiver.store.stream_states import StreamNow
from receiver.store.unchanged import once, rows
from shared.encoding import parse_payload
from shared.judging.scope import matches
from shared.judging.values import StreamFact, Target
from shared.predicates import Heartbeat

_MOST_SECONDS = 10 * 365 * 86_400
_EVERY_SERVICE = '%"services":["*"]%'
"""How a row writes that a collector speaks for whatever service: most do, and an admin bound none of those."""

# Asked for with every question: built once, since building a query takes several times as long as running it.
_LIMITED = select(collectors.c.collector_id, collectors.c.name, collectors.c.limits).where(
    collectors.c.workspace_id == bindparam("its_workspace"),
    collectors.c.status == CollectorStatus.ACTIVE.value,
    not_(collectors.c.limits.like(_EVERY_SERVICE)),
)
_NAMED = select(collectors.c.collector_id, collectors.c.name).where(
    collectors.c.workspace_id == bindparam("its_workspace")
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What streams are asked about: the streams that delivered, what others brought lately, and where it should go.

    `globs` are names of collectors that policies may ask for; None for all of them.
    """

    delivered: frozenset[bytes]
    brought: Mapping[bytes, frozenset[tuple[str, str]]]
    target: Target
    globs: Collection[str] | None


def facts(tx: Tx, workspace_id: str, now: datetime, asked: Asked) -> tuple[StreamFact, ...]:
    """Give the streams that delivered for a release, or should, or that a policy may name."""
    bound = _bound(tx, workspace_id, asked.target)
    named = _named(tx, workspace_id, asked.globs)
    tying = {*asked.delivered, *asked.brought}
    found = stream_states.around(tx, workspace_id, now, {*bound, *named}, tying)
    unheard = sorted(bound.keys() - {one.collector_id for one in found})
    tied = _tied_collectors(found, asked)
    oldest = _oldest(tx, workspace_id, found)
    made = []
    for one in found:
        counts = counts_as_bound(one.state, one.heard, now)
        its = asked.brought.get(one.stream_id, frozenset())
        ties = Ties(
            delivered=one.stream_id in asked.delivered,
            bound=counts and one.collector_id in bound,
            brings=tied.get(one.collector_id, its) if counts else its,
            kin=counts and one.collector_id in tied,
        )
        collector = (one.collector_id, one.collector_name)
        fact = fact_of(one.stream_id, collector, one.heard, one.state, ties, oldest.get(one.stream_id))
        if fact.delivered or fact.bound or fact.recent or one.collector_id in named:
            made.append(fact)
    made += [never_heard((one, bound[one])) for one in unheard]
    return tuple(made)


def _tied_collectors(found: Iterable[StreamNow], asked: Asked) -> dict[str, frozenset[tuple[str, str]]]:
    """Give the collectors that delivered or brought with any stream, and what they brought with all of them."""
    tied: dict[str, frozenset[tuple[str, str]]] = {}
    for one in found:
        if one.stream_id in asked.delivered or one.stream_id in asked.brought:
            brought = asked.brought.get(one.stream_id, frozenset())
            tied[one.collector_id] = tied.get(one.collector_id, frozenset()) | brought
    return tied


def _bound(tx: Tx, workspace_id: str, target: Target) -> Mapping[str, str]:
    """Give the collectors that an admin bound to a service, with their names."""

    def read() -> dict[str, str]:
        rows = tx.execute(_LIMITED, {"its_workspace": workspace_id})
        return {row.collector_id: row.name for row in rows if is_bound(limits_from_row(row.limits), target)}

    return once(tx, (_bound, workspace_id, target), read, rows)


def _named(tx: Tx, workspace_id: str, globs: Collection[str] | None) -> frozenset[str]:
    if globs is not None and not globs:
        return frozenset()

    def read() -> frozenset[str]:
        rows = tx.execute(_NAMED, {"its_workspace": workspace_id})
        return frozenset(
            row.collector_id for row in rows if globs is None or any(matches(glob, row.name) for glob in globs)
        )

    return once(tx, (_named, workspace_id, None if globs is None else frozenset(globs)), read, rows)


def _oldest(tx: Tx, workspace_id: str, found: Collection[StreamNow]) -> dict[bytes, datetime]:
    """Say since when the oldest entry waits, of the streams where something waits: by when that was heard."""
    waiting = {one.stream_id: one.heard for one in found if one.heard is not None and one.heard.waiting}
    if not waiting:
        return {}
    rows = tx.execute(
        select(heartbeats.c.stream_id, heartbeats.c.payload).where(
            heartbeats.c.workspace_id == workspace_id, heartbeats.c.stream_id.in_(list(waiting))
        )
    )
    oldest = {}
    for row in rows:
        said = Heartbeat.from_wire(parse_payload(row.payload).get("predicate"))
        oldest[row.stream_id] = waiting[row.stream_id].received_at - timedelta(
            seconds=min(said.spool.oldest_seconds, _MOST_SECONDS)
        )
    return oldest
