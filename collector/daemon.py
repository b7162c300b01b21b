"""The daemon: starts fail-fast, then never dies of an input; takes files in one thread, ships in one task.

Wiring. Invariants: a stop (SIGTERM, SIGINT) lets the request in flight end within the configured time and leaves the
rest pending; it exits 0. A broken spool ends the daemon with its own status: the service manager starts it anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import secrets
import signal
import threading
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from collector.client import Client
from collector.clock import monotonic, utcnow
from collector.instance import client_settings
from collector.intake import Intake, Sealing
from collector.queueing import Queue
from collector.readiness import Candidates
from collector.session import Session
from collector.ship import Shipper, ShipSettings, Surroundings
from collector.status import SOCKET_NAME, serve_status
from collector.watch import Watcher
from shared.encoding import digest_text, format_time
from shared.errors import CarnetError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from collector.instance import Instance
    from shared.encoding import JsonObject

_PRUNE_SECONDS = 600.0
_SCANS_MISSED = 3


@dataclass(slots=True)
class Daemon:
    """The parts of a running collector, joined."""

    instance: Instance
    intake: Intake
    shipper: Shipper
    watcher: Watcher
    stop: asyncio.Event
    wake: asyncio.Event

    def report(self) -> JsonObject:
        """Give the status: what waits, what was set aside, what is wrong; `healthy` rests on work done, not on life."""
        now = utcnow()
        stats = self.instance.spool.stats(now)
        shipped, taken = self.shipper.shipped, self.intake.taken
        wrong = self._wrong(stats.oldest_pending_seconds)
        return {
            "healthy": not wrong,
            "wrong": list(wrong),
            "collectorId": self.instance.identity.collector_id,
            "keyId": self.instance.signer.public.key_id,
            "rootKey": self.instance.enrolled.keyring.root.key_id,
            "configDigest": digest_text(self.instance.identity.config_digest),
            "version": self.instance.identity.version,
            "receiver": {
                "url": self.instance.config.receiver.url,
                "answers": shipped.reachable,
                "lastError": shipped.last_error,
                "lastReceiptAt": None if shipped.last_receipt_at is None else format_time(shipped.last_receipt_at),
            },
            "spool": {
                "pending": stats.pending,
                "oldestPendingSeconds": int(stats.oldest_pending_seconds),
                "delivered": stats.delivered,
                "quarantined": stats.quarantined,
                "dropped": stats.dropped,
                "usedBytes": stats.used_bytes,
                "quotaBytes": stats.quota_bytes,
                "full": stats.full or taken.full,
                "setAside": stats.set_aside,
                "nextSequence": stats.head.next_sequence,
            },
            "intake": {
                "captured": taken.captured,
                "known": taken.known,
                "unknownFormat": taken.unknown_format,
                "skipped": taken.skipped,
                "waiting": len(self.intake.candidates),
            },
            "shipped": {
                name: value for name, value in asdict(shipped).items() if isinstance(value, int) and name != "reachable"
            },
            "alarms": [f"{one.name}: {one.detail}" for one in self.instance.spool.alarms()],
        }

    def _wrong(self, oldest_seconds: float) -> list[str]:
        found = [f"root {name}: {detail}" for name, detail in self.intake.taken.scan_errors.items()]
        late = _SCANS_MISSED * self.instance.config.watch.scan_seconds + 60
        now = monotonic()
        found.extend(
            f"root {name}: the last scan ended {int(now - at)} s ago"
            for name, at in self.intake.taken.scanned_at.items()
            if now - at > late
        )
        found.extend(f"{root}/{path}: {why}" for (root, path), why in list(self.intake.taken.held_back.items())[:10])
        if self.intake.taken.full:
            found.append("the spool is full: nothing more is taken until the receiver answers or there is room")
        if self.shipper.shipped.last_error is not None:
            found.append(f"not delivered for {int(oldest_seconds)} s: {self.shipper.shipped.last_error}")
        found.extend(f"{one.name}: {one.detail}" for one in self.instance.spool.alarms())
        return found


@contextlib.asynccontextmanager
async def _assembled(instance: Instance, tell: Callable[..., None]) -> AsyncIterator[Daemon]:
    loop = asyncio.get_running_loop()
    stop, wake = asyncio.Event(), asyncio.Event()
    config = instance.config
    intake = Intake(
        plans=instance.plans,
        spool=instance.spool,
        sealing=Sealing(instance.identity, instance.signer, instance.epoch, utcnow, monotonic, secrets.token_bytes),
        candidates=Candidates(
            settle_seconds=config.watch.settle_seconds, broken_after_seconds=config.watch.broken_after_seconds
        ),
        scan_seconds=config.watch.scan_seconds,
        broken_after_seconds=config.watch.broken_after_seconds,
        tell=tell,
        captured=lambda: _call_soon(loop, wake.set),
    )
    watcher = Watcher(
        [plan.spec for plan in instance.plans.values()],
        hint=intake.hint,
        rescan=intake.rescan,
        poll_seconds=config.watch.scan_seconds,
    )
    async with Client(client_settings(config)) as client:
        session = Session(client, instance.signer, config.state_dir, instance.enrolled)
        chance = random.SystemRandom()
        said = config.ship
        shipper = Shipper(
            collector_id=instance.identity.collector_id,
            own_keys=(instance.signer.public,),
            settings=ShipSettings(
                max_entries=said.max_entries,
                max_batch_bytes=said.max_batch_bytes,
                heartbeat_seconds=said.heartbeat_seconds,
                retry_first_seconds=said.retry_first_seconds,
                retry_cap_seconds=said.retry_cap_seconds,
                put_back_first_seconds=said.put_back_first_seconds,
                put_back_cap_seconds=said.put_back_cap_seconds,
            ),
            store=Queue(
                instance.spool,
                instance.identity,
                instance.signer,
                instance.epoch,
                instance.key_made_at,
                secrets.token_bytes,
                tell,
            ),
            post=session.post,
            around=Surroundings(
                utcnow=utcnow,
                monotonic=monotonic,
                uniform=chance.uniform,
                new_batch_id=lambda: secrets.token_hex(16),
                keyring=session.keyring,
                refresh_keyring=session.refresh_keyring,
                tell=tell,
            ),
            stop=stop,
            wake=wake,
        )
        yield Daemon(instance, intake, shipper, watcher, stop, wake)


def _call_soon(loop: asyncio.AbstractEventLoop, act: Callable[[], None]) -> None:
    with contextlib.suppress(RuntimeError):  # the loop is closed: there is nobody left to wake
        loop.call_soon_threadsafe(act)


async def run(instance: Instance, tell: Callable[..., None]) -> None:
    """Run until SIGTERM or SIGINT; raises only what ends the daemon: a broken spool, or a bug of ours."""
    async with _assembled(instance, tell) as daemon:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, daemon.stop.set)
        socket = instance.config.state_dir / SOCKET_NAME
        async with serve_status(socket, instance.config.health.listen, daemon.report):
            daemon.watcher.start()
            tell("started", collector=instance.identity.collector_id, roots=list(instance.plans))
            try:
                await _work(daemon, tell)
            finally:
                await asyncio.to_thread(daemon.watcher.stop)
            tell("stopped", pending=instance.spool.stats(utcnow()).pending)


async def _work(daemon: Daemon, tell: Callable[..., None]) -> None:
    halt = threading.Event()
    intake = asyncio.create_task(asyncio.to_thread(daemon.intake.run, halt))
    shipping = asyncio.create_task(_never_die(daemon, tell))
    pruning = asyncio.create_task(_prune(daemon))
    stopping = asyncio.create_task(daemon.stop.wait())
    try:
        await asyncio.wait({intake, shipping, pruning, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        daemon.stop.set()
        halt.set()
        stopping.cancel()
        pruning.cancel()
        await asyncio.wait({shipping}, timeout=daemon.instance.config.ship.stop_seconds)
        shipping.cancel()
        results = await asyncio.gather(intake, shipping, pruning, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException) and not isinstance(result, asyncio.CancelledError):
            raise result


async def _never_die(daemon: Daemon, tell: Callable[..., None]) -> None:
    """Ship; a bug of ours in one round is told, entries stay pending, and the next round comes later."""
    while not daemon.stop.is_set():
        try:
            await daemon.shipper.run()
        except CarnetError:
            raise
        except Exception as error:  # noqa: BLE001 - the daemon never dies of an input
            tell("shipping_failed", detail=f"{type(error).__name__}: {error}")
            daemon.shipper.shipped.last_error = f"{type(error).__name__}: {error}"
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(daemon.stop.wait(), daemon.instance.config.ship.retry_cap_seconds)


async def _prune(daemon: Daemon) -> None:
    kept = daemon.instance.config.spool
    while True:
        await asyncio.sleep(_PRUNE_SECONDS)
        await asyncio.to_thread(
            lambda: daemon.instance.spool.prune(
                now=utcnow(), keep_seconds=int(kept.keep_delivered_seconds), keep_bytes=kept.keep_delivered_bytes
            )
        )


async def once(instance: Instance, tell: Callable[..., None]) -> dict[str, Any]:
    """Take in what is there and settles, ship it, and give a summary; for cron."""
    async with _assembled(instance, tell) as daemon:
        loop = asyncio.get_running_loop()
        halt = threading.Event()

        def end() -> None:
            daemon.stop.set()
            halt.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, end)
        await asyncio.to_thread(daemon.intake.run_once, halt)
        drained = await daemon.shipper.drain()
        report = daemon.report()
        return {"delivered": daemon.shipper.shipped.delivered, "drained": drained, "status": report}
