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
from collector.course import Course, Pause, Shipped, ShipSettings, plain
from collector.exchange import Exchange, Patience, Post, StoppedError, Surroundings, plainly
from collector.introducing import Introducer
from collector.receipts import beat_receipt_id
from shared.errors import CarnetError, Code, MalformedError, StateError, TryLaterError, UntrustedError
from shared.wire import BATCH_PATH, HEARTBEAT_PATH, MAX_BATCH_BYTES, emit_batch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from collector.receipts import Beat, Sent, Settlement
    from shared.keys import PublicKey

__all__ = ["Pause", "Post", "ShipSettings", "Shipped", "Shipper", "Store", "Surroundings"]

_ROOM_BESIDE_ENTRIES = 512 << 10
"""What a batch holds besides its entries: the heartbeat with its lists, names, commas."""
_UNANSWERED_BEFORE_HALVING = 2
_PUT_BACK_IN_ONE_PASS = 10


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
    _course: Course = field(init=False)
    _head: CheckedHead = field(init=False)
    _introducer: Introducer = field(init=False)
    _pace: Pace = field(init=False)
    _unanswered: int = field(init=False, default=0)
    _beat_answered: bool = field(init=False, default=False)
    _next_beat: float = field(init=False, default=float("-inf"))
    _next_refresh: float = field(init=False, default=float("-inf"))
    _next_reminder: float = field(init=False, default=float("-inf"))

    def __post_init__(self) -> None:
        """Begin with full batches."""
        kept = self.settings
        patience = Patience(
            kept.retry_first_seconds, kept.retry_cap_seconds, kept.retry_attempts, stop_seconds=kept.stop_seconds
        )
        self._exchange = Exchange(self.collector_id, self.post, self.around, patience, self.stop)
        self._course = Course(kept, self.around, self._exchange, self.shipped)
        self._head = CheckedHead(self.store, self.own_keys, self.around.utcnow, self.around.tell)
        self._introducer = Introducer(self.collector_id, self.store, self._head, self._course, self._follow_keyring)
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
                self._course.failed(error)
                pause = Pause(self.settings.retry_cap_seconds * self.around.uniform(0.5, 1.0))

    async def drain(self) -> bool:
        """Ship what waits now, in one pass; True if nothing waits afterwards, False where something must wait."""
        try:
            return await plainly(self._drain())
        except StoppedError:
            return False
        except TryLaterError as error:
            self._course.failed(error)
            return False

    async def _drain(self) -> bool:
        batches = 0
        pause = await self._introducer.introduce()
        if pause is not None and (pause.failed or not await self._rest(pause)):
            return False
        while not self.stop.is_set():
            entries = await self._look()
            if not entries:
                if not batches and not await self._heard():
                    return False
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
        introduced = await self._introducer.introduce()
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
            due = min(due, self._introducer.next_at)
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

    async def _send(self, entries: list[Sent]) -> Pause:
        sequences = tuple(one.sequence for one in entries)
        batch_id = self.around.new_batch_id()
        beat = await self._make_beat()
        body = emit_batch(self.collector_id, batch_id, [one.envelope for one in entries], beat.envelope)
        leaving = [*(one.leaving for one in entries), beat.leaving]
        try:
            answer = await self._exchange.send(BATCH_PATH, body, leaving, patient=self._course.patient)
            settlement, results = await self._exchange.believe(batch_id, entries, answer.body)
        except CarnetError as error:
            await asyncio.to_thread(self.store.note_answer, sequences, str(error), self.around.utcnow())
            return self._not_sent(error, sequences)
        reasons = {sequences[one.index]: plain(one.detail) for one in results if one.index < len(sequences)}
        await asyncio.to_thread(self.store.settle, settlement, reasons, beat, self.around.utcnow())
        await self._plan_beat(settlement)
        self._count(settlement)
        await self._follow_keyring(settlement)
        return Pause(answer.pause_seconds)

    def _not_sent(self, error: CarnetError, sequences: tuple[int, ...]) -> Pause:
        now = self.around.monotonic()
        if isinstance(error, MalformedError):
            self._course.failed(error, entries=len(sequences))
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
        return self._course.pause_after(error, entries=len(sequences))

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
        if settlement.held:
            first, codes = settlement.held[0][0], {code or "" for _, code in settlement.held}
            self.around.tell("entries_held", first=first, entries=len(settlement.held), codes=sorted(codes))
        self.shipped.batches += 1
        self.shipped.delivered += len(settlement.delivered)
        self.shipped.quarantined += len(quarantined)
        self._course.good(settlement.received_at)

    async def _make_beat(self) -> Beat:
        return await asyncio.to_thread(self.store.heartbeat, self.around.utcnow())

    async def _plan_beat(self, settlement: Settlement) -> None:
        """Say when the next heartbeat is due, after a receipt that answered one."""
        asked = await asyncio.to_thread(lambda: self.store.beat_seconds)
        self._next_beat = self.around.monotonic() + self._course.next_beat(asked, settlement.received_at)

    async def _beat(self) -> Pause | None:
        """Send a heartbeat alone; gives the pause that it leads to, None where the entries may go."""
        beat = await self._make_beat()
        body = b'{"collectorId":"%b","heartbeat":%b}' % (self.collector_id.encode("ascii"), beat.envelope)
        self._next_beat = self.around.monotonic() + self._course.beat_interval()
        try:
            answer = await self._exchange.send(HEARTBEAT_PATH, body, [beat.leaving], patient=self._course.patient)
            settlement, _ = await self._exchange.believe(beat_receipt_id(beat.number), [], answer.body)
        except (MalformedError, StateError) as error:
            # Something is wrong with this heartbeat alone (its number, after the spool was restored from an old copy):
            # no reason to keep evidence back. What is wrong with the whole line, the batch is told as well.
            self._course.failed(error)
            return None
        except CarnetError as error:
            if error.code is Code.UNKNOWN_KEY and self.around.monotonic() >= self._next_reminder:
                # A receiver that was restored to before a rotation; where it is something else, this changes nothing.
                self._next_reminder = self.around.monotonic() + self._course.interval()
                self._course.failed(error)
                self.store.introduce_again()
                return None
            return self._course.pause_after(error)
        await asyncio.to_thread(self.store.settle, settlement, {}, beat, self.around.utcnow())
        await self._plan_beat(settlement)
        self.shipped.heartbeats += 1
        self._beat_answered = True
        self._course.good(settlement.received_at)
        await self._follow_keyring(settlement)
        return Pause(answer.pause_seconds) if answer.pause_seconds > 0 else None

    async def _heard(self) -> bool:
        """Send a heartbeat alone; True where a receipt answered it."""
        before = self.shipped.heartbeats
        await self._beat()
        return self.shipped.heartbeats > before

    async def _follow_keyring(self, settlement: Settlement) -> None:
        """Fetch the keyring where a receipt names a newer one, at most as often as there are heartbeats."""
        now = self.around.monotonic()
        if settlement.keyring_version <= self.around.keyring().content.version or now < self._next_refresh:
            return
        self._next_refresh = now + self._course.interval()
        try:
            await self._exchange.in_time(self.around.refresh_keyring())
        except CarnetError as error:
            self.around.tell("keyring_not_fetched", code=error.code.value, detail=str(error))

    async def _rest(self, pause: Pause) -> bool:
        """Wait as long as the pause says; False where a stop ended it."""
        if pause.seconds > 0 and not self.stop.is_set():
            await self.around.wait([self.stop, self.wake] if pause.idle else [self.stop], pause.seconds)
        return not self.stop.is_set()
