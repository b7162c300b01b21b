"""Heartbeats of a whole fleet at one receiver: how much of a processor they take, and what they make it store.

They come as those of 5,000 collectors do: 42 a second at moments of their own, each over a connection of its own (two
minutes are longer than a receiver keeps one open), one in five with a token whose use is noted (every ten minutes).
"""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import aiohttp

from receiver import clock, hear, watch
from receiver.app import Signers
from receiver.hear import Posted
from receiver.named_secrets import read_master_key
from receiver.store.engine import Store
from shared.wire import HEARTBEAT_PATH
from tests.bench import members, raw
from tests.bench.figures import Figure, Sizes
from tests.bench.members import Member
from tests.helpers import programs

FLEET = 5_000
_EVERY_SECONDS = 120
_BEATS_EACH = 5
_TOGETHER = 64
_LOOKS_SECONDS = 60
_TICKS = os.sysconf("SC_CLK_TCK")


def measure(sizes: Sizes) -> list[Figure]:
    """Take the figures of heartbeats that come alone, as they do from collectors with nothing to send."""
    with tempfile.TemporaryDirectory(prefix="carnet-bench-") as folder:
        data = Path(folder) / "data"
        with programs.receiver(data, data.with_name("log-0")):
            pass
        fleet = _fleet(data)
        taken = _stored(data)
        look = _look(data)
        warm, beating = fleet[:20], fleet[20 : 20 + sizes.requests]
        with programs.receiver(data, data.with_name("log-1")) as receiver:
            asyncio.run(_beat(receiver.url, warm, 2))
            verifies, used, grown = raw.verify_rate(), cpu_seconds(receiver.process.pid), _stored(data)
            asyncio.run(_beat(receiver.url, beating, _BEATS_EACH))
            each = (cpu_seconds(receiver.process.pid) - used) / (len(beating) * _BEATS_EACH)
            verifies = (verifies + raw.verify_rate()) / 2
        growth = (_stored(data) - grown) / (len(beating) * _BEATS_EACH)
    return [
        Figure(
            f"heartbeats of {FLEET:,} collectors, one each {_EVERY_SECONDS} s",
            f"{each * 1000:.2f} ms of a processor each, as {each * verifies:.0f} verifications"
            f" ({len(beating) * _BEATS_EACH:,} of them)",
            f"{each * FLEET / _EVERY_SECONDS:.1%} of one core",
            "<= 5 %",
        ),
        Figure(
            "bytes that they make the receiver store",
            f"{taken / FLEET:,.0f} for each collector, {growth:,.0f} more for each heartbeat after its first",
        ),
        Figure(
            f"looking over their {FLEET:,} streams, each {_LOOKS_SECONDS} s",
            f"{look * 1000:.0f} ms of a processor",
            f"{look / _LOOKS_SECONDS:.1%} of one core",
        ),
    ]


def _fleet(data: Path) -> list[Member]:
    """Enrol the whole fleet, and have everybody heard once."""
    store, signers = members.open_store(data), Signers(read_master_key(data / "master.key"))
    try:
        fleet = members.enrol(store, FLEET)
        for first in range(0, FLEET, _TOGETHER):
            _hear(store, signers, fleet[first : first + _TOGETHER])
    finally:
        store.close()
    return fleet


def _hear(store: Store, signers: Signers, some: Sequence[Member]) -> None:
    ours = signers.of(store, some[0].caller.workspace_id)
    posted = [Posted(one.caller, one.beat()) for one in some]
    for answer in hear.take(store, ours, posted, clock.utcnow(), os.urandom):
        if not isinstance(answer, bytes):
            raise answer


def _look(data: Path) -> float:
    """Seconds of a processor that it takes to look over all streams, once what is new of them was noted."""
    store = members.open_store(data)
    try:
        (workspace_id,) = watch.all_workspaces(store)
        watch.look(store, workspace_id, clock.utcnow())
        began = time.thread_time()
        watch.look(store, workspace_id, clock.utcnow())
        return time.thread_time() - began
    finally:
        store.close()


async def _beat(url: str, some: Sequence[Member], times: int) -> None:
    """Have some members beat so often, at the pace of the whole fleet."""
    seconds = len(some) * times * _EVERY_SECONDS / FLEET
    waiting = [(random.uniform(0, seconds), member) for _ in range(times) for member in some]  # noqa: S311

    async def send(http: aiohttp.ClientSession, at: float, member: Member) -> None:
        await asyncio.sleep(at)
        async with http.post(url + HEARTBEAT_PATH, data=member.beat(), headers=member.headers) as answer:
            said = await answer.read()
        # Two of the same collector may pass each other: never within two minutes, but within these few seconds.
        if answer.status not in (200, 409):
            msg = f"a heartbeat was answered {answer.status}: {said[:300]!r}"
            raise RuntimeError(msg)

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as http:
        await asyncio.gather(*(send(http, at, member) for at, member in waiting))


def _stored(data: Path) -> int:
    """Bytes of the pages of heartbeats and their index."""
    with sqlite3.connect(data / "receiver.db") as connection:
        (found,) = connection.execute("SELECT sum(pgsize) FROM dbstat WHERE name LIKE '%heartbeats%'").fetchone()
    connection.close()
    return int(found)


def cpu_seconds(pid: int) -> float:
    """Processor time of a process and of those it waited for, from proc(5)."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return sum(int(one) for one in fields[11:15]) / _TICKS
