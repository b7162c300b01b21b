"""A mark of a workspace that is another one whenever something came that a decision may rest on."""

from __future__ import annotations

from typing import TypeAlias

from receiver.store import marks
from receiver.store.engine import Store

Mark: TypeAlias = tuple[int, ...]


def mark(store: Store, workspace_id: str) -> Mark:
    """Give the mark of a workspace; raises `TryLaterError` where it cannot be read now."""
    return store.read(lambda tx: marks.of(tx, workspace_id))
