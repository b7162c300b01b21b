"""The rotations of this collector's key are told to a receiver that may not know them all, before anything else goes.

    not receipted --accepted, or a duplicate whose new key is given access--> introduced
                  --held, or a duplicate whose new key is not---------------> held: the old key stays
                  --refused---------------------------------------------> not taken: told again, slowly

Invariant: a new key counts as introduced only where the receiver goes by it. A duplicate does not say so: the receipt
that the first answer was lost with may have held it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from collector.course import Course, Pause, plain
from shared.errors import CarnetError, MalformedError, StateError
from shared.wire import BATCH_PATH, MAX_BATCH_ENTRIES, emit_batch

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from collector.checked import CheckedHead, Store
    from collector.receipts import Sent, Settlement

_LOOK_SECONDS = 3_600
"""How often a receiver that holds the last rotation is asked whether it goes by the new key after all."""


@dataclass(slots=True)
class Introducer:
    """Tells rotations for one collector; `follow` looks at every receipt for a newer keyring."""

    collector_id: str
    store: Store
    head: CheckedHead
    course: Course
    follow: Callable[[Settlement], Awaitable[None]]
    next_at: float = field(init=False, default=float("-inf"))
    """The earliest moment of the next try (monotonic seconds)."""
    _look_at: float = field(init=False, default=float("-inf"))

    async def introduce(self) -> Pause | None:
        """Send the rotations of this collector's key where the receiver may not know them all, and nothing else.

        They go before every heartbeat and entry that it could not verify otherwise. Gives the pause that they lead to,
        None where the rest may go: what stands behind a rotation that was not taken stays in the spool.
        """
        self._remind()
        if not self.store.owes_introduction or self._now() < self.next_at:
            return None
        rotations, asked, taken = await self.head.introductions(), 0.0, True
        for start in range(0, len(rotations), MAX_BATCH_ENTRIES):
            piece = rotations[start : start + MAX_BATCH_ENTRIES]
            try:
                asked, all_taken = await self._send(piece)
                taken = taken and all_taken
            except (MalformedError, StateError) as error:
                # No reason to keep back what the older key signed.
                self.course.failed(error, rotations=len(piece))
                taken = False
                break
            except CarnetError as error:
                return self.course.pause_after(error, rotations=len(piece))
        if rotations:
            await asyncio.to_thread(self.store.note_told, taken=taken)
        if self.store.owes_introduction:
            self.next_at = self._now() + self.course.interval()
        return Pause(asked) if asked > 0 else None

    def _remind(self) -> None:
        """While the last rotation is held, ask again and again, but not often, what became of it."""
        if self.store.rotation_held and self._now() >= self._look_at:
            self._look_at = self._now() + _LOOK_SECONDS
            self.store.introduce_again()

    async def _send(self, rotations: Sequence[Sent]) -> tuple[float, bool]:
        """Send a batch of rotations; gives how long to pause then, and whether all of them were taken."""
        course, exchange, around = self.course, self.course.exchange, self.course.around
        batch_id = around.new_batch_id()
        body = emit_batch(self.collector_id, batch_id, [one.envelope for one in rotations], None)
        answer = await exchange.send(BATCH_PATH, body, [one.leaving for one in rotations], patient=course.patient)
        settlement, results = await exchange.believe(batch_id, rotations, answer.body)
        settlement = await self._proven(rotations, settlement)
        reasons = {rotations[one.index].sequence: plain(one.detail) for one in results if one.index < len(rotations)}
        await asyncio.to_thread(self.store.settle, settlement, reasons, None, around.utcnow())
        course.good(settlement.received_at)
        if settlement.held:
            sequences = [sequence for sequence, _ in settlement.held]
            codes = [code or "duplicate" for _, code in settlement.held]
            around.tell("rotation_held", sequences=sequences, codes=codes)
        taken = len(settlement.delivered) == len(rotations)
        if not taken:
            refused = [*settlement.waiting, *(sequence for sequence, _ in settlement.quarantined)]
            around.tell("rotation_not_taken", sequences=refused, codes=[code for _, code in settlement.quarantined])
            course.shipped.last_error = f"the receiver did not take the rotation at {refused[0]}"
        await self.follow(settlement)
        return answer.pause_seconds, taken

    async def _proven(self, rotations: Sequence[Sent], settlement: Settlement) -> Settlement:
        """Count duplicates as held unless the receiver gives access to the key that signs now.

        A rotation of which the receiver is known to go by its key needs no proof. Raises what asking for access does
        where it was not answered; then nothing is settled, and all of it is told again.
        """
        said = {sequence for sequence, _ in settlement.held}
        doubtful = [
            one.sequence
            for one in rotations
            if one.sequence in settlement.duplicates and one.sequence not in said and not one.introduced
        ]
        if not doubtful or await self.course.exchange.in_time(self.course.around.goes_by_key()):
            return settlement
        return replace(settlement, held=(*settlement.held, *((one, None) for one in doubtful)))

    def _now(self) -> float:
        return self.course.around.monotonic()
