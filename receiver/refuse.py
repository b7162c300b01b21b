"""Keep what was refused in the trail of the workspace whose token asked: one row for each address and route."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from receiver.core.trail import Act
from receiver.store import audit
from receiver.store.engine import Store, Tx
from shared.encoding import JsonObject, format_time

ACTION = "request.refused"


@dataclass(frozen=True, slots=True)
class Refused:
    """Requests of known tokens that were refused: how many, with which codes, and which tokens (some of them).

    `origin` and `route` (method and path of the route's row) are None where more of them were refused than are counted
    apart. The times are of the first and the last.
    """

    workspace_id: str
    origin: str | None
    route: str | None
    codes: Mapping[str, int]
    tokens: tuple[str, ...]
    first: datetime
    last: datetime

    @property
    def count(self) -> int:
        """How many requests."""
        return sum(self.codes.values())


def note(store: Store, refused: Iterable[Refused], now: datetime) -> None:
    """Write one row for each, all in one transaction; raises `TryLaterError`, and then none was written."""
    rows = tuple(refused)

    def act(tx: Tx) -> None:
        for one in rows:
            detail: JsonObject = {
                "route": one.route,
                "count": one.count,
                "codes": dict(one.codes),
                "tokens": [*one.tokens],
                "first": format_time(one.first),
                "last": format_time(one.last),
            }
            audit.add(tx, one.workspace_id, Act(now, one.tokens[0], ACTION, detail, one.origin))

    store.write(act)
