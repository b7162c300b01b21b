"""New keys for a fleet at work: 200 collectors send batches all the time, and one command turns all of their keys.

The collectors are simulated in one process and send in small batches with a heartbeat in each; receiver and command
are the real ones. A request that failed is one that was not answered 200, or in which anything was refused or held.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import tempfile
import time
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path

import aiohttp

from receiver import clock
from shared import dsse, wire
from shared.encoding import parse_object
from shared.keys import SEED_BYTES, Ed25519Signer
from shared.wire import BATCH_PATH
from tests.bench import members
from tests.bench.figures import Figure, Sizes, percentile
from tests.bench.members import Member
from tests.helpers import programs

COLLECTORS = 200
_ENTRIES = 2
_EVERY_SECONDS = 15.0
_AGAIN_SECONDS = 1.0
_PATIENCE_SECONDS = 300.0


@dataclass
class Phase:
    """What happened in a stretch of time."""

    seconds: list[float] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    @property
    def told(self) -> str:
        """How many requests there were, how many failed, how long they took."""
        return (
            f"{len(self.failed)} of {len(self.seconds):,} requests failed"
            f" (p99 {percentile(self.seconds, 0.99) * 1000:.0f} ms)"
        )


class Fleet:
    """All of them, sending until they are told to stop."""

    def __init__(self, url: str, some: list[Member]) -> None:
        """Take where to send to, and who sends."""
        self._url = url
        self._members = some
        self._stop = asyncio.Event()
        self.phase = Phase()
        self.turned: set[str] = set()
        self.all_turned = asyncio.Event()

    async def run(self) -> None:
        """Send; each of them at moments of its own."""
        async with aiohttp.ClientSession() as http:
            await asyncio.gather(*(self._send_on(http, one) for one in self._members))

    def stop(self) -> None:
        """Send no more."""
        self._stop.set()

    async def _send_on(self, http: aiohttp.ClientSession, member: Member) -> None:
        turn = False
        while not self._stop.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), random.uniform(0.5, 1.5) * _EVERY_SECONDS)  # noqa: S311
                return
            turn = await self._send(http, member, turn=turn)

    async def _send(self, http: aiohttp.ClientSession, member: Member, *, turn: bool) -> bool:
        """Send a batch, with a new key in it where one was asked for; says whether one is asked for by now."""
        spool, entries = member.spool, list[bytes]()
        if turn:
            # The heartbeat of this batch is judged by the keys as the batch leaves them, so the new one signs it.
            entries.append(spool.rotate(Ed25519Signer(os.urandom(SEED_BYTES))))
        entries += spool.entries(_ENTRIES)
        beat = spool.heartbeat(salt=os.urandom(16).hex(), sent_at=clock.utcnow())
        body = wire.emit_batch(spool.collector_id, os.urandom(16).hex(), entries, beat)
        status, said = await self._post(http, member, body)
        while status != HTTPStatus.OK:
            # As a collector does: what failed is sent again as it was.
            await asyncio.sleep(_AGAIN_SECONDS)
            status, said = await self._post(http, member, body)
        receipt, results = wire.parse_answer(said)
        if any(one.status != "accepted" for one in results):
            self.phase.failed.append(f"{[one.code for one in results]}")
        if turn:
            self.turned.add(spool.collector_id)
            if len(self.turned) == len(self._members):
                self.all_turned.set()
        return spool.collector_id not in self.turned and _asks_for_a_key(receipt)

    async def _post(self, http: aiohttp.ClientSession, member: Member, body: bytes) -> tuple[int, bytes]:
        phase, began = self.phase, time.perf_counter()
        async with http.post(self._url + BATCH_PATH, data=body, headers=member.headers) as answer:
            said = await answer.read()
        phase.seconds.append(time.perf_counter() - began)
        if answer.status != HTTPStatus.OK:
            phase.failed.append(f"{answer.status}: {said[:200]!r}")
        return answer.status, said


def measure(sizes: Sizes) -> list[Figure]:
    """Take the figure without a campaign, then with one."""
    with tempfile.TemporaryDirectory(prefix="carnet-bench-") as folder:
        data = Path(folder) / "data"
        with programs.receiver(data, data.with_name("log-0")):
            pass
        store = members.open_store(data)
        fleet = members.enrol(store, COLLECTORS)
        store.close()
        with programs.receiver(data, data.with_name("log-1")) as receiver:
            before, during, seconds = asyncio.run(
                _turn(receiver.url, data, fleet, max(sizes.scan_seconds, 2 * _EVERY_SECONDS))
            )
        told = json.loads(_command(data, "keys", "campaign"))
    return [
        Figure(
            f"a campaign over {COLLECTORS} collectors at work, each sending every {_EVERY_SECONDS:.0f} s",
            f"{during.told}; all keys turned after {seconds:.0f} s (`keys campaign`: {told['done']} done)",
            f"without it {before.told}",
            "none added",
        )
    ]


async def _turn(url: str, data: Path, some: list[Member], seconds: float) -> tuple[Phase, Phase, float]:
    fleet = Fleet(url, some)
    sending = asyncio.create_task(fleet.run())
    await asyncio.sleep(_EVERY_SECONDS * 1.5)  # each has sent at least once, so its token is known
    fleet.phase = before = Phase()
    await asyncio.sleep(seconds)
    fleet.phase = during = Phase()
    began = time.perf_counter()
    before_date = (clock.utcnow() + timedelta(days=1)).date().isoformat()
    await asyncio.to_thread(_command, data, "keys", "rotate", "--all", "--before", before_date)
    async with asyncio.timeout(_PATIENCE_SECONDS):
        await fleet.all_turned.wait()
    turned = time.perf_counter() - began
    await asyncio.sleep(max(0, seconds - turned))
    fleet.stop()
    await sending
    return before, during, turned


def _command(data: Path, *words: str) -> str:
    return programs.call("carnet-receiver", *words, "--data", str(data), "--output", "json")


def _asks_for_a_key(receipt: bytes) -> bool:
    said = parse_object(dsse.parse(receipt).payload)["predicate"]
    asked = said.get("requests", []) if isinstance(said, dict) else []
    return isinstance(asked, list) and any(isinstance(one, dict) and one.get("kind") == "rotate-key" for one in asked)
