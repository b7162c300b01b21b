"""The audit trail as a chain: each row's hash covers its content and the hash of the row before.

Whoever alters, removes or inserts a row must rewrite every later one; the last hash is enough to notice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from shared.encoding import JsonValue, canonical, format_time, sha256

FIRST = bytes(32)
"""What stands for the hash before the first row."""


@dataclass(frozen=True, slots=True)
class Act:
    """Who did what, when, and from where; `detail` holds no secret."""

    at: datetime
    actor: str
    action: str
    detail: Mapping[str, JsonValue]
    origin: str | None = None


def chain(workspace_id: str, number: int, before: bytes, act: Act) -> bytes:
    """Give the hash of a row: SHA-256 over the hash before it and the row's content in its one spelling."""
    return sha256(
        before
        + canonical(
            {
                "workspace": workspace_id,
                "number": number,
                "at": format_time(act.at),
                "actor": act.actor,
                "origin": act.origin,
                "action": act.action,
                "detail": dict(act.detail),
            }
        )
    )
