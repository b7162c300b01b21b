"""Which streams bring a repository's evidence, and what of it; and what of it is newest.

Found once, and then only in what came since: attestations are never changed and their numbers rise, so what was found
stays true; in a database that was restored from a copy, where the last that was looked at is not there, all is found
anew.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, TypeAlias

from sqlalchemy import bindparam, func, select

from receiver.core.feeding import RECENT
from receiver.core.posting import Record
from receiver.store.columns import micros
from receiver.store.engine import Tx
from receiver.store.schema import attestations

KINDS = tuple(one.value for one in (Record.ATTESTATION, Record.ARTIFACT, Record.INGESTED))
"""What is evidence, or says that something was built: runs and deployments are neither."""
NEWEST = 200
"""How many attestations of a repository are looked at for what is near, the newest."""
_OF_NEWEST = 6
_KEPT = 1_000
_AT_ONCE = 1_000
"""Above so many new ones a repository is looked at anew: the database groups them faster."""
_ITS = (
    attestations.c.workspace_id == bindparam("its_workspace"),
    attestations.c.repository == bindparam("its_repository"),
)
_BROUGHT = (
    select(
        attestations.c.stream_id,
        attestations.c.type,
        attestations.c.name,
        func.max(attestations.c.received_at).label("at"),
    )
    .where(*_ITS, attestations.c.stream_id.is_not(None))
    .group_by(attestations.c.stream_id, attestations.c.type, attestations.c.name)
)
_SINCE = (
    select(
        attestations.c.n,
        attestations.c.id,
        attestations.c.type,
        attestations.c.name,
        attestations.c.commit,
        attestations.c.record.in_(KINDS).label("counts"),
        attestations.c.stream_id,
        attestations.c.received_at,
    )
    .where(*_ITS, attestations.c.n >= bindparam("its_last"))
    .order_by(attestations.c.n.desc())
    .limit(bindparam("at_most"))
)

Brought: TypeAlias = Mapping[bytes, frozenset[tuple[str, str]]]
"""By stream the types and names of what it brought."""


class Newest(NamedTuple):
    """One of the newest attestations of a repository; `counts` says whether it is evidence, `id` has 32 bytes."""

    n: int
    id: bytes
    type: str
    name: str
    commit: str | None
    counts: bool


@dataclass(frozen=True, slots=True)
class Feed:
    """What is known of one repository: its newest attestations, the newest first, and when each stream brought what.

    `last` and `last_id` are of the highest number that was looked at; times are in microseconds.
    """

    last: int
    last_id: bytes
    newest: tuple[Newest, ...]
    at: Mapping[tuple[bytes, str, str], int]

    def brought(self, now: datetime) -> Brought:
        """Say which streams brought evidence lately, held or not, and of which types and names."""
        since = micros(now - RECENT)
        found: dict[bytes, set[tuple[str, str]]] = {}
        for (stream_id, kind, name), when in self.at.items():
            if when >= since:
                found.setdefault(stream_id, set()).add((kind, name))
        return {stream_id: frozenset(kinds) for stream_id, kinds in found.items()}


class Feeds:
    """What was found of repositories, the least used forgotten first; safe to use from several threads."""

    def __init__(self, kept: int = _KEPT) -> None:
        """Take of how many repositories something is kept."""
        self._kept = kept
        self._feeds: OrderedDict[tuple[str, str], Feed] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, tx: Tx, workspace_id: str, repository: str) -> Feed:
        """Give what is known of a repository now."""
        key = (workspace_id, repository)
        with self._lock:
            before = self._feeds.get(key)
        feed = _anew(tx, *key) if before is None else _grown(tx, *key, before)
        with self._lock:
            self._feeds[key] = feed
            self._feeds.move_to_end(key)
            while len(self._feeds) > self._kept:
                self._feeds.popitem(last=False)
        return feed


def _anew(tx: Tx, workspace_id: str, repository: str) -> Feed:
    asked: dict[str, object] = {"its_workspace": workspace_id, "its_repository": repository}
    rows = tx.execute(_SINCE, {**asked, "its_last": 0, "at_most": NEWEST}).all()
    if not rows:
        return Feed(0, b"", (), {})
    at = {(row.stream_id, row.type, row.name): row.at for row in tx.execute(_BROUGHT, asked)}
    return Feed(rows[0].n, rows[0].id, tuple(Newest(*row[:_OF_NEWEST]) for row in rows), at)


def _grown(tx: Tx, workspace_id: str, repository: str, before: Feed) -> Feed:
    asked = {"its_workspace": workspace_id, "its_repository": repository, "its_last": before.last, "at_most": _AT_ONCE}
    found = tx.execute(_SINCE, asked).all()
    # The oldest is the one that was looked at last; it is not among them either where there are too many.
    if not found or found[-1].id != before.last_id:
        return _anew(tx, workspace_id, repository)
    rows = found[:-1]
    if not rows:
        return before
    at = dict(before.at)
    for row in rows:
        if row.stream_id is not None:
            what = (row.stream_id, row.type, row.name)
            at[what] = max(row.received_at, at.get(what, 0))
    newest = (*(Newest(*row[:_OF_NEWEST]) for row in rows), *before.newest)
    return Feed(rows[0].n, rows[0].id, newest[:NEWEST], at)
