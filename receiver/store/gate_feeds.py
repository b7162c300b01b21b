"""Which streams bring a repository's evidence, and what of it: found once, and then only in what came since.

Attestations are never changed and their numbers rise, so what was found stays true.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, func, select

from receiver.core.feeding import RECENT
from receiver.store.columns import micros
from receiver.store.engine import Tx
from receiver.store.schema import attestations

_KEPT = 1_000
_BROUGHT = (
    select(
        attestations.c.stream_id,
        attestations.c.type,
        attestations.c.name,
        func.max(attestations.c.received_at).label("at"),
        func.max(attestations.c.n).label("n"),
    )
    .where(
        attestations.c.workspace_id == bindparam("its_workspace"),
        attestations.c.repository == bindparam("its_repository"),
        attestations.c.n > bindparam("its_last"),
        attestations.c.stream_id.is_not(None),
    )
    .group_by(attestations.c.stream_id, attestations.c.type, attestations.c.name)
)

Brought = Mapping[bytes, frozenset[tuple[str, str]]]
"""By stream the types and names of what it brought."""


@dataclass(frozen=True, slots=True)
class _Feed:
    last: int
    at: Mapping[tuple[bytes, str, str], int]


class Feeds:
    """What was found of repositories, the least used forgotten first; safe to use from several threads."""

    def __init__(self, kept: int = _KEPT) -> None:
        """Take of how many repositories something is kept."""
        self._kept = kept
        self._feeds: OrderedDict[tuple[str, str], _Feed] = OrderedDict()
        self._lock = threading.Lock()

    def brought(self, tx: Tx, workspace_id: str, repository: str, now: datetime) -> Brought:
        """Say which streams brought evidence of a repository lately, held or not, and of which types and names."""
        key = (workspace_id, repository)
        with self._lock:
            before = self._feeds.get(key, _Feed(0, {}))
        asked = {"its_workspace": workspace_id, "its_repository": repository, "its_last": before.last}
        rows = tx.execute(_BROUGHT, asked).all()
        feed = before
        if rows:
            at = {**before.at, **{(row.stream_id, row.type, row.name): row.at for row in rows}}
            feed = _Feed(max(row.n for row in rows), at)
        with self._lock:
            self._feeds[key] = feed
            self._feeds.move_to_end(key)
            while len(self._feeds) > self._kept:
                self._feeds.popitem(last=False)
        since = micros(now - RECENT)
        found: dict[bytes, set[tuple[str, str]]] = {}
        for (stream_id, kind, name), when in feed.at.items():
            if when >= since:
                found.setdefault(stream_id, set()).add((kind, name))
        return {stream_id: frozenset(kinds) for stream_id, kinds in found.items()}
