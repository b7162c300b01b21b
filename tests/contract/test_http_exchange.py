"""The web around a handler: bugs are answered blandly, work that nobody waits for ends, nothing secret is logged."""

import asyncio
import io
import json
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from receiver import clock
from receiver.core.admit import examine_all
from receiver.keys_at_hand import RoleSigners
from receiver.web import probes
from receiver.web.application import make_application
from receiver.web.desk import BusyError, Desk
from receiver.web.door import listen
from receiver.web.guard import Guards
from receiver.web.journal import make_journal
from receiver.web.metrics import Metrics
from receiver.web.once import OneOfAKey
from receiver.web.ratelimits import RateLimits
from receiver.web.recognised import Recognised
from receiver.web.routes import Proof, Route
from receiver.web.server import Server
from receiver.web.settings import WebSettings
from receiver.web.state import Services
from receiver.web.tally import Tally
from shared.errors import Code, StateError, TryLaterError
from shared.redaction import Rules
from tests.helpers.databases import Databases
from tests.helpers.receiving import Receiver, Sender, serving

CANARY = "canary-5f3759df"
PATIENCE = 10.0


def fixed_random(count: int) -> bytes:
    return bytes(count)


def no_signers(_store: object, _workspace_id: str) -> RoleSigners:
    raise StateError(Code.NOT_FOUND, "no keys in this test")


def always_ready(_store: object) -> None:
    return None


def desk_of(threads: int = 2, max_waiting: int = 2) -> Desk[str]:
    return Desk("a store", now=clock.utcnow, random=fixed_random, threads=threads, max_waiting=max_waiting)


@asynccontextmanager
async def served(
    table: list[Route], ready: Callable[[Any], None] = always_ready
) -> AsyncIterator[tuple[str, io.StringIO, Services]]:
    """Serve a table of routes on a free port; gives URL, log and services."""
    log = io.StringIO()
    settings = WebSettings()
    services = Services(
        desk=desk_of(),
        signers=no_signers,
        ready=ready,
        examine=examine_all,
        settings=settings,
        metrics=Metrics(),
        journal=make_journal(log, clock.utcnow),
        limits=RateLimits(clock.utcnow, clock.monotonic, settings.max_failures_per_minute),
        guards=Guards(),
        secrets=Rules((), lambda _text: ()),
        running=OneOfAKey(),
        refusals=Tally(),
        recognised=Recognised(),
        monotonic=clock.monotonic,
    )
    listener = listen("127.0.0.1", 0)
    server = Server(make_application(services, table), listener, None)
    await server.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", log, services
    finally:
        await server.stop()
        services.desk.close()


def raising(error: Exception) -> list[Route]:
    async def handle(_request: web.Request) -> web.Response:
        raise error

    return [Route("GET", "/it", Proof.NOTHING, handle)]


async def get(url: str) -> tuple[int, dict[str, Any], dict[str, str]]:
    async with aiohttp.ClientSession() as http, http.get(url) as answer:
        return answer.status, json.loads(await answer.read()), {k.lower(): v for k, v in answer.headers.items()}


async def test_a_bug_is_answered_blandly_and_found_again_by_its_request_id() -> None:
    async with served(raising(RuntimeError(CANARY))) as (url, log, _):
        status, body, _headers = await get(f"{url}/it")
    assert (status, body["code"]) == (500, "internal")
    assert CANARY not in json.dumps(body)
    (event,) = [json.loads(line) for line in log.getvalue().splitlines()]
    assert event["event"] == "request_failed"
    assert event["requestId"] == body["requestId"]
    assert event["trace"].startswith("RuntimeError at ")
    assert CANARY not in log.getvalue()


async def test_a_database_that_fails_is_503_with_a_time_to_wait_and_counted() -> None:
    error = TryLaterError(Code.UNAVAILABLE, "the disk is full", delay_seconds=4.2)
    async with served([*raising(error), *probes.ROUTES]) as (url, _, services):
        status, body, headers = await get(f"{url}/it")
        assert (status, body["code"], headers["retry-after"]) == (503, "unavailable", "5")
        assert b"carnet_database_errors_total 1.0" in services.metrics.text()


async def test_a_receiver_that_is_not_ready_says_so_and_says_why_in_its_log_alone() -> None:
    def not_migrated(_store: object) -> None:
        raise StateError(Code.CONFLICT, "the database has schema none", "run carnet-receiver migrate")

    async with served(list(probes.ROUTES), not_migrated) as (url, log, _services):
        status, body, _headers = await get(f"{url}/readyz")
        assert (status, body["code"]) == (503, "unavailable")
        assert "schema" not in json.dumps(body)
        assert "run carnet-receiver migrate" in log.getvalue()
        async with aiohttp.ClientSession() as http, http.get(f"{url}/healthz") as answer:
            assert answer.status == 200


async def test_a_cancelled_request_leaves_its_use_case_running_to_its_end() -> None:
    desk = desk_of()
    entered, leave, ended = threading.Event(), threading.Event(), threading.Event()

    def use_case(_store: str) -> None:
        entered.set()
        leave.wait(PATIENCE)
        ended.set()

    asking = asyncio.create_task(desk.ask(use_case))
    await asyncio.to_thread(entered.wait, PATIENCE)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert not ended.is_set()
    assert desk.open == 1
    leave.set()
    assert await asyncio.to_thread(ended.wait, PATIENCE)
    desk.close()


async def test_more_work_than_may_wait_is_refused_at_once() -> None:
    desk = desk_of(threads=1, max_waiting=1)
    leave = threading.Event()

    def use_case(_store: str) -> bool:
        return leave.wait(PATIENCE)

    held = [asyncio.create_task(desk.ask(use_case)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(BusyError):
        await desk.ask(use_case)
    leave.set()
    assert await asyncio.gather(*held) == [True, True]
    assert await desk.ask(use_case) is True
    desk.close()


async def test_a_glance_reads_at_hand_or_asks_where_it_would_have_to_wait() -> None:
    def read(store: str) -> tuple[str, int]:
        if store == "locked":
            raise TryLaterError(Code.UNAVAILABLE, "locked")
        return store, threading.get_ident()

    for at_hand, expected in (
        ("at hand", ("at hand", True)),
        ("locked", ("a store", False)),
        (None, ("a store", False)),
    ):
        desk = Desk("a store", now=clock.utcnow, random=fixed_random, threads=1, max_waiting=1, at_hand=at_hand)
        store, thread = await desk.glance(read)
        assert (store, thread == threading.get_ident()) == expected
        behind = desk.behind(lambda store: f"{store}, checked")
        assert (await behind.glance(read))[0].endswith(", checked")
        desk.close()


async def test_clients_that_hang_up_on_a_batch_leave_no_transaction_open(tmp_path: Path, databases: Databases) -> None:
    async with serving(tmp_path / "data", databases=databases) as receiver:
        sender = await Sender(receiver).join()
        batches = [sender.batch(sender.capture(1), f"batch_{n}") for n in range(60)]

        async def send_and_hang_up(n: int) -> None:
            reader, writer = await asyncio.open_connection("127.0.0.1", receiver.port)
            writer.write(
                b"POST /api/v1/collector/attestations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                b"Authorization: Bearer %b\r\nContent-Length: %d\r\n\r\n" % (sender.token.encode(), len(batches[n]))
            )
            writer.write(batches[n][: len(batches[n]) // (1 + n % 3)])
            await writer.drain()
            await asyncio.sleep(0.002 * (n % 7))
            writer.transport.abort()
            del reader

        await asyncio.gather(*(send_and_hang_up(n) for n in range(len(batches))))
        async with asyncio.timeout(PATIENCE):
            last = await sender.deliver(sender.capture(1), "batch_last")
        assert last.status == 200


async def test_no_secret_and_no_text_of_a_sender_reaches_the_log(tmp_path: Path, databases: Databases) -> None:
    async with serving(tmp_path / "data", databases=databases) as receiver:
        sender = await Sender(receiver).join()
        await _misbehave(receiver, sender)
        log = receiver.log.getvalue()
        held = [receiver.secrets.api_key, receiver.secrets.enrol_token, sender.token]
    assert log
    for secret in (*held, CANARY):
        assert secret not in log
    for line in log.splitlines():
        event = json.loads(line)
        assert {"time", "level", "event"} <= event.keys()


async def _misbehave(receiver: Receiver, sender: Sender) -> None:
    good = receiver.secrets.api_key
    await receiver.get(f"/api/v1/{CANARY}", good)
    await receiver.get(f"/api/v1/attestations?{CANARY}={CANARY}", good)
    await receiver.get("/api/v1/attestations", f"{good}{CANARY}")
    await receiver.get(f"/api/v1/attestations/{CANARY}", good, headers={"X-Request-Id": CANARY, "Cookie": CANARY})
    await receiver.ask("BREW", f"/{CANARY}", good)
    await receiver.post("/api/v1/collector/attestations", f'{{"{CANARY}": 1}}'.encode(), sender.token)
    await receiver.post("/api/v1/collectors/enrol", f'{{"{CANARY}": 1}}'.encode(), receiver.secrets.enrol_token)
    await receiver.post(f"/api/v1/collectors/{CANARY}/access", CANARY.encode())


def test_a_line_of_the_log_cannot_be_forged() -> None:
    stream = io.StringIO()
    journal = make_journal(stream, lambda: datetime(2026, 3, 2, tzinfo=UTC) + timedelta(seconds=1))
    journal.warning("refused", peer='x"}\n{"event": "forged"\x1b[31m\u2028')
    (line,) = stream.getvalue().splitlines()
    assert line.isascii()
    assert json.loads(line)["time"] == "2026-03-02T00:00:01.000000Z"
    assert "\x1b" not in line
