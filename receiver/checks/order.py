"""What the audit trail tells of the order of acts, and of what nobody signs: no clock and no other row is asked."""

from __future__ import annotations

from dataclasses import dataclass, field

from receiver.store import attestations, audit
from receiver.store.engine import Tx
from receiver.store.streams import PARTED
from shared.encoding import JsonValue, parse_digest

_TURNED = "collector.rotate"
_REVOKED = ("collector.revoke", "key.revoke", "token.revoke")
_LET_IN = ("collector.access", "token.issue")


@dataclass(slots=True)
class Order:
    """Acts by the numbers of their rows in the trail.

    `turned` are rotations by their ids as text, `tokens` those that were issued, by theirs; `revoked` are revocations
    by their register numbers, `stored_before` says how many attestations were stored before each. `parted` is where
    streams (16 bytes) part, and the last register number when that was found.
    """

    turned: dict[str, int] = field(default_factory=dict)
    tokens: dict[str, int] = field(default_factory=dict)
    revoked: dict[int, int] = field(default_factory=dict)
    stored_before: dict[int, int] = field(default_factory=dict)
    parted: dict[bytes, tuple[int | None, int | None]] = field(default_factory=dict)


def read_order(tx: Tx, workspace_id: str) -> Order:
    """Read the order out of a workspace's trail; raises `MalformedError` where a row of it cannot be read."""
    order = Order()
    for row in audit.rows(tx, workspace_id, (_TURNED, *_REVOKED, *_LET_IN, PARTED)):
        act, detail = row.act, row.act.detail
        if act.action == _TURNED:
            order.turned[str(detail.get("rotation"))] = row.number
        elif act.action in _LET_IN:
            order.tokens[str(detail.get("token"))] = row.number
        elif act.action == PARTED:
            at, after = detail.get("first"), detail.get("register")
            stream_id = bytes.fromhex(str(detail.get("stream")))
            if isinstance(at, int) and isinstance(after, int):
                order.parted[stream_id] = at, after
            elif at is None:
                # What parted it is held by a revocation now.
                order.parted[stream_id] = None, None
        else:
            number = detail.get("register")
            if isinstance(number, int):
                order.revoked[number] = row.number
            if isinstance(number, int) and "receivedTo" in detail:
                order.stored_before[number] = _number_of(tx, workspace_id, detail["receivedTo"])
    return order


def _number_of(tx: Tx, workspace_id: str, last: JsonValue) -> int:
    """Give the number of what was stored last by its id; 0 where nothing was, -1 where no such thing is stored."""
    if last is None:
        return 0
    found = attestations.number_of(tx, workspace_id, parse_digest(str(last)))
    return -1 if found is None else found
