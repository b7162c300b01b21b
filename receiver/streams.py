"""How streams stand, and closing a gap: people say on record that some places of a stream are lost.

Invariants: only what is missing, refused or dropped is closed, and the end of a stream that was left behind; the
statement takes a place in the register; after a compromise it takes two people. A number that arrives after all is
admitted like any other, and behind an end that was closed it opens the stream again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from receiver.core.changes import LACKING, Change, Kind
from receiver.core.completeness import Lack, Standing
from receiver.core.ranges import NO_END, Range, without
from receiver.core.revocation import Loss
from receiver.core.trail import Act
from receiver.keys_at_hand import RoleSigners
from receiver.store import audit, collectors, register, revocations, stream_changes, stream_events, stream_states
from receiver.store.engine import Store, Tx
from receiver.store.stream_states import StreamNow
from shared import statement
from shared.encoding import JsonObject, digest_text, sha256
from shared.errors import Code, MalformedError, StateError, UntrustedError
from shared.predicates import GAP_CLOSED, GapClosed, Person
from shared.statement import subject_sha256

# Named here because whoever calls a use case does not look into the store.
Event: TypeAlias = stream_events.Event

SALT_BYTES = 16
MAX_EVENTS = 200
MAX_REASON_CHARS = 300
MAX_LAG = timedelta(days=90)
_MOST_PEOPLE = 2
_MAY_CLOSE = frozenset({"approver", "admin"})


@dataclass(frozen=True, slots=True)
class StreamView:
    """A stream (id in hex) as it stands, and what its last heartbeat said; numbers below 0 mean that there is none."""

    stream_id: str
    collector_id: str
    mark: int
    head: int
    known_to: int
    standing: Standing
    forked_from: int | None
    holes: tuple[tuple[Lack, Range], ...]
    complete: bool
    beat: int | None
    heard_at: datetime | None
    closed: bool
    waiting: int | None
    """How many entries waited at the collector when it was last heard."""
    two_holders: bool
    """Whether somebody else signs with a key of it, where that is not good; revoking that key ends it."""
    settled: bool
    """Whether it was left behind, and people said that nothing comes any more."""


def of_workspace(store: Store, workspace_id: str, now: datetime) -> tuple[StreamView, ...]:
    """Give all streams of a workspace, oldest first."""
    return tuple(_view(one) for one in store.read(lambda tx: stream_states.every(tx, workspace_id, now)))


def of_collector(store: Store, workspace_id: str, collector_id: str, now: datetime) -> tuple[StreamView, ...]:
    """Give the streams of a collector, oldest first; raises `StateError` (`not_found`) without such a collector."""

    def act(tx: Tx) -> list[StreamNow]:
        collectors.get(tx, workspace_id, collector_id)
        return stream_states.every(tx, workspace_id, now, collector_id=collector_id)

    return tuple(_view(one) for one in store.read(act))


def one(store: Store, workspace_id: str, stream_id: str, now: datetime) -> tuple[StreamView, tuple[Event, ...]]:
    """Give a stream (id in hex) with its newest changes, newest first; raises `StateError` (`not_found`)."""
    wanted = _read_id(stream_id)

    def act(tx: Tx) -> tuple[StreamView, tuple[Event, ...]]:
        found = _view(_one(tx, workspace_id, wanted, now))
        return found, tuple(stream_events.of_stream(tx, workspace_id, wanted, MAX_EVENTS))

    return store.read(act)


def close(
    store: Store,
    signers: RoleSigners,
    stream_id: str,
    gap: Range,
    reason: str,
    by: Sequence[Person],
    now: datetime,
    random: Callable[[int], bytes],
) -> GapClosed:
    """Close the places of a gap (first and last, both inside); gives the statement that says so.

    A gap up to `NO_END` is the end of a stream that was left behind: nothing comes any more, from the number on that
    follows the highest known one.

    Raises `MalformedError` (`invalid_field`) for a range or reason that is none, `UntrustedError` (`forbidden`) where
    somebody may not, or where two different people are needed, and `StateError`: `not_found` without such a stream,
    `conflict` where something in the range is here, or on its way, or was never known of.
    """
    wanted, (first, last), workspace_id = _read_id(stream_id), gap, signers.workspace_id
    if not 0 <= first <= last:
        raise MalformedError(Code.INVALID_FIELD, f"{first}-{last} is no range", "write for instance 118-131")
    if not 1 <= len(reason) <= MAX_REASON_CHARS or not reason.isprintable():
        raise MalformedError(
            Code.INVALID_FIELD, "reason: it is empty or too long", f"write 1 to {MAX_REASON_CHARS} characters"
        )

    def act(tx: Tx) -> GapClosed:
        found = _one(tx, workspace_id, wanted, now)
        _check_people(tx, workspace_id, found.collector_id, by)
        rest = without((gap,), found.state.lacking(*LACKING))
        if last == NO_END:
            _check_end(found, first)
        elif rest:
            raise _conflict(found, rest[0])
        place = register.next_place(tx, workspace_id)
        said = GapClosed(
            audience=signers.audience,
            key_id=signers.decision.public.key_id,
            salt=random(SALT_BYTES).hex(),
            register_=place,
            collector_id=found.collector_id,
            stream=stream_id,
            first=first,
            last=last,
            reason=reason,
            by=tuple(by),
            closed_at=now,
        )
        envelope = statement.sign(GAP_CLOSED, (subject_sha256(sha256(wanted).hex()),), said, signers.decision)
        register.add(tx, workspace_id, place.number, GAP_CLOSED, envelope, now)
        stream_changes.close(tx, workspace_id, wanted, gap, place.number, now)
        change = Change(Kind.GAP_CLOSED, first, None if last == NO_END else last)
        stream_events.add(tx, workspace_id, wanted, change, None, now)
        detail: JsonObject = {
            "collector": found.collector_id,
            "stream": stream_id,
            "first": first,
            "last": last,
            "reason": reason,
            "statement": digest_text(envelope.id),
            "by": [person.subject for person in by],
        }
        audit.add(tx, workspace_id, Act(now, by[0].subject, "stream.close", detail))
        return said

    return store.write(act)


def set_rhythm(
    store: Store, workspace_id: str, collector_id: str, lag: timedelta, by: str, now: datetime, *, intermittent: bool
) -> None:
    """Say how a collector sends: within which lag, and whether it may be silent for any time.

    Raises `StateError` (`not_found`) without such a collector, `MalformedError` for a lag below 0 or above 90 days.
    """
    if not timedelta() <= lag <= MAX_LAG:
        raise MalformedError(Code.INVALID_FIELD, f"a lag of {lag}", f"0 to {MAX_LAG.days} days")

    def act(tx: Tx) -> None:
        collectors.get(tx, workspace_id, collector_id)
        collectors.set_rhythm(tx, workspace_id, collector_id, lag, intermittent=intermittent)
        detail: JsonObject = {
            "collector": collector_id,
            "intermittent": intermittent,
            "lagSeconds": int(lag.total_seconds()),
        }
        audit.add(tx, workspace_id, Act(now, by, "collector.rhythm", detail))

    store.write(act)


def _check_people(tx: Tx, workspace_id: str, collector_id: str, by: Sequence[Person]) -> None:
    # Nobody is two by having signed in at two places.
    different = {person.subject for person in by}
    needed = 2 if _compromised(tx, workspace_id, collector_id) else 1
    if not needed <= len(by) <= _MOST_PEOPLE or len(different) != len(by):
        hint = "a second person must say the same" if needed > 1 else "name one person, or two different ones"
        raise UntrustedError(Code.FORBIDDEN, f"{needed} people are needed to close this gap", hint)
    for person in by:
        if person.role not in _MAY_CLOSE:
            raise UntrustedError(Code.FORBIDDEN, f"{person.subject} is {person.role}", "an approver may close a gap")


def _compromised(tx: Tx, workspace_id: str, collector_id: str) -> bool:
    """Whether a key of a collector is revoked as compromised, and nobody took that back."""
    return any(
        key.collector_id == collector_id
        for row in revocations.every(tx, workspace_id)
        if row.kind is Loss.COMPROMISED and row.taken_back is None
        for key in revocations.keys_of(tx, workspace_id, row.number)
    )


def _check_end(found: StreamNow, first: int) -> None:
    """Refuse to end a stream that may go on, or elsewhere than behind what is known of it, or where it ended."""
    end = found.state.known_to + 1
    if found.state.standing is not Standing.ABANDONED:
        detail = f"the stream is {found.state.standing}: only one that its collector left behind is ended"
        raise StateError(Code.CONFLICT, detail, "close what is missing as ranges")
    if first != end or found.state.is_over:
        words = "is closed already" if found.state.is_over else f"goes up to {end - 1}, so its end begins at {end}"
        raise StateError(Code.CONFLICT, f"the stream {words}", "see carnet-receiver streams show")


def _conflict(found: StreamNow, rest: Range) -> StateError:
    first, last = rest
    holes = found.state.holes
    words, hint = "is here", "close only what is missing: see carnet-receiver streams show"
    if first > found.state.known_to:
        words = "was never known of"
    for kind, said in ((Lack.IN_FLIGHT, "is on its way"), (Lack.KNOWN_LOST, "is closed already")):
        if any(start <= first <= end for start, end in holes.get(kind, ())):
            words, last = said, first
    return StateError(Code.CONFLICT, f"number {first} {words}" if first == last else f"{first}-{last} {words}", hint)


def _one(tx: Tx, workspace_id: str, stream_id: bytes, now: datetime) -> StreamNow:
    found = stream_states.every(tx, workspace_id, now, stream_id=stream_id)
    if not found:
        raise StateError(
            Code.NOT_FOUND, "there is no such stream in this workspace", "see carnet-receiver streams list"
        )
    return found[0]


def _read_id(stream_id: str) -> bytes:
    try:
        found = bytes.fromhex(stream_id)
    except ValueError:
        found = b""
    if len(found.hex()) != len(stream_id) or not found or stream_id != found.hex():
        raise StateError(Code.NOT_FOUND, "there is no such stream in this workspace", "its id is 32 hex digits")
    return found


def _view(one: StreamNow) -> StreamView:
    heard = one.heard
    return StreamView(
        one.stream_id.hex(),
        one.collector_id,
        one.mark,
        one.head,
        one.state.known_to,
        one.state.standing,
        one.state.forked_from,
        one.state.in_order,
        one.state.complete,
        None if heard is None else heard.beat,
        None if heard is None else heard.received_at,
        closed=heard is not None and heard.closed,
        waiting=None if heard is None else heard.waiting,
        two_holders=one.state.two_holders,
        settled=one.state.standing is Standing.ABANDONED and one.state.is_over,
    )
