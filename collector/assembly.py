"""A running collector: its parts, joined once; who does what when a receipt or a person asks for it. Wiring.

Invariant: what a receipt asks never ends the daemon; a broken spool does.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from collector.client import Client
from collector.clock import monotonic, utcnow
from collector.instance import client_settings
from collector.intake import Intake
from collector.keys import due_at
from collector.leaving import destination
from collector.obeying import Obedience
from collector.parsing import Bounds, Parser
from collector.queueing import OnRequest, Queue
from collector.readiness import Candidates
from collector.reporting import report
from collector.rotating import obstacle, told
from collector.session import Session
from collector.ship import Shipper, ShipSettings, Surroundings
from collector.spool import SpoolBroken
from collector.storing import Sealing
from collector.watch import Watcher
from shared.errors import CarnetError, TryLaterError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from collector.instance import Instance
    from collector.keys import Rotation
    from collector.rotating import Rotator
    from shared.encoding import JsonObject


@dataclass(slots=True)
class Daemon:
    """The parts of a running collector, joined."""

    instance: Instance
    intake: Intake
    shipper: Shipper
    watcher: Watcher
    rotator: Rotator
    stop: asyncio.Event
    wake: asyncio.Event
    asked: OnRequest
    tell: Callable[..., None]
    rotate: Callable[[], Rotation]

    def rotate_key(self) -> JsonObject:
        """Put a new key in force, as somebody asked on the socket."""
        return told(self.rotate())

    def rotate_if_due(self) -> None:
        """Put a new key in force where the old one is old enough, and nothing speaks against it."""
        with _told(self.tell):
            self.rotator.look_again()
            after_days, keys = self.instance.config.keys.rotate_after_days, self.instance.keys
            if after_days is None or utcnow() < due_at(keys.now, after_days):
                return
            if obstacle(self.instance.spool, keys) is None:
                self.rotate()

    def prune(self) -> None:
        """Delete what was delivered long ago; where the spool is busy, next time."""
        kept = self.instance.config.spool
        try:
            self.instance.spool.prune(
                now=utcnow(), keep_seconds=kept.keep_delivered_seconds, keep_bytes=kept.keep_delivered_bytes
            )
        except TryLaterError as error:
            self.tell("not_pruned", detail=str(error))

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
async def assembled(instance: Instance, tell: Callable[..., None]) -> AsyncIterator[Daemon]:
    """Join the parts of a collector that runs as long as the context is open; starts none of them."""
    loop = asyncio.get_running_loop()
    stop, wake = asyncio.Event(), asyncio.Event()
    config = instance.config
    parser = Parser(monotonic, tell, Bounds(seconds=config.watch.parse_seconds))
    rotator = instance.rotator(tell)
    rotator.tidy()
    around = (utcnow, monotonic, secrets.token_bytes, rotator.look_again)
    intake = Intake(
        plans=instance.plans,
        spool=instance.spool,
        sealing=Sealing(instance.identity, instance.keys, instance.epoch, *around),
        parser=parser,
        candidates=Candidates(
            settle_seconds=config.watch.settle_seconds, broken_after_seconds=config.watch.broken_after_seconds
        ),
        scan_seconds=config.watch.scan_seconds,
        broken_after_seconds=config.watch.broken_after_seconds,
        tell=tell,
        captured=lambda: call_soon(loop, wake.set),
    )
    watcher = Watcher(
        [plan.spec for plan in instance.plans.values()],
        hint=intake.hint,
        rescan=intake.rescan,
        poll_seconds=config.watch.scan_seconds,
    )

    def rotate() -> Rotation:
        done = rotator.rotate()
        call_soon(loop, wake.set)
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
                goes_by_key=session.goes_by_key,
                tell=tell,
            ),
            stop=stop,
            wake=wake,
        )
        with parser:
            yield Daemon(instance, intake, shipper, watcher, rotator, stop, wake, asked, tell, rotate)


def _try_to_rotate(rotate: Callable[[], Rotation], tell: Callable[..., None]) -> None:
    with _told(tell):
        rotate()


@contextlib.contextmanager
def _told(tell: Callable[..., None]) -> Iterator[None]:
    """Rotate; what fails, be it the look before it, is told, the old key signs on, and once overdue it is an alarm."""
    try:
        yield
    except SpoolBroken:
        raise
    except CarnetError as error:
        tell("key_not_rotated", detail=str(error))


def call_soon(loop: asyncio.AbstractEventLoop, act: Callable[[], None]) -> None:
    """Do something in the loop's thread; nothing where the loop is closed."""
    with contextlib.suppress(RuntimeError):  # the loop is closed: there is nobody left to wake
        loop.call_soon_threadsafe(act)
