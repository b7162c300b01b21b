"""What leaves this host, to whom, and what was said of it: the words of the ledger.

Pure. Everything that leaves is an envelope; its attestation id outlives its bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from datetime import datetime

    from shared.predicates import Audience


class Kind(StrEnum):
    """What an envelope of this collector's says; the names are those of the predicate types."""

    COLLECTED = "collected"
    KEY_ROTATION = "key-rotation"
    HEARTBEAT = "heartbeat"
    ACCESS = "access"
    ENROLMENT_REQUEST = "enrolment-request"


class Outcome(StrEnum):
    """What a receipt said of an entry; of what no receipt names, that it was answered."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    HELD = "held"
    REFUSED = "refused"
    ANSWERED = "answered"


CARRIED = "file:"
"""The origin of what leaves in a file that a person carries."""


@dataclass(frozen=True, slots=True)
class Destination:
    """A workspace of a receiver, and the origin (scheme, host, port) at which it is reached."""

    origin: str
    receiver: str
    workspace: str


@dataclass(frozen=True, slots=True)
class Leaving:
    """An envelope that is about to be sent: its attestation id and its bytes.

    `place` is an entry's or a rotation's place in the spool and a heartbeat's number; other kinds have none.
    """

    kind: Kind
    id: bytes
    size: int
    place: int | None = None


@dataclass(frozen=True, slots=True)
class Departure:
    """A row of the ledger: when an envelope was sent first and last, how often, and what was said of it since."""

    what: Leaving
    to: Destination
    first_at: datetime
    last_at: datetime
    times: int
    outcome: Outcome | None


@dataclass(frozen=True, slots=True)
class Told:
    """What an answer said of one entry or heartbeat that had left."""

    kind: Kind
    place: int
    id: bytes
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Reply:
    """What a destination said of what had left for it."""

    to: Destination
    told: tuple[Told, ...]


def destination(url: str, audience: Audience) -> Destination:
    """Name the workspace at a URL that was checked; neither a path nor what proves who we are gets into the name."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return Destination(f"{parts.scheme}://{host}", audience.receiver, audience.workspace)
