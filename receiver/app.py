"""The wiring of a running receiver: store, keys, clock and web joined, started, and stopped within a time limit."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TextIO

from structlog.typing import FilteringBoundLogger

from receiver import clock, keys_at_hand
from receiver.examining import Examiners
from receiver.keys_at_hand import RoleSigners
from receiver.licence_file import LicenceFile
from receiver.named_secrets import read_master_key, read_password
from receiver.plan import Address, Plan, SharedLimits, plan_for
from receiver.store import workspaces
from receiver.store.engine import Store
from receiver.web import probes
from receiver.web.application import check_library, make_application
from receiver.web.desk import Desk
from receiver.web.door import listen
from receiver.web.guard import Guards
from receiver.web.journal import LibraryLog, make_journal
from receiver.web.metrics import Metrics
from receiver.web.once import OneOfAKey
from receiver.web.ratelimits import RateLimits
from receiver.web.recognised import Recognised
from receiver.web.repeating import Repeating
from receiver.web.rounds import Rounds
from receiver.web.routes import Route
from receiver.web.server import Server
from receiver.web.sharedlimits import SharedWindows
from receiver.web.state import Services
from receiver.web.table import TABLE
from receiver.web.tally import Keeper, Tally
from shared.errors import ConfigError
from shared.keyfile import read_secret
from shared.redaction import sparing
from shared.secretrules import secret_rules

__all__ = ["Address", "Plan", "Running", "SharedLimits", "Signers", "plan_for", "running", "serve"]

MAX_EXAMINERS = 4
_LIBRARIES = ("aiohttp", "asyncio")


class Signers:
    """The role keys of every workspace, unsealed once for each version of its keyring and kept in memory."""

    def __init__(self, master: bytes) -> None:
        """Take the key that unseals them."""
        self._master = master
        self._known: dict[str, RoleSigners] = {}

    def of(self, store: Store, workspace_id: str) -> RoleSigners:
        """Give the signers of a workspace; raises `ConfigError` or `StateError` where they cannot be had."""
        found = self._known.get(workspace_id)
        version = store.read(lambda tx: workspaces.get(tx, workspace_id)).keyring_version
        if found is None or found.keyring_version != version:
            found = self._known[workspace_id] = keys_at_hand.load(store, self._master, workspace_id)
        return found

    def check(self, store: Store) -> None:
        """Look whether the database answers and every workspace's keys are here; raises what is wrong."""
        store.ready()
        for workspace_id in store.read(workspaces.all_ids):
            self.of(store, workspace_id)


def serve(plan: Plan, announce: Callable[[str], None], log: TextIO = sys.stderr) -> None:
    """Serve until SIGTERM or SIGINT; `announce` is told the URL once requests are answered.

    Raises `ConfigError` or `StateError` before anything is served, and whatever `announce` raises.
    """
    check_library()
    sys.setswitchinterval(0.0005)
    asyncio.run(_serve(plan, announce, log))


async def _serve(plan: Plan, announce: Callable[[str], None], log: TextIO) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    journal = make_journal(log, clock.utcnow)
    async with running(plan, journal) as found:
        # What a start has made stays until the end: no collection of garbage need look through it again.
        gc.collect()
        gc.freeze()
        announce(found.url)
        await stop.wait()


@dataclass(frozen=True, slots=True)
class Running:
    """Where a receiver answers; `probes_url` is set where the probes have a port of their own."""

    url: str
    probes_url: str | None


@asynccontextmanager
async def running(plan: Plan, journal: FilteringBoundLogger) -> AsyncIterator[Running]:
    """Have a receiver running. On the way out, requests in flight are finished."""
    tls = _tls_context(plan)
    master = read_master_key(plan.master_key_file)
    store = Store.open(plan.database_url, read_password(plan.database_password_file))
    examiners = Examiners(_examiner_count(), lambda: journal.warning("examiner_lost"))
    desk: Desk[Store] | None = None
    repeated: list[Repeating] = []
    limits: RateLimits | None = None
    servers: list[Server] = []
    handler = LibraryLog(journal)
    for name in _LIBRARIES:
        logging.getLogger(name).addHandler(handler)
    try:
        signers = Signers(master)
        signers.check(store)
        settings = plan.settings
        desk = Desk(
            store,
            now=clock.utcnow,
            random=os.urandom,
            threads=settings.worker_threads,
            max_waiting=settings.max_waiting_requests,
            at_hand=store.glancing(),
        )
        metrics, refusals = Metrics(), Tally()
        shared = None if plan.shared_limits is None else _share(plan.shared_limits, metrics, journal)
        limits = RateLimits(
            clock.utcnow,
            clock.monotonic,
            settings.max_failures_per_minute,
            shared,
            settings.max_sign_ins_per_minute,
        )
        services = Services(
            desk=desk,
            signers=signers.of,
            ready=signers.check,
            examine=examiners.examine,
            settings=settings,
            metrics=metrics,
            journal=journal,
            limits=limits,
            guards=Guards(),
            secrets=sparing(secret_rules()),
            running=OneOfAKey(),
            refusals=refusals,
            recognised=Recognised(),
            monotonic=clock.monotonic,
            licence=LicenceFile.named(plan.licence_file, plan.licence_key).stands,
        )
        table: Iterable[Route] = TABLE
        probes_url = None
        if plan.metrics_address is not None:
            table = [route for route in TABLE if route not in probes.ROUTES]
            watched = _listen(plan.metrics_address)
            probes_url = _url(plan.metrics_address, watched, None)
            servers.append(Server(make_application(services, probes.ROUTES), watched, None))
        listener = _listen(plan.address)
        servers.append(Server(make_application(services, table), listener, tls))
        for server in servers:
            await server.start()
        keeper = Keeper(refusals, desk, journal)
        repeated.append(Repeating(keeper.write, plan.refusals_seconds, "refusals", once_more=True))
        rounds = Rounds(desk, signers.of, plan.expectations, metrics, journal)
        repeated.append(Repeating(rounds.make, plan.rounds_seconds, "rounds"))
        for one in repeated:
            one.start()
        yield Running(_url(plan.address, listener, tls), probes_url)
    finally:
        for server in reversed(servers):
            await server.stop()
        for one in reversed(repeated):
            await one.stop()
        if limits is not None:
            await limits.close()
        if desk is not None:
            desk.close()
        examiners.close()
        store.close()
        for name in _LIBRARIES:
            logging.getLogger(name).removeHandler(handler)


def _examiner_count() -> int:
    """One for each processor but the one that stores; none where there is but one."""
    return min(len(os.sched_getaffinity(0)) - 1, MAX_EXAMINERS)


def _share(named: SharedLimits, metrics: Metrics, journal: FilteringBoundLogger) -> SharedWindows:
    return SharedWindows(
        named.url,
        read_password(named.password_file),
        timeout_seconds=named.timeout_seconds,
        monotonic=clock.monotonic,
        metrics=metrics,
        journal=journal,
    )


def _listen(address: Address) -> socket.socket:
    try:
        return listen(address.host, address.port)
    except OSError as error:
        raise ConfigError(
            f"cannot listen on {address.host} port {address.port}: {error.strerror}",
            "choose another host or port; port 0 takes a free one",
        ) from None


def _tls_context(plan: Plan) -> ssl.SSLContext | None:
    if plan.tls_certificate_file is None or plan.tls_key_file is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    read_secret(plan.tls_key_file, "it holds the server's private key in PEM")
    try:
        context.load_cert_chain(plan.tls_certificate_file, plan.tls_key_file)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"{plan.tls_certificate_file} and {plan.tls_key_file} do not make a TLS identity: {error}",
            "give a certificate chain and its private key in PEM",
        ) from None
    return context


def _url(address: Address, listener: socket.socket, tls: ssl.SSLContext | None) -> str:
    host = f"[{address.host}]" if ":" in address.host else address.host
    return f"{'http' if tls is None else 'https'}://{host}:{listener.getsockname()[1]}"
