"""The one shipper: looks at the head of the spool, sends, settles; at least once, in order, for as long as it takes.

Invariants: an entry is settled by a believed receipt alone; every entry's signature is checked before it is sent;
there is no retry limit and no age limit; a stop interrupts every wait, never a transaction. While nobody answers, the
heartbeat is what is tried, and its first good receipt wakes the rest.

    REACHABLE --silence, or 429/5xx to the last attempt--> PROBING --receipt--> REACHABLE
    REACHABLE --429/5xx that names a wait--> that wait, then on
    either    --401 403 404 409--> a pause as long as between two heartbeats, entries pending, loud
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from collector.batching import Pace
from collector.checked import CheckedHead, Store
from collector.exchange import Exchange, Patience, Post, StoppedError, Surroundings, asked_seconds, plainly
from collector.receipts import beat_receipt_id
from shared.errors import CarnetError, Code, MalformedError, StateError, TryLaterError, UntrustedError
from shared.wire import BATCH_PATH, HEARTBEAT_PATH, MAX_BATCH_BYTES, MAX_BATCH_ENTRIES, emit_batch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from collector.receipts import Beat, Sent, Settlement
    from shared.keys import PublicKey

__all__ = ["Pause", "Post", "ShipSettings", "Shipped", "Shipper", "Store", "Surroundings"]

_ROOM_BESIDE_ENTRIES = 512 << 10
"""What a batch holds besides its entries: the heartbeat with its lists, names, commas."""
_UNANSWERED_BEFORE_HALVING = 2
_PUT_BACK_IN_ONE_PASS = 10


@dataclass(frozen=True, slots=True)
class ShipSettings:
    """Sizes and waits (seconds), as in the configuration."""

    max_entries: int = 100
    max_batch_bytes: int = 8 << 20
    heartbeat_seconds: float = 120
    retry_first_seconds: float = 1
    retry_cap_seconds: float = 60
    retry_attempts: int = 10
    put_back_first_seconds: float = 60
    put_back_cap_seconds: float = 3_600
    stop_seconds: float = 8


@dataclass(slots=True)
class Shipped:
    """Counters of what went well, and the last thing that did not; `reachable` is True by a receipt alone."""

    batches: int = 0
    delivered: int = 0
    quarantined: int = 0
    heartbeats: int = 0
    failures: int = 0
    reachable: bool | None = None
    last_error: str | None = None
    last_receipt_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Pause:
    """How long nothing is done (seconds); only an idle pause ends early when the spool has something new.

    `failed` says that what was tried settled nothing, and that trying again at once is of no use.
    """

    seconds: float = 0.0
    idle: bool = False
    failed: bool = False


@dataclass(slots=True)
class Shipper:
    """Ships until it is told to stop; `wake` says that the spool has something new."""

    collector_id: str
    own_keys: Callable[[], Sequence[PublicKey]]
    settings: ShipSettings
    store: Store
    post: Post
    around: Surroundings
    stop: asyncio.Event
    wake: asyncio.Event
    shipped: Shipped = field(default_factory=Shipped)
    _exchange: Exchange = field(init=False)
    _head: CheckedHead = field(init=False)
    _pace: Pace = field(init=False)
    _unanswered: int = field(init=False, default=0)
    _beat_answered: bool = field(init=False, default=False)
    _next_beat: float = field(init=False, default=float("-inf"))
    _next_refresh: float = field(init=False, default=float("-inf"))
    _next_introduction: float = field(init=False, default=float("-inf"))
    _next_reminder: float = field(init=False, default=float("-inf"))
    _asked_seconds: float | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        """Begin with full batches."""
        kept = self.settings
        patience = Patience(
            kept.retry_first_seconds, kept.retry_cap_seconds, kept.retry_attempts, stop_seconds=kept.stop_seconds
        )
        self._exchange = Exchange(self.collector_id, self.post, self.around, patience, self.stop)
        self._head = CheckedHead(self.store, self.own_keys, self.around.utcnow, self.around.tell)
        self._pace = Pace.start(kept.max_entries, kept.put_back_first_seconds, kept.put_back_cap_seconds)

    async def run(self) -> None:
        """Ship until `stop` is set; raises only what is our own bug or a broken spool."""
        pause = Pause()
        while await self._rest(pause):
            try:
                pause = await plainly(self.step())
            except StoppedError:
                return
            except TryLaterError as error:
                # The spool's own: its disk, or another program, is in the way. The receiver's never come up to here.
                self._failed(error)
                pause = Pause(self.settings.retry_cap_seconds * self.around.uniform(0.5, 1.0))

    async def drain(self) -> bool:
        """Ship what waits now, in one pass; True if nothing waits afterwards, False where something must wait."""
        try:
            return await plainly(self._drain())
        except StoppedError:
            return False
        except TryLaterError as error:
            self._failed(error)
            return False

    async def _drain(self) -> bool:
        batches = 0
        pause = await self._introduce()
        if pause is not None and (pause.failed or not await self._rest(pause)):
            return False
        while not self.stop.is_set():
            entries = await self._look()
            if not entries:
                if not batches:
                    await self._beat()
                return not self._pace.waiting and not self.store.owes_introduction
            pause = await self._send(entries)
            batches += 1
            if pause.failed or self._pace.put_backs >= _PUT_BACK_IN_ONE_PASS or not await self._rest(pause):
                break
        return False

    @property
    def _room(self) -> int:
        """Bytes of entries that a batch may hold, whatever is configured."""
        return min(self.settings.max_batch_bytes, MAX_BATCH_BYTES - _ROOM_BESIDE_ENTRIES)

    async def step(self) -> Pause:
        """Do one thing, and give the pause before the next one."""
        introduced = await self._introduce()
        if introduced is not None:
            return introduced
        # Each batch brings a heartbeat along, so that one goes alone only while it is not clear that batches get there.
        if self.shipped.reachable is not True or (self.shipped.last_error is not None and self._beat_is_due()):
            pause = await self._beat()
            if pause is not None:
                return pause
        entries = await self._look()
        if entries:
            return await self._send(entries)
        if self._beat_is_due():
            return await self._beat() or Pause()
        waiting = self._pace.next_due()
        due = self._next_beat if waiting is None else min(self._next_beat, waiting)
        if self.store.owes_introduction:
            due = min(due, self._next_introduction)
        return Pause(max(0.0, due - self.around.monotonic()), idle=True)

    def _beat_is_due(self) -> bool:
        return self.around.monotonic() >= self._next_beat

    async def _look(self) -> list[Sent]:
        """Give the head of the spool as far as it is due, checked; what was damaged is out of the way afterwards."""
        while True:
            # Cleared before looking: what comes in afterwards sets it again, and is not overlooked.
            self.wake.clear()
            now = self.around.monotonic()
            found = await self._head.look(self._pace.limit, self._room, self._pace.passed_over(now))
            self.shipped.quarantined += found.damaged
            if found.good:
                return found.good
            if not found.damaged:
                self._pace = self._pace.forget_due(now)
                return []

    async def _introduce(self) -> Pause | None:
        """Send the rotations of this collector's key where the receiver may not know them all, and nothing else.

        They go before every heartbeat and entry that it could not verify otherwise. Gives the pause that they lead to,
        None where the rest may go: what stands behind a rotation that was not taken stays in the spool.
        """
        if not self.store.owes_introduction or self.around.monotonic() < self._next_introduction:
            return None
        rotations, asked, taken = await self._head.introductions(), 0.0, True
        for start in range(0, len(rotations), MAX_BATCH_ENTRIES):
            piece = rotations[start : start + MAX_BATCH_ENTRIES]
            try:
                asked, all_taken = await self._introduce_piece(piece)
                taken = taken and all_taken
            except (MalformedError, StateError) as error:
                # No reason to keep back what the older key signed.
                self._failed(error, rotations=len(piece))
                taken = False
                break
            except CarnetError as error:
                return self._pause_after(error, rotations=len(piece))
        if rotations and taken:
            await asyncio.to_thread(self.store.note_introduced)
        if self.store.owes_introduction:
            self._next_introduction = self.around.monotonic() + self._interval()
        return Pause(asked) if asked > 0 else None

    async def _introduce_piece(self, rotations: Sequence[Sent]) -> tuple[float, bool]:
        """Send a batch of rotations; gives how long to pause then, and whether all of them were taken."""
        batch_id = self.around.new_batch_id()
        body = emit_batch(self.collector_id, batch_id, [one.envelope for one in rotations], None)
        patient = self.shipped.reachable is not False
        answer = await self._exchange.send(BATCH_PATH, body, [one.leaving for one in rotations], patient=patient)
        settlement, results = await self._exchange.believe(batch_id, rotations, answer.body)
        reasons = {rotations[one.index].sequence: _plain(one.detail) for one in results if one.index < len(rotations)}
        await asyncio.to_thread(self.store.settle, settlement, reasons, None, self.around.utcnow())
        self._good(settlement.received_at)
        taken = len(settlement.delivered) == len(rotations)
        if not taken:
            refused = [*settlement.waiting, *(sequence for sequence, _ in settlement.quarantined)]
            self.around.tell(
                "rotation_not_taken", sequences=refused, codes=[code for _, code in settlement.quarantined]
            )
            self.shipped.last_error = f"the receiver did not take the rotation at {refused[0]}"
        await self._follow_keyring(settlement)
        return answer.pause_seconds, taken

    async def _send(self, entries: list[Sent]) -> Pause:
        sequences = tuple(one.sequence for one in entries)
        batch_id = self.around.new_batch_id()
        beat = await self._make_beat()
        body = emit_batch(self.collector_id, batch_id, [one.envelope for one in entries], beat.envelope)
        leaving = [*(one.leaving for one in entries), beat.leaving]
        try:
            answer = await self._exchange.send(BATCH_PATH, body, leaving, patient=self.shipped.reachable is not False)
            settlement, results = await self._exchange.believe(batch_id, entries, answer.body)
        except CarnetError as error:
            await asyncio.to_thread(self.store.note_answer, sequences, str(error), self.around.utcnow())
            return self._not_sent(error, sequences)
        reasons = {sequences[one.index]: _plain(one.detail) for one in results if one.index < len(sequences)}
        await asyncio.to_thread(self.store.settle, settlement, reasons, beat, self.around.utcnow())
        self._count(settlement)
        self._next_beat = self.around.monotonic() + self._beat_interval()
        await self._follow_keyring(settlement)
        return Pause(answer.pause_seconds)

    def _not_sent(self, error: CarnetError, sequences: tuple[int, ...]) -> Pause:
        now = self.around.monotonic()
        if isinstance(error, MalformedError):
            self._failed(error, entries=len(sequences))
            self._pace = self._pace.refused(sequences, now)
            # One poisoned entry costs nobody any time; where each one is refused, the fault is not in the entries.
            again = self._pace.put_backs - 1
            ceiling = self._exchange.patience.ceiling(again) if again > 0 else 0.0
            return Pause(self.around.uniform(0.0, ceiling))
        if not isinstance(error, UntrustedError | StateError):
            # Heartbeats are answered and this batch never is: what cuts it off may be its size, or one of its entries.
            self._unanswered += self._beat_answered
            self._beat_answered = False
            if self._unanswered >= _UNANSWERED_BEFORE_HALVING:
                self._pace = self._pace.refused(sequences, now)
        return self._pause_after(error, entries=len(sequences))

    def _count(self, settlement: Settlement) -> None:
        quarantined = [sequence for sequence, _ in settlement.quarantined]
        self._pace = self._pace.settled(frozenset((*settlement.delivered, *quarantined)))
        self._unanswered = 0
        if settlement.waiting:
            self._pace = self._pace.put_back(settlement.waiting, self.around.monotonic())
            self.around.tell("key_unknown_to_receiver", entries=len(settlement.waiting))
            self.store.introduce_again()
        for sequence, code in settlement.quarantined:
            self.around.tell("entry_quarantined", sequence=sequence, code=code)
        self.shipped.batches += 1
        self.shipped.delivered += len(settlement.delivered)
        self.shipped.quarantined += len(quarantined)
        self._good(settlement.received_at)

    async def _make_beat(self) -> Beat:
        beat = await asyncio.to_thread(self.store.heartbeat, self.around.utcnow())
        self._asked_seconds = beat.every_seconds
        return beat

    async def _beat(self) -> Pause | None:
        """Send a heartbeat alone; gives the pause that it leads to, None where the entries may go."""
        beat = await self._make_beat()
        body = b'{"collectorId":"%b","heartbeat":%b}' % (self.collector_id.encode("ascii"), beat.envelope)
        self._next_beat = self.around.monotonic() + self._beat_interval()
        try:
            patient = self.shipped.reachable is not False
            answer = await self._exchange.send(HEARTBEAT_PATH, body, [beat.leaving], patient=patient)
            settlement, _ = await self._exchange.believe(beat_receipt_id(beat.number), [], answer.body)
        except (MalformedError, StateError) as error:
            # Something is wrong with this heartbeat alone (its number, after the spool was restored from an old copy):
            # no reason to keep evidence back. What is wrong with the whole line, the batch is told as well.
            self._failed(error)
            return None
        except CarnetError as error:
            if error.code is Code.UNKNOWN_KEY and self.around.monotonic() >= self._next_reminder:
                # A receiver that was restored to before a rotation; where it is something else, this changes nothing.
                self._next_reminder = self.around.monotonic() + self._interval()
                self.store.introduce_again()
                return None
            return self._pause_after(error)
        await asyncio.to_thread(self.store.settle, settlement, {}, beat, self.around.utcnow())
        self.shipped.heartbeats += 1
        self._beat_answered = True
        self._good(settlement.received_at)
        await self._follow_keyring(settlement)
        return Pause(answer.pause_seconds) if answer.pause_seconds > 0 else None

    async def _follow_keyring(self, settlement: Settlement) -> None:
        """Fetch the keyring where a receipt names a newer one, at most as often as there are heartbeats."""
        now = self.around.monotonic()
        if settlement.keyring_version <= self.around.keyring().content.version or now < self._next_refresh:
            return
        self._next_refresh = now + self._interval()
        try:
            await self._exchange.in_time(self.around.refresh_keyring())
        except CarnetError as error:
            self.around.tell("keyring_not_fetched", code=error.code.value, detail=str(error))

    def _pause_after(self, error: CarnetError, **facts: object) -> Pause:
        self._failed(error, **facts)
        interval = self._interval()
        if isinstance(error, UntrustedError | StateError):
            return Pause(interval, failed=True)
        asked = asked_seconds(error)
        if asked is None:
            self.shipped.reachable = False
            return Pause(interval, failed=True)
        named = self._exchange.spread(asked)
        return Pause(max(interval, named) if self.shipped.reachable is False else named, failed=True)

    def _failed(self, error: CarnetError, **facts: object) -> None:
        self.shipped.failures += 1
        self.shipped.last_error = str(error)
        slow = isinstance(error, UntrustedError | StateError)
        self.around.tell("not_let_in" if slow else "not_delivered", code=error.code.value, detail=str(error), **facts)

    def _good(self, received_at: datetime) -> None:
        if self.shipped.reachable is False:
            self.around.tell("receiver_answers_again")
        self.shipped.reachable = True
        self.shipped.last_error = None
        self.shipped.last_receipt_at = received_at

    def _beat_interval(self) -> float:
        """Between two heartbeats, as the receiver asked for; how often an unreachable one is tried is ours to say."""
        seconds = self._asked_seconds or self.settings.heartbeat_seconds
        return seconds * self.around.uniform(0.8, 1.2)

    def _interval(self) -> float:
        return self.settings.heartbeat_seconds * self.around.uniform(0.8, 1.2)

    async def _rest(self, pause: Pause) -> bool:
        """Wait as long as the pause says; False where a stop ended it."""
        if pause.seconds > 0 and not self.stop.is_set():
            await self.around.wait([self.stop, self.wake] if pause.idle else [self.stop], pause.seconds)
        return not self.stop.is_set()


def _plain(detail: str | None) -> str:
    """Words that come beside a receipt are signed by nobody: none of them may steer a terminal."""
    return "".join(char if char.isprintable() else " " for char in detail or "")
