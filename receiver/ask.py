"""Ask collectors for something in their receipts: a new key, a scan, entries once more, another rhythm of heartbeats.

No host is touched: a collector reads what is asked in the next receipt that it gets, and obeys what its own
configuration allows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase

from receiver.core.asking import Progress, Standing, Wanted, check_wanted, progress
from receiver.core.trail import Act
from receiver.store import audit, collectors, heartbeats, requests, streams
from receiver.store.collectors import Collector, CollectorStatus
from receiver.store.engine import Store, Tx
from shared.encoding import JsonObject, base32_id, format_time
from shared.errors import Code, StateError
from shared.requests import RequestKind

_ID_BYTES = 16


@dataclass(frozen=True, slots=True)
class Campaign:
    """What was asked at once of some collectors, and how far each of them is."""

    campaign_id: str
    wanted: Wanted
    asked_at: datetime
    members: tuple[Progress, ...]

    @property
    def counts(self) -> dict[str, int]:
        """How many were asked, have done it, are overdue, are silent, and will not do it."""
        return {
            "asked": len(self.members),
            "done": sum(one.state in {"done", "partly"} for one in self.members),
            "overdue": sum(one.overdue for one in self.members),
            "silent": sum(one.silent for one in self.members),
            "refused": sum(one.state in {"not-allowed", "not-known"} for one in self.members),
        }


def ask(
    store: Store,
    workspace_id: str,
    globs: Sequence[str],
    wanted: Wanted,
    by: str,
    now: datetime,
    random: Callable[[int], bytes],
) -> Campaign:
    """Ask this of every active collector whose name or id matches one of the globs; `by` is for the audit trail.

    It takes the place of what of its kind was asked of them before. Raises `StateError` (`not_found`) where none
    matches, `MalformedError` for a date that is over or a value that no collector could obey.
    """
    check_wanted(wanted, now)
    campaign_id = base32_id("cmp_", random(_ID_BYTES))

    def act(tx: Tx) -> None:
        chosen = [one for one in collectors.every(tx, workspace_id) if _matches(one, globs)]
        if not chosen:
            raise StateError(
                Code.NOT_FOUND, "no active collector has such a name", "see carnet-receiver collectors list"
            )
        for one in chosen:
            requests.add(tx, workspace_id, _standing(tx, workspace_id, one.collector_id, campaign_id, wanted, now))
        names: JsonObject = {"campaign": campaign_id, "kind": wanted.kind.value, "collectors": len(chosen)}
        if wanted.before is not None:
            names["before"] = format_time(wanted.before)
        audit.add(tx, workspace_id, Act(now, by, "collectors.ask", names))

    store.write(act)
    return look(store, workspace_id, campaign_id, wanted.kind, now)


def look(store: Store, workspace_id: str, campaign_id: str | None, kind: RequestKind, now: datetime) -> Campaign:
    """Say how far a campaign is, the last one of its kind where none is named; raises `StateError` (`not_found`)."""

    def act(tx: Tx) -> Campaign:
        found = campaign_id or requests.last_campaign(tx, workspace_id, kind)
        rows = [] if found is None else requests.of_campaign(tx, workspace_id, found)
        if found is None or not rows:
            raise StateError(Code.NOT_FOUND, "there is no such campaign", "carnet-receiver keys rotate begins one")
        members = tuple(progress(standing, name, heard_at, now) for standing, name, heard_at in rows)
        first = rows[0][0]
        return Campaign(found, first.wanted, first.asked_at, members)

    return store.read(act)


def _matches(one: Collector, globs: Sequence[str]) -> bool:
    return one.status is CollectorStatus.ACTIVE and any(
        fnmatchcase(one.name, glob) or fnmatchcase(one.collector_id, glob) for glob in globs
    )


def _standing(
    tx: Tx, workspace_id: str, collector_id: str, campaign_id: str, wanted: Wanted, now: datetime
) -> Standing:
    stream_id, up_to = None, None
    if wanted.kind is RequestKind.RESEND:
        # The newest stream is the one that the collector has; what an older one lacks, its spool no longer holds.
        known = list(streams.of_collector(tx, workspace_id, collector_id).items())
        if known:
            stream_id, state = known[-1]
            last = heartbeats.latest(tx, workspace_id, stream_id)
            reach = max(state.head, -1 if last is None or last.heard.high_water is None else last.heard.high_water)
            up_to = reach if state.mark < reach else None
    number = requests.next_number(tx, workspace_id, collector_id)
    return Standing(collector_id, number, campaign_id, wanted, now, wanted.until(now), stream_id=stream_id, up_to=up_to)
