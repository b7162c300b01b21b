"""The daemon: starts fail-fast, then never dies of an input; takes files in one thread, ships in one task.

Wiring. Invariants: a stop (SIGTERM, SIGINT) lets the request in flight end within the configured time and leaves the
rest pending; it exits 0. A broken spool ends the daemon with its own status: the service manager starts it anew.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from typing import TYPE_CHECKING, Any

from collector.assembly import assembled, call_soon
from collector.clock import utcnow
from collector.housekeeping import keep_key_young, keep_pruned, never_die, say_alive
from collector.notify import READY, STOPPING, ServiceManager
from collector.status import SOCKET_NAME, serve_status

if TYPE_CHECKING:
    from collections.abc import Callable

    from collector.assembly import Daemon
    from collector.instance import Instance


async def run(instance: Instance, tell: Callable[..., None], manager: ServiceManager) -> None:
    """Run until SIGTERM or SIGINT; raises only what ends the daemon: a broken spool, or a bug of ours."""
    async with assembled(instance, tell) as daemon:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, daemon.stop.set)
        socket = instance.config.state_dir / SOCKET_NAME
        async with serve_status(socket, instance.config.health.listen, daemon.report, daemon.rotate_key):
            await asyncio.to_thread(daemon.watcher.start)
            tell("started", collector=instance.identity.collector_id, roots=list(instance.plans))
            try:
                manager.tell(READY)
                await _work(daemon, manager)
            finally:
                manager.tell(STOPPING)
                await asyncio.to_thread(daemon.watcher.stop)
            tell("stopped", pending=instance.spool.stats(utcnow()).pending)


async def _work(daemon: Daemon, manager: ServiceManager) -> None:
    halt = threading.Event()
    intake = _in_thread(lambda: daemon.intake.run(halt))
    shipping = asyncio.create_task(never_die(daemon))
    pruning = asyncio.create_task(keep_pruned(daemon))
    turning = asyncio.create_task(keep_key_young(daemon))
    pinging = asyncio.create_task(say_alive(daemon, manager))
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
        call_soon(loop, lambda: end(failed))

    threading.Thread(target=run_it, name="intake", daemon=True).start()
    return ended


async def once(instance: Instance, tell: Callable[..., None]) -> dict[str, Any]:
    """Take in what is there and settles, ship it, and give a summary; for cron.

    `done` is False where something waits for a later time: for the receiver, be it for its word that it hears this
    host, for room, or for a context file. `letIn` is False where that is since one side does not believe the other.
    """
    async with assembled(instance, tell) as daemon:
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
        await asyncio.to_thread(daemon.rotate_if_due)
        drained = await daemon.shipper.drain()
        await asyncio.to_thread(daemon.prune)
        waits = daemon.intake.taken.no_room is not None or bool(daemon.intake.taken.held_back)
        return {
            "done": drained and taken and not waits,
            "letIn": daemon.shipper.shipped.let_in,
            "delivered": daemon.shipper.shipped.delivered,
            "status": daemon.report(),
        }
