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
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from collector.client import Client
from collector.clock import monotonic, utcnow
from collector.instance import client_settings
from collector.intake import Intake
from collector.keys import due_at
from collector.leaving import destination
from collector.notify import ALIVE, READY, STOPPING, ServiceManager
from collector.obeying import Obedience
from collector.parsing import Bounds, Parser
from collector.queueing import OnRequest, Queue
from collector.readiness import Candidates
from collector.reporting import report
from collector.rotating import told
from collector.session import Session
from collector.ship import Shipper, ShipSettings, Surroundings
from collector.spool import SpoolBroken
from collector.status import SOCKET_NAME, serve_status
from collector.storing import Sealing
from collector.watch import Watcher
from shared.errors import CarnetError, TryLaterError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from collector.instance import Instance
    from collector.keys import Rotation
    from shared.encoding import JsonObject

_PRUNE_SECONDS = 600.0
_TURN_SECONDS = 600.0
_STUCK_SECONDS = 1_800.0
"""Hashing the largest artifact takes minutes; an intake that began nothing for longer, beside the time that its parser
may take for the largest report, hangs."""


@dataclass(slots=True)
class Daemon:
    """The parts of a running collector, joined."""

    instance: Instance
    intake: Intake
    shipper: Shipper
    watcher: Watcher
    stop: asyncio.Event
    wake: asyncio.Event
    asked: OnRequest
    rotate: Callable[[], Rotation]

    def rotate_key(self) -> JsonObject:
        """Put a new key in force, as somebody asked on the socket."""
        return told(self.rotate())

    def report(self) -> JsonObject:
        """Give the status as it is now."""
        return report(
            self.instance,
            self.intake.taken,
            self.intake.parser,
            self.shipper.shipped,
            waiting=len(self.intake.candidates),
            passed_over=self.asked.passed_over,
            now=utcnow(),
            monotonic=monotonic(),
        )


@contextlib.asynccontextmanager
async def _assembled(instance: Instance, tell: Callable[..., None]) -> AsyncIterator[Daemon]:
    loop = asyncio.get_running_loop()
    stop, wake = asyncio.Event(), asyncio.Event()
    config = instance.config
    parser = Parser(monotonic, tell, Bounds(seconds=config.watch.parse_seconds))
    intake = Intake(
        plans=instance.plans,
        spool=instance.spool,
        sealing=Sealing(instance.identity, instance.keys, instance.epoch, utcnow, monotonic, secrets.token_bytes),
        parser=parser,
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
    rotator = instance.rotator(tell)
    rotator.tidy()

    def rotate() -> Rotation:
        done = rotator.rotate()
        _call_soon(loop, wake.set)
        return done

    asked = OnRequest(rescan=intake.rescan, rotate=lambda _before: _try_to_rotate(rotate, tell))
    async with Client(client_settings(config)) as client:
        queue = Queue(
            instance.spool,
            instance.identity,
            instance.keys,
            destination(config.receiver.url, instance.identity.audience),
            instance.epoch,
            secrets.token_bytes,
            tell,
            Obedience(**config.obey.model_dump()),
            asked,
            rotator.introduced,
        )
        session = Session(client, instance.keys, config.state_dir, instance.enrolled, queue)
        chance = random.SystemRandom()
        said = config.ship
        shipper = Shipper(
            collector_id=instance.identity.collector_id,
            own_keys=lambda: instance.keys.now.own,
            settings=ShipSettings(
                max_entries=said.max_entries,
                max_batch_bytes=said.max_batch_bytes,
                heartbeat_seconds=said.heartbeat_seconds,
                retry_first_seconds=said.retry_first_seconds,
                retry_cap_seconds=said.retry_cap_seconds,
                put_back_first_seconds=said.put_back_first_seconds,
                put_back_cap_seconds=said.put_back_cap_seconds,
                stop_seconds=said.stop_seconds,
            ),
            store=queue,
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
        with parser:
            yield Daemon(instance, intake, shipper, watcher, stop, wake, asked, rotate)


def _try_to_rotate(rotate: Callable[[], Rotation], tell: Callable[..., None]) -> None:
    """Rotate; what fails is told, the old key signs on, and once overdue it is an alarm."""
    try:
        rotate()
    except SpoolBroken:
        raise
    except CarnetError as error:
        tell("key_not_rotated", detail=str(error))


def _call_soon(loop: asyncio.AbstractEventLoop, act: Callable[[], None]) -> None:
    with contextlib.suppress(RuntimeError):  # the loop is closed: there is nobody left to wake
        loop.call_soon_threadsafe(act)


async def run(instance: Instance, tell: Callable[..., None], manager: ServiceManager) -> None:
    """Run until SIGTERM or SIGINT; raises only what ends the daemon: a broken spool, or a bug of ours."""
    async with _assembled(instance, tell) as daemon:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, daemon.stop.set)
        socket = instance.config.state_dir / SOCKET_NAME
        async with serve_status(socket, instance.config.health.listen, daemon.report, daemon.rotate_key):
            await asyncio.to_thread(daemon.watcher.start)
            tell("started", collector=instance.identity.collector_id, roots=list(instance.plans))
            try:
                manager.tell(READY)
                await _work(daemon, tell, manager)
            finally:
                manager.tell(STOPPING)
                await asyncio.to_thread(daemon.watcher.stop)
            tell("stopped", pending=instance.spool.stats(utcnow()).pending)


async def _work(daemon: Daemon, tell: Callable[..., None], manager: ServiceManager) -> None:
    halt = threading.Event()
    intake = _in_thread(lambda: daemon.intake.run(halt))
    shipping = asyncio.create_task(_never_die(daemon, tell))
    pruning = asyncio.create_task(_keep_pruned(daemon, tell))
    turning = asyncio.create_task(_keep_key_young(daemon, tell))
    pinging = asyncio.create_task(_say_alive(daemon, manager))
    stopping = asyncio.create_task(daemon.stop.wait())
    working: set[asyncio.Future[Any]] = {intake, shipping}
    try:
        await asyncio.wait({*working, pruning, turning, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        daemon.stop.set()
        halt.set()
        stopping.cancel()
        pruning.cancel()
        turning.cancel()
        pinging.cancel()
        await asyncio.wait(working, timeout=daemon.instance.config.ship.stop_seconds)
        shipping.cancel()
        # Who is still reading a huge file is left behind: nothing of it is stored, and the next start reads it anew.
        intake.cancel()
        results = await asyncio.gather(intake, shipping, pruning, turning, pinging, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException) and not isinstance(result, asyncio.CancelledError):
            raise result


def _in_thread(act: Callable[[], None]) -> asyncio.Future[None]:
    """Run something in a thread that nobody has to wait for at the end of the process."""
    loop = asyncio.get_running_loop()
    ended = loop.create_future()

    def end(error: BaseException | None) -> None:
        if ended.done():
            return
        if error is None:
            ended.set_result(None)
        else:
            ended.set_exception(error)

    def run_it() -> None:
        failed: BaseException | None = None
        try:
            act()
        except BaseException as error:  # noqa: BLE001 - handed on to whoever awaits it
            failed = error
        _call_soon(loop, lambda: end(failed))

    threading.Thread(target=run_it, name="intake", daemon=True).start()
    return ended


async def _never_die(daemon: Daemon, tell: Callable[..., None]) -> None:
    """Ship; whatever ends a round but a broken spool is told, entries stay pending, and the next round comes later."""
    while not daemon.stop.is_set():
        try:
            await daemon.shipper.run()
        except SpoolBroken:
            raise
        except Exception as error:  # noqa: BLE001 - the daemon never dies of an input
            tell("shipping_failed", detail=f"{type(error).__name__}: {error}")
            daemon.shipper.shipped.last_error = f"{type(error).__name__}: {error}"
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(daemon.stop.wait(), daemon.instance.config.ship.retry_cap_seconds)


async def _say_alive(daemon: Daemon, manager: ServiceManager) -> None:
    """Tell a manager that asked for it that work is done: this loop turns, and the intake began something lately."""
    if manager.watchdog_seconds is None:
        return
    stuck = _STUCK_SECONDS + daemon.intake.parser.bounds.longest(daemon.instance.config.watch.max_file_bytes)
    while True:
        stepped_at = daemon.intake.taken.stepped_at
        if stepped_at is None or monotonic() - stepped_at < stuck:
            manager.tell(ALIVE)
        await asyncio.sleep(manager.watchdog_seconds / 3)


async def _keep_key_young(daemon: Daemon, tell: Callable[..., None]) -> None:
    while True:
        await asyncio.to_thread(_rotate_if_due, daemon, tell)
        await asyncio.sleep(_TURN_SECONDS)


def _rotate_if_due(daemon: Daemon, tell: Callable[..., None]) -> None:
    after_days = daemon.instance.config.keys.rotate_after_days
    if after_days is not None and utcnow() >= due_at(daemon.instance.keys.now, after_days):
        _try_to_rotate(daemon.rotate, tell)


async def _keep_pruned(daemon: Daemon, tell: Callable[..., None]) -> None:
    while True:
        await asyncio.sleep(_PRUNE_SECONDS)
        await _prune(daemon, tell)


async def _prune(daemon: Daemon, tell: Callable[..., None]) -> None:
    kept = daemon.instance.config.spool

    def act() -> None:
        daemon.instance.spool.prune(
            now=utcnow(), keep_seconds=kept.keep_delivered_seconds, keep_bytes=kept.keep_delivered_bytes
        )

    try:
        await asyncio.to_thread(act)
    except TryLaterError as error:
        tell("not_pruned", detail=str(error))


async def once(instance: Instance, tell: Callable[..., None]) -> dict[str, Any]:
    """Take in what is there and settles, ship it, and give a summary; for cron.

    `done` is False where something waits for a later time: for the receiver, for room, or for a context file.
    """
    async with _assembled(instance, tell) as daemon:
        loop = asyncio.get_running_loop()
        halt = threading.Event()

        def end() -> None:
            daemon.stop.set()
            halt.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, end)
        intake = _in_thread(lambda: daemon.intake.run_once(halt))
        stopping = asyncio.create_task(daemon.stop.wait())
        either: set[asyncio.Future[Any]] = {intake, stopping}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        await asyncio.wait({intake}, timeout=instance.config.ship.stop_seconds)
        taken = intake.done()
        if taken:
            intake.result()
        await asyncio.to_thread(_rotate_if_due, daemon, tell)
        drained = await daemon.shipper.drain()
        await _prune(daemon, tell)
        waits = daemon.intake.taken.no_room is not None or bool(daemon.intake.taken.held_back)
        return {
            "done": drained and taken and not waits,
            "delivered": daemon.shipper.shipped.delivered,
            "status": daemon.report(),
        }
