"""What a daemon does beside its work, each in a task of its own: ship whatever happens, keep house, say that it lives.

Wiring. Invariant: none of it ends by an input; a broken spool, and a bug of ours, end the daemon.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from collector.clock import monotonic
from collector.notify import ALIVE
from collector.spool import SpoolBroken

if TYPE_CHECKING:
    from collector.assembly import Daemon
    from collector.notify import ServiceManager

_PRUNE_SECONDS = 600.0
_TURN_SECONDS = 600.0
_STUCK_SECONDS = 1_800.0
"""Hashing the largest artifact takes minutes; an intake that began nothing for longer, beside the time that its parser
may take for the largest report, hangs."""


async def never_die(daemon: Daemon) -> None:
    """Ship; whatever ends a round but a broken spool is told, entries stay pending, and the next round comes later."""
    while not daemon.stop.is_set():
        try:
            await daemon.shipper.run()
        except SpoolBroken:
            raise
        except Exception as error:  # noqa: BLE001 - the daemon never dies of an input
            daemon.tell("shipping_failed", detail=f"{type(error).__name__}: {error}")
            daemon.shipper.shipped.last_error = f"{type(error).__name__}: {error}"
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(daemon.stop.wait(), daemon.instance.config.ship.retry_cap_seconds)


async def say_alive(daemon: Daemon, manager: ServiceManager) -> None:
    """Tell a manager that asked for it that work is done: this loop turns, and the intake began something lately."""
    if manager.watchdog_seconds is None:
        return
    stuck = _STUCK_SECONDS + daemon.intake.parser.bounds.longest(daemon.instance.config.watch.max_file_bytes)
    while True:
        stepped_at = daemon.intake.taken.stepped_at
        if stepped_at is None or monotonic() - stepped_at < stuck:
            manager.tell(ALIVE)
        await asyncio.sleep(manager.watchdog_seconds / 3)


async def keep_key_young(daemon: Daemon) -> None:
    """Turn the key over when it is due."""
    while True:
        await asyncio.to_thread(daemon.rotate_if_due)
        await asyncio.sleep(_TURN_SECONDS)


async def keep_pruned(daemon: Daemon) -> None:
    """Let go of what was delivered long ago."""
    while True:
        await asyncio.sleep(_PRUNE_SECONDS)
        await asyncio.to_thread(daemon.prune)
