"""What a workspace is connected to: collectors that are enrolled, and sources that ingest evidence by themselves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from receiver.store import collectors, heartbeats, integrations
from receiver.store.collectors import Collector, CollectorStatus
from receiver.store.engine import Store, Tx
from shared.predicates import Limits

COLLECTOR_FRESH = timedelta(minutes=15)
SOURCE_FRESH = timedelta(hours=24)
COUNTED = timedelta(hours=24)


class Status(StrEnum):
    """How something is connected."""

    NATIVE_PULL = "native_pull"
    EVIDENCE_INGEST = "evidence_ingest"
    DETECTED_CANDIDATE = "detected_candidate"
    MANUAL = "manual"
    PLANNED = "planned"
    REQUIRES_CREDENTIAL = "requires_credential"


class Freshness(StrEnum):
    """Whether it was heard of lately."""

    FRESH = "fresh"
    STALE = "stale"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Integration:
    """Something that brings evidence: how, since when it was last heard of, how much of late, and for what."""

    name: str
    category: str
    status: Status
    last_seen_at: datetime | None
    freshness: Freshness
    count: int
    scope: Limits
    hint: str | None


def listed(store: Store, workspace_id: str, now: datetime) -> list[Integration]:
    """Give all that brings evidence, collectors first, by their names; what was revoked or retired brings none."""

    def act(tx: Tx) -> list[Integration]:
        counts = integrations.counts_by_collector(tx, workspace_id, now - COUNTED)
        heard: dict[str, datetime] = {}
        for beat in heartbeats.every(tx, workspace_id):
            heard[beat.collector_id] = max(beat.received_at, heard.get(beat.collector_id, beat.received_at))
        rows = [
            one
            for one in collectors.every(tx, workspace_id)
            if one.status in (CollectorStatus.ACTIVE, CollectorStatus.PENDING)
        ]
        found = [
            _collector(one, heard.get(one.collector_id), counts.get(one.collector_id, 0), now)
            for one in sorted(rows, key=lambda one: (one.name, one.collector_id))
        ]
        sources = integrations.sources(tx, workspace_id, now - COUNTED)
        return found + [_source(one, now) for one in sorted(sources, key=lambda one: one.name)]

    return store.read(act)


def _collector(row: Collector, heard_at: datetime | None, count: int, now: datetime) -> Integration:
    if row.status is CollectorStatus.PENDING:
        status, hint = Status.REQUIRES_CREDENTIAL, "confirm its key: carnet-receiver collectors confirm"
    elif heard_at is None:
        status, hint = Status.NATIVE_PULL, "start carnet-collector on its host"
    else:
        status, hint = Status.NATIVE_PULL, "look at carnet-collector status on its host"
    freshness = _freshness(heard_at, COLLECTOR_FRESH, now)
    is_fine = status is Status.NATIVE_PULL and freshness is Freshness.FRESH
    return Integration(row.name, "collector", status, heard_at, freshness, count, row.limits, None if is_fine else hint)


def _source(one: integrations.Source, now: datetime) -> Integration:
    freshness = _freshness(one.last_at, SOURCE_FRESH, now)
    hint = None if freshness is Freshness.FRESH else "nothing came for a day: look at the pipeline that posts it"
    scope = Limits(services=one.services, environments=one.environments)
    return Integration(one.name, "evidence", Status.EVIDENCE_INGEST, one.last_at, freshness, one.count, scope, hint)


def _freshness(at: datetime | None, lasts: timedelta, now: datetime) -> Freshness:
    if at is None:
        return Freshness.NEVER
    return Freshness.FRESH if now - at <= lasts else Freshness.STALE
