"""The fault scenarios over both real programs: run at CI size by the tests, at long size by `make fault`."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from collector.spool import State
from tests.fakes.proxy import Proxy
from tests.fault.oracle import Oracle, Verdict
from tests.helpers.rig import Rig, eventually, rig

DRAIN_SECONDS = 60.0
RESTART_SECONDS = 30.0
STOP_SECONDS = 1.0
STOP_MARGIN_SECONDS = 9.0
_COLLECTORS_SHARE = 0.6


@dataclass(frozen=True)
class Survived:
    """What is left after the kills."""

    verdict: Verdict
    unlisted: int
    fsck: int
    holes: int
    first_delivery_seconds: float
    kills: int

    @property
    def good(self) -> bool:
        return (
            self.verdict.clean
            and not (self.unlisted or self.fsck or self.holes)
            and self.first_delivery_seconds <= RESTART_SECONDS
        )

    def __str__(self) -> str:
        return (
            f"{self.verdict}, unlisted {self.unlisted}, fsck {self.fsck}, holes {self.holes}, {self.kills} kills, "
            f"restart to first delivery {self.first_delivery_seconds:.1f} s"
        )


def kill_and_restart(folder: Path, *, attestations: int, kills: int, seed: int) -> Survived:
    """R1: kill -9 of collector and of receiver at random moments while files arrive; then judge."""
    chance, oracle = random.Random(seed), Oracle()  # noqa: S311 - the same in every run
    small = {"max_entries": 25, "heartbeat_seconds": 0.3}
    with rig(folder, ship=small) as one:
        one.start_receiver()
        one.start_collector()
        with _writing(one, oracle, attestations, per_second=attestations / kills) as written:
            starts = 1
            for _ in range(kills):
                # While the one starts, the other works, or is killed as well.
                if chance.random() < _COLLECTORS_SHARE:
                    eventually("the collector is up", partial(_has_started, one, starts))
                    threading.Event().wait(chance.uniform(0.0, 1.0))
                    one.kill(one.collector)
                    starts = one.starts + 1
                    one.start_collector(wait=False)
                else:
                    eventually("the receiver is up", one.serves)
                    threading.Event().wait(chance.uniform(0.0, 1.0))
                    one.kill(one.receiver)
                    one.start_receiver(wait=False)
            written.set()
        one.kill(one.collector)
        one.kill(one.receiver)
        began = time.monotonic()
        _drop(one, oracle)
        one.start_receiver()
        before = one.count()
        one.start_collector()
        eventually("something is delivered after the restart", lambda: one.count() > before, RESTART_SECONDS)
        first = time.monotonic() - began
        eventually("all is delivered", lambda: one.count() >= len(oracle.promised), DRAIN_SECONDS + attestations / 50)
        eventually("all is settled", lambda: one.pending() == 0)
        assert one.stop_collector() == 0
        assert one.stop_receiver() == 0
        unlisted = len(one.ids() - one.listed())
        return Survived(_judge(one, oracle), unlisted, len(one.fsck(ok=(0, 65))), _holes(one), first, kills + 2)


def _has_started(one: Rig, times: int) -> bool:
    return one.starts >= times


def _judge(one: Rig, oracle: Oracle) -> Verdict:
    with one.reader() as reader:
        rows = reader.list(State.DELIVERED, limit=1_000_000)
        spooled = {row.id: reader.show(row.sequence).envelope or b"" for row in rows}
    return oracle.judge(one.envelopes(), spooled, one.key)


def _holes(one: Rig) -> int:
    sequences = {row.sequence for row in one.spooled()}
    return max(sequences, default=-1) + 1 - len(sequences)


def _drop(one: Rig, oracle: Oracle) -> None:
    name, content = oracle.report()
    one.drop(name, content)
    oracle.promise(name, content)


@contextmanager
def _writing(one: Rig, oracle: Oracle, count: int, per_second: float) -> Iterator[threading.Event]:
    """Write reports beside whatever happens in the block; in a hurry once the event is set, and all by the end."""
    hurry = threading.Event()

    def write() -> None:
        for number in range(1, count):
            _drop(one, oracle)
            if not hurry.is_set() and number % 10 == 0:
                hurry.wait(10 / per_second)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield hurry
    finally:
        hurry.set()
        writer.join()


@dataclass(frozen=True)
class Stopped:
    """How a daemon that was told to stop ended, and what it had settled without the receiver having it."""

    moment: str
    exit_status: int
    seconds: float
    unreceipted: int

    @property
    def good(self) -> bool:
        return not self.exit_status and not self.unreceipted and self.seconds <= STOP_SECONDS + STOP_MARGIN_SECONDS


def stop_anywhere(folder: Path, *, points: int, seed: int) -> tuple[list[Stopped], Verdict]:
    """R6: SIGTERM at random moments, with a receiver that is alive, dead, or slow to answer; then let all of it go."""
    chance, oracle = random.Random(seed), Oracle()  # noqa: S311 - the same in every run
    stopped: list[Stopped] = []
    with rig(folder, ship={"max_entries": 5, "stop_seconds": STOP_SECONDS, "heartbeat_seconds": 0.3}) as one:
        one.start_receiver()
        with Proxy(one.port) as proxy:
            one.write_config(proxy.url)
            for number in range(points):
                receiver = ("alive", "dead", "slow")[number % 3]
                stopped.append(_stop_once(one, proxy, oracle, receiver, chance.uniform(0.0, 0.7)))
            _as_it_should(proxy)
            one.start_collector()
            eventually("all is delivered", lambda: one.count() >= len(oracle.promised))
            eventually("all is settled", lambda: one.pending() == 0)
            one.stop_collector()
        return stopped, _judge(one, oracle)


def _as_it_should(proxy: Proxy) -> None:
    proxy.dead.clear()
    proxy.answers.set()
    proxy.asked.clear()


def _stop_once(one: Rig, proxy: Proxy, oracle: Oracle, receiver: str, after: float) -> Stopped:
    _as_it_should(proxy)
    for _ in range(30):
        _drop(one, oracle)
    if receiver == "dead":
        proxy.dead.set()
    elif receiver == "slow":
        proxy.answers.clear()
    one.start_collector()
    if receiver == "slow":
        eventually("a request is in flight", proxy.asked.is_set)
    threading.Event().wait(after)
    began = time.monotonic()
    status = one.stop_collector()
    seconds = time.monotonic() - began
    ended = {row.id for row in one.spooled() if row.state in {State.DELIVERED, State.QUARANTINED}}
    return Stopped(f"{receiver}, after {after:.2f} s", status, seconds, len(ended - one.ids()))
