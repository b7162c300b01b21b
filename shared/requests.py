"""What a receiver may ask of a collector in its receipts, and what the collector answers in its heartbeats.

The list is closed, and none of it can name a path, widen what leaves, or change a configuration. Kinds that a later
receiver knows are read, so that its receipts stay receipts: who does not know one passes over it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from shared.fields import Count, Name, Timestamp, Wire

MAX_REQUESTS = 16
"""Of one receipt; a collector passes over what comes behind."""


class RequestKind(StrEnum):
    """What may be asked: a new key before a date, a full scan, entries once more, another interval of heartbeats."""

    ROTATE_KEY = "rotate-key"
    RESCAN = "rescan"
    RESEND = "resend"
    HEARTBEAT = "heartbeat"


class Outcome(StrEnum):
    """What came of a request.

    Done; done but for what was pruned; taken up and under way; put off until enough time has passed since the last of
    its kind; not allowed by the configuration of the collector; not known to it, or not to be read.
    """

    DONE = "done"
    PARTLY = "partly"
    UNDER_WAY = "under-way"
    PUT_OFF = "put-off"
    NOT_ALLOWED = "not-allowed"
    NOT_KNOWN = "not-known"


FINAL = frozenset(Outcome) - {Outcome.UNDER_WAY, Outcome.PUT_OFF}
"""After these nothing more comes of a request."""


class Request(Wire):
    """Something that the receiver asks of a collector; obeyed as far as the collector's configuration allows.

    `before` goes with `rotate-key`, `from` with `resend` (a place in the collector's present stream), `seconds` with
    `heartbeat`.
    """

    kind: Name
    before: Timestamp | None = None
    since_sequence: Annotated[Count | None, Field(alias="from")] = None
    seconds: Count | None = None


class Obeyed(Request):
    """A request as it came, and its outcome so far: one of `Outcome`, or of what a later collector knows besides."""

    outcome: Name

    @property
    def request(self) -> Request:
        """The request that is answered."""
        return Request(kind=self.kind, before=self.before, since_sequence=self.since_sequence, seconds=self.seconds)
