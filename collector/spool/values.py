"""What goes into the spool and comes out of it, as frozen values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from collector.spool.states import State
from shared.dsse import Envelope
from shared.predicates import StreamLink
from shared.stream import Head


@dataclass(frozen=True, slots=True)
class FileSeen:
    """A file as it was when its content was hashed; `path` is relative to the root, with slashes."""

    root: str
    path: str
    size: int
    mtime_ns: int
    ctime_ns: int
    device: int
    inode: int
    sha256: bytes


@dataclass(frozen=True, slots=True)
class Aside:
    """Why a file could not be read: a file code, the line or pointer where it stopped, and what to do."""

    reason: str
    where: str | None
    hint: str | None


@dataclass(frozen=True, slots=True)
class SetAside:
    """A row in the list of unreadable files."""

    root: str
    path: str
    aside: Aside
    at: datetime


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something observed, to be signed for the place that it gets.

    `seal` is called within the transaction, with the link; it must not touch the spool. What it raises undoes the
    whole group.
    """

    observation_id: bytes
    file: FileSeen
    seal: Callable[[StreamLink], Envelope]
    aside: Aside | None = None


@dataclass(frozen=True, slots=True)
class Put:
    """What became of a candidate.

    Not `new`: this observation was known, nothing was stored, the memory of the file is fresh. `attestation_id` is
    None where the entry that holds the observation has been pruned since.
    """

    sequence: int | None
    attestation_id: bytes | None
    new: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """A pending entry as it is to be sent; its bytes prove themselves, or must not be sent."""

    sequence: int
    id: bytes
    envelope: bytes


@dataclass(frozen=True, slots=True)
class EndedEntry:
    """An entry that will not be delivered as it is, by its place, its id and why."""

    sequence: int
    id: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class Listed:
    """An entry as an operator sees it; `size` is in bytes, 0 once they are pruned.

    `reason` is the code of a refusal or the words of whoever dropped it (`by`); `answer` is the last thing that a
    request with it was answered.
    """

    sequence: int
    id: bytes
    state: State
    size: int
    stored_at: datetime
    ended_at: datetime | None
    reason: str | None
    detail: str | None
    by: str | None
    answer: str | None
    answered_at: datetime | None
    root: str | None
    path: str | None


@dataclass(frozen=True, slots=True)
class Shown:
    """One entry with its exact bytes and those of the receipt that settled it."""

    entry: Listed
    envelope: bytes | None
    receipt: bytes | None


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that stays loud until a person clears it."""

    number: int
    name: str
    detail: str
    raised_at: datetime


@dataclass(frozen=True, slots=True)
class Storage:
    """What keeps the spool, as read back from it."""

    library: str
    journal: str
    synchronous: str


@dataclass(frozen=True, slots=True)
class Stats:
    """How the spool stands; `used_bytes` counts undelivered envelopes, which is what the quota is about."""

    pending: int
    pending_bytes: int
    oldest_pending_at: datetime | None
    oldest_pending_seconds: float
    delivered: int
    quarantined: int
    dropped: int
    set_aside: int
    used_bytes: int
    quota_bytes: int
    full: bool
    head: Head
