"""Evidence that never came: what is expected of whatever is independently known, and which of it is overdue.

Pure. Invariants: a type is missing only after the receiver was there for the whole time that it had; nothing is called
missing as long as a collector that brings it says that entries wait, or is inside the lag that an admin gave it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from fnmatch import fnmatchcase

from receiver.core.completeness import Lack, Standing, State
from receiver.core.presence import Presence
from shared.predicates import ClaimType

LONGEST_WAIT = timedelta(days=7)
"""For how long after it was due somebody's waiting entries excuse what is missing: one of them may wait for ever."""
_EVERY = ("*",)


class After(StrEnum):
    """What evidence is expected of."""

    RUN = "pipeline-run"
    COMMIT = "commit"
    DEPLOYMENT = "deployment"


@dataclass(frozen=True, slots=True)
class Expectation:
    """Which types are expected, within how long after what; globs say of which repositories and so on.

    `workspace` is the only one that it is for, where there are several.
    """

    name: str
    types: tuple[ClaimType, ...]
    after: After
    within: timedelta
    repositories: tuple[str, ...] = _EVERY
    services: tuple[str, ...] = _EVERY
    environments: tuple[str, ...] = _EVERY
    workspace: str | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """Something that is independently known, from when: a run that ended, a commit of one, a deployment.

    `digests` are what evidence of it is about: the full commit (20 or 32 bytes), the artifact's SHA-256.
    """

    kind: After
    id: str
    at: datetime
    digests: frozenset[bytes]
    repository: str | None = None
    commit: str | None = None
    artifact: bytes | None = None
    service: str | None = None
    environment: str | None = None


@dataclass(frozen=True, slots=True)
class Lagging:
    """A collector that may bring something yet: until when an admin lets it, and whether it says that entries wait."""

    lag: timedelta = field(default=timedelta())
    waiting: bool = False


@dataclass(frozen=True, slots=True)
class Overdue:
    """One type that one thing is lacking."""

    expectation: str
    known: Known
    type: ClaimType
    due_at: datetime


def covers(expectation: Expectation, known: Known) -> bool:
    """Say whether something is expected of this; what names no service is covered by `*` alone."""
    return expectation.after is known.kind and all(
        "*" in globs or (value is not None and any(fnmatchcase(value, glob) for glob in globs))
        for globs, value in (
            (expectation.repositories, known.repository),
            (expectation.services, known.service),
            (expectation.environments, known.environment),
        )
    )


def overdue(
    expectation: Expectation, known: Known, came: Collection[str], presence: Presence, now: datetime
) -> tuple[Overdue, ...]:
    """Give the types that something lacks after its time; `came` are the types that are here of it."""
    if not covers(expectation, known) or presence.lived(known.at, now) < expectation.within:
        return ()
    due_at = known.at + expectation.within
    return tuple(Overdue(expectation.name, known, one, due_at) for one in expectation.types if one.value not in came)


def excused(one: Overdue, bringers: Iterable[Lagging], presence: Presence, now: datetime) -> bool:
    """Say whether something that is overdue may yet be on its way with one of the collectors that bring it."""
    late = presence.lived(one.due_at, now)
    return any(late < bringer.lag or (bringer.waiting and late < LONGEST_WAIT) for bringer in bringers)


def waits(found: State, waiting: int | None) -> bool:
    """Say whether a stream's collector says, by a heartbeat that is young enough, that something is to come."""
    if found.standing is not Standing.LIVE:
        return False
    return bool(waiting) or bool(found.lacking(Lack.IN_FLIGHT))
