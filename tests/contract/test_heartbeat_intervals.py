"""A collector that obeys another interval of heartbeats is not silent, and one that falls silent is found by it.

The collector's own shipper and the receiver's own use cases, with nothing but simulated time between them; the receiver
looks round every two minutes.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from collector.attest import Identity
from collector.client import Answer
from collector.keys import Keys
from collector.leaving import Leaving, destination
from collector.obeying import Obedience
from collector.queueing import Queue
from collector.ship import Shipper, ShipSettings, Surroundings
from collector.spool import Spool, SpoolSettings
from receiver import ask, lookup, watch
from receiver.core.asking import Wanted
from receiver.core.beats import split_body
from receiver.core.completeness import Standing
from shared import dsse
from shared.encoding import sha256
from shared.keyring import open_keyring
from shared.requests import RequestKind
from shared.wire import HEARTBEAT_PATH
from tests.fakes.time import SimulatedTime
from tests.helpers import build
from tests.helpers.fleet import Receiver, make_receiver
from tests.helpers.spools import EPOCH

MINUTE, HOUR = 60, 3_600
LOOK = 2 * MINUTE
LONG = 15 * MINUTE


@dataclass
class Watched:
    """A collector, its receiver, and how its stream stood whenever the receiver looked."""

    receiver: Receiver
    shipper: Shipper
    queue: Queue
    time: SimulatedTime
    stood: list[Standing] = field(default_factory=list)

    def ask(self, seconds: int) -> None:
        """Ask for heartbeats in this interval from now on."""
        self.receiver.now = self.time.utcnow()
        wanted = Wanted(RequestKind.HEARTBEAT, seconds=seconds)
        about = (self.receiver.store, self.receiver.workspace_id, ["*"], wanted, "operator")
        ask.ask(*about, self.receiver.now, self.receiver.random)

    def look(self) -> None:
        self.receiver.now = self.time.utcnow()
        totals = watch.look(self.receiver.store, self.receiver.workspace_id, self.receiver.now)
        self.stood += list(totals.standing)

    async def run_for(self, seconds: float) -> None:
        """Let the collector ship for so long; the receiver looks round every two minutes."""
        self.shipper.stop.clear()
        for moment in range(LOOK, int(seconds) + 1, LOOK):
            self.time.after(moment, self.look)
        self.time.after(seconds, self.shipper.stop.set)
        await asyncio.wait_for(self.shipper.run(), 60)

    def pass_without_it(self, seconds: int) -> list[Standing]:
        """Let the time pass with the collector away; gives how its stream stood."""
        before = len(self.stood)
        for _ in range(0, seconds, LOOK):
            self.time.monotonic_now += LOOK
            self.look()
        return self.stood[before:]


@contextmanager
def joined(folder: Path, obedience: Obedience | None = None) -> Iterator[Watched]:
    receiver, time, chance = make_receiver(folder), SimulatedTime(), random.Random(5)  # noqa: S311 - no secrets here
    told, caller = receiver.enrol()
    identity = Identity(receiver.audience, told.collector_id, "1.0.0", sha256(b"config"))
    spool = Spool.open(
        folder / "state" / "spool.db",
        SpoolSettings(ballast_bytes=4096),
        collector_id=told.collector_id,
        new_stream_id=told.stream_id,
        now=time.utcnow(),
    )
    keyring = open_keyring(
        dsse.parse(lookup.keyring(receiver.store, receiver.workspace_id).versions[-1]), receiver.root.public
    )

    async def post(path: str, body: bytes, leaving: Sequence[Leaving], /) -> Answer:
        receiver.now = time.utcnow()
        queue.leave(leaving, receiver.now)
        assert path == HEARTBEAT_PATH, "nothing is captured here"
        return Answer(200, receiver.take_heartbeat(caller, split_body(body)[1]), 0.0)

    async def never() -> bool:
        return False

    queue = Queue(
        spool,
        identity,
        Keys.of(told.key, build.NOW),
        destination("https://receiver.example.com", identity.audience),
        EPOCH,
        chance.randbytes,
        lambda *_, **__: None,
        obedience or Obedience(),
    )
    around = Surroundings(
        utcnow=time.utcnow,
        monotonic=time.monotonic,
        uniform=chance.uniform,
        new_batch_id=lambda: chance.randbytes(16).hex(),
        keyring=lambda: keyring,
        refresh_keyring=never,
        goes_by_key=never,
        tell=lambda *_, **__: None,
        wait=time.wait,
    )
    shipper = Shipper(
        told.collector_id,
        lambda: queue.keys.now.own,
        ShipSettings(),
        queue,
        post,
        around,
        asyncio.Event(),
        asyncio.Event(),
    )
    found = Watched(receiver, shipper, queue, time)
    found.look()
    try:
        yield found
    finally:
        spool.close()
        receiver.store.close()


def beats(one: Watched) -> int:
    return one.shipper.shipped.heartbeats


async def test_f44_a_longer_interval_is_obeyed_and_is_no_silence_and_real_silence_is_found_by_it(
    tmp_path: Path,
) -> None:
    with joined(tmp_path) as one:
        one.ask(LONG)
        await one.run_for(10 * MINUTE)
        before = beats(one)
        await one.run_for(6 * LONG)
        assert 4 <= beats(one) - before <= 8
        assert set(one.stood) == {Standing.LIVE}
        alone = one.pass_without_it(4 * LONG)
        late = alone.index(Standing.SILENT) * LOOK
        assert 1.5 * LONG <= late <= 3 * LONG, "three intervals since the last heartbeat, which was a while ago"
        await one.run_for(5 * MINUTE)
        assert one.stood[-1] is Standing.LIVE, "as soon as it is back, not an interval later"


@pytest.mark.parametrize("seconds", [60, 300])
async def test_f44_going_back_to_a_shorter_interval_is_no_silence(tmp_path: Path, seconds: int) -> None:
    with joined(tmp_path) as one:
        one.ask(LONG)
        await one.run_for(2 * LONG)
        one.ask(seconds)
        await one.run_for(3 * LONG)
        before = beats(one)
        await one.run_for(LONG)
        assert beats(one) - before >= LONG / seconds / 1.3 - 1
        assert set(one.stood) == {Standing.LIVE}
        assert Standing.SILENT in one.pass_without_it(4 * max(seconds, 120) + LOOK)


async def test_f44_a_newer_request_before_the_older_one_was_answered_is_no_silence(tmp_path: Path) -> None:
    with joined(tmp_path) as one:
        one.ask(LONG)
        await one.run_for(30)
        one.ask(120)
        # It has obeyed, and says so in its next heartbeat; until then nobody can tell it anything else.
        assert set(one.pass_without_it(2 * LONG)) == {Standing.LIVE}
        await one.run_for(10 * MINUTE)
        assert one.stood[-1] is Standing.LIVE
        assert Standing.SILENT in one.pass_without_it(10 * MINUTE)


async def test_f44_what_the_configuration_does_not_allow_changes_nothing_on_either_side(tmp_path: Path) -> None:
    with joined(tmp_path, Obedience(heartbeat=False)) as one:
        one.ask(LONG)
        await one.run_for(LONG)
        assert beats(one) >= 6
        assert set(one.stood) == {Standing.LIVE}
        assert Standing.SILENT in one.pass_without_it(10 * MINUTE)
