"""What a licence is held against: which installation this is, and how much of what it counts there is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from receiver.core.licence import Licensed, Stands, installation_hash
from receiver.store import usage as counts
from receiver.store import workspaces
from receiver.store.engine import Store


@dataclass(frozen=True, slots=True)
class Usage:
    """What a workspace has: accounts and collectors that have not ended, and policies by name."""

    users: int
    collectors: int
    policies: int


def installation(store: Store) -> str:
    """Name this installation as its licence does, which tells nothing about it."""
    return installation_hash(store.read(workspaces.receiver_id) or "")


def usage(store: Store, workspace_id: str) -> Usage:
    """Count what a workspace has."""
    return Usage(*store.read(lambda tx: counts.of(tx, workspace_id)))


@dataclass(frozen=True, slots=True)
class Look:
    """How the licence stands, for which installation, and what a workspace has."""

    licensed: Licensed
    installation: str
    usage: Usage


def look(store: Store, workspace_id: str, stands: Stands, now: datetime) -> Look:
    """Say how the licence stands."""
    named = installation(store)
    return Look(stands(named, now), named, usage(store, workspace_id))


def allow_new(store: Store, stands: Stands, what: str, now: datetime) -> None:
    """Refuse a new user, policy or collector where the licence's time of grace is over; raises `StateError`."""
    stands(installation(store), now).allow_new(what)
