"""What was captured is stored: sealed for its place in the stream, in groups that share one transaction.

Wiring. Invariants: a file counts as captured after the spool's commit and not before; one that cannot be sealed does
not keep the others of its group back; what finds no room is handed back, and nothing of it is stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from collector.attest import observation_id, seal
from collector.masking import masked
from collector.spool import Aside, Candidate, SignsNoMore, SpoolBroken, SpoolFull
from shared.errors import Code, MalformedError, TryLaterError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from collector.attest import Identity
    from collector.capture import Captured
    from collector.keys import Keys
    from collector.readiness import Key
    from collector.spool import Put, Spool
    from shared.dsse import Envelope
    from shared.predicates import StreamLink
    from shared.redaction import Rules

_MAX_REASON_CHARS = 300


def _nothing() -> None:
    """Do nothing."""


@dataclass(frozen=True, slots=True)
class Sealing:
    """Who signs, and what a signature needs besides the observation; `look_again` asks the spool which key signs."""

    identity: Identity
    keys: Keys
    epoch: str
    utcnow: Callable[[], datetime]
    monotonic: Callable[[], float]
    random: Callable[[int], bytes]
    look_again: Callable[[], None] = _nothing


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of a group: stored, never to be stored and why, or waiting for the reason `later`."""

    done: tuple[tuple[Key, Captured, Put], ...] = ()
    refused: tuple[tuple[Key, Aside], ...] = ()
    waiting: tuple[Key, ...] = ()
    later: TryLaterError | None = None


def store(spool: Spool, sealing: Sealing, group: Sequence[tuple[Key, Captured]]) -> Stored:
    """Store a group of at most 100 in as few transactions as it takes; raises `SpoolBroken`.

    Where the whole group fails, its halves are tried: a part may fit where the whole does not, and whoever cannot be
    sealed is found.
    """
    try:
        put = spool.put([_candidate(sealing, one) for _, one in group], epoch=sealing.epoch, now=sealing.utcnow())
    except SpoolBroken:
        raise
    except TryLaterError as error:
        if isinstance(error, SignsNoMore):
            sealing.look_again()
        if len(group) == 1 or not isinstance(error, SpoolFull):
            return Stored(waiting=tuple(key for key, _ in group), later=error)
    except Exception as error:  # noqa: BLE001 - the commit of the per-file step: whatever one file does, the others go on
        if len(group) == 1:
            return Stored(refused=((group[0][0], why(error)),))
    else:
        return Stored(done=tuple((key, one, what) for (key, one), what in zip(group, put, strict=True)))
    half = len(group) // 2
    first = store(spool, sealing, group[:half])
    if first.later is not None:
        waiting = (*first.waiting, *(key for key, _ in group[half:]))
        return Stored(first.done, first.refused, waiting, first.later)
    second = store(spool, sealing, group[half:])
    return Stored(first.done + second.done, first.refused + second.refused, second.waiting, second.later)


def why(error: Exception) -> Aside:
    """Say what kept a file from being taken, as the list of unreadable files does."""
    if isinstance(error, MalformedError):
        return Aside(error.code.value, error.detail, error.hint)
    return Aside(Code.INTERNAL.value, f"{type(error).__name__}: {error}", "a bug of Carnet's; please report it")


def told(aside: Aside, secrets: Rules) -> Aside:
    """Give a reason as it may be kept and shown: of bounded length, with a mark for each secret."""
    where = None if aside.where is None else masked(aside.where, secrets, _MAX_REASON_CHARS)
    hint = None if aside.hint is None else masked(aside.hint, secrets, _MAX_REASON_CHARS)
    return Aside(aside.reason, where, hint)


def _candidate(sealing: Sealing, one: Captured) -> Candidate:
    def sealed(link: StreamLink) -> Envelope:
        return seal(
            sealing.identity,
            one.seen,
            link,
            observed_at=sealing.utcnow(),
            salt=sealing.random(16),
            signer=sealing.keys.now.signing,
        )

    return Candidate(observation_id(sealing.identity.collector_id, one.seen), one.file, sealed, one.aside)
