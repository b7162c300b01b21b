"""R17: clients that hang up, requests that are cancelled while they wait, and what the receiver is left with then."""

from __future__ import annotations

import asyncio
import json
import os
import random
import socket
import struct
from collections.abc import AsyncIterator, Coroutine, Generator
from contextlib import asynccontextmanager, suppress
from contextvars import Context
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import psycopg

from receiver import access, clock, fsck
from receiver.core.tokens import Kind, Scope
from receiver.store import sqlite
from receiver.web.settings import WebSettings
from shared.wire import BATCH_PATH
from tests.helpers.databases import Databases
from tests.helpers.posting import API, COMMIT, REPOSITORY
from tests.helpers.receiving import UNLIMITED, Answer, Receiver, Sender, serving

NEXT_SECONDS = 1.0
"""So soon the next request is answered, whatever became of those before it."""
PATIENCE_SECONDS = 20.0
KINDS = ("batch", "attestation", "run", "artifact", "deployment")
ENTRIES = 3
WAVE = 20
CONNECTIONS = 1 + sqlite.READERS
"""Of the one writer and of the readers, of either kind of database."""
SETTINGS = WebSettings(worker_threads=sqlite.READERS, max_waiting_requests=24)
_SEATS = SETTINGS.worker_threads + SETTINGS.max_waiting_requests
_T = TypeVar("_T")
_HANDLER = "RequestHandler._handle_request"
_PACE_SECONDS = 0.003


@dataclass(frozen=True)
class Ask:
    """A request that stores something, once however often it is sent."""

    kind: str
    path: str
    token: str
    body: bytes
    once: str | None
    rows: int = 1

    @property
    def head(self) -> bytes:
        """The request up to its body, as it goes over the wire."""
        once = "" if self.once is None else f"Idempotency-Key: {self.once}\r\n"
        return (
            f"POST {self.path} HTTP/1.1\r\nHost: receiver.example\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {self.token}\r\n{once}Content-Length: {len(self.body)}\r\n\r\n"
        ).encode()

    async def send(self, receiver: Receiver) -> Answer:
        """Send it as it should be sent."""
        headers = {} if self.once is None else {"Idempotency-Key": self.once}
        return await receiver.post(self.path, self.body, self.token, headers)

    async def settle(self, receiver: Receiver) -> Answer:
        """Send it until none of the same key runs any more, as its sender is told to; gives the answer."""
        while (answer := await self.send(receiver)).status == 409:  # noqa: ASYNC110 - another process has no events
            await asyncio.sleep(_PACE_SECONDS)
        return answer


@dataclass
class Asks:
    """Makes requests of every kind, no two of them the same."""

    receiver: Receiver
    sender: Sender
    collector: str
    pipeline: str
    made: list[Ask] = field(default_factory=list)

    def new(self, kind: str) -> Ask:
        """Make the next request of a kind."""
        number = len(self.made)
        if kind == "batch":
            body = self.sender.batch(self.sender.capture(ENTRIES), f"batch_{number}")
            one = Ask(kind, BATCH_PATH, self.collector, body, None, ENTRIES)
        else:
            path, fields = _post(kind, number)
            one = Ask(kind, API + path, self.pipeline, json.dumps(fields).encode(), f"job-{number}")
        self.made.append(one)
        return one


def _post(kind: str, number: int) -> tuple[str, dict[str, object]]:
    # Only its key, or an artifact's digest, tells that one was sent before.
    if kind == "attestation":
        about = {"repositoryFullName": REPOSITORY, "commitSha": COMMIT, "type": "TEST_RESULTS", "name": "Unit Tests"}
        evidence = {"totalTests": number + 1, "passed": number + 1, "failed": 0}
        return "/attestations", {**about, "passed": True, "evidence": evidence}
    if kind == "run":
        return "/pipeline-runs", {"workflowName": f"CI {number}", "status": "IN_PROGRESS"}
    if kind == "artifact":
        return "/artifacts", {"name": "payments-api", "sha256": f"{number + 1:064x}"}
    return "/deployments", {"environment": "production", "status": "SUCCESS", "description": f"release {number}"}


class Probe:
    """Looks at the receiver's database from beside it."""

    def __init__(self, database_url: str) -> None:
        """Take the database of a receiver that runs in this process."""
        self._session: psycopg.Connection | None = None
        if not database_url.startswith("sqlite"):
            self._path = Path()
            self._session = self._opened = psycopg.connect(database_url, autocommit=True)
            return
        self._path = Path(database_url.removeprefix("sqlite:///"))
        self._opened = sqlite.connect(sqlite.driver(), self._path)
        self._opened.execute(f"PRAGMA busy_timeout = {int(NEXT_SECONDS * 1000)}")

    def close(self) -> None:
        self._opened.close()

    @property
    def is_server(self) -> bool:
        """Whether connections are sessions of a server, else files that this process has open."""
        return self._session is not None

    async def at_rest(self) -> None:
        """Fail where a transaction stays open: a second writer has the lock, or no session is in a transaction."""
        async with asyncio.timeout(NEXT_SECONDS):
            while not await asyncio.to_thread(self._nobody_writes):  # noqa: ASYNC110 - as above
                await asyncio.sleep(_PACE_SECONDS)

    def _nobody_writes(self) -> bool:
        if self._session is None:
            self._opened.execute("BEGIN IMMEDIATE")
            self._opened.execute("ROLLBACK")
            return True
        return all(state == "idle" for state in self._sessions())

    def connections(self) -> int:
        """How many connections are open; on SQLite also those of this process that are not the receiver's."""
        if self._session is not None:
            return len(self._sessions())
        return sum(link == str(self._path) for link in map(_target, Path("/proc/self/fd").iterdir()))

    def _sessions(self) -> list[str]:
        assert self._session is not None
        found = self._session.execute(
            "SELECT state FROM pg_stat_activity WHERE datname = current_database() AND application_name = %s",
            ("carnet-receiver",),
        )
        return [str(state) for (state,) in found]

    def rows(self) -> int:
        """How many attestations are stored."""
        ((count,),) = self._opened.execute("SELECT count(*) FROM attestations").fetchall()
        return int(count)


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:
        return ""


@dataclass
class Tried:
    """A receiver that is maltreated."""

    receiver: Receiver
    asks: Asks
    probe: Probe
    chance: random.Random
    rows_before: int
    most_connections: int

    async def hang_up(self, clients: int) -> None:
        """Have so many clients drop their connection, some at a time, and send again what they had to send."""
        kinds = cycle(KINDS)
        for done in range(0, clients, WAVE):
            wave = [self.asks.new(next(kinds)) for _ in range(min(WAVE, clients - done))]
            stored = self.probe.rows()
            # One for each, as they draw in an order that is not the same in every run.
            chances = [random.Random(self.chance.random()) for _ in wave]  # noqa: S311
            whole = await asyncio.gather(*map(self._hang_up, wave, chances))
            await self._next()
            await self.probe.at_rest()
            may = sum(one.rows for one, all_of_it in zip(wave, whole, strict=True) if all_of_it)
            # What the ask for the next request stored is one.
            assert self.probe.rows() - stored <= may + 1, "something was stored that was never sent whole"
            for one in wave:
                await self._again(one)
            await self.probe.at_rest()

    async def cancel(self, cancellations: int) -> dict[str, int]:
        """Cancel so many requests, each at the next of its awaits; gives how many awaits each kind was cancelled at."""
        loop = asyncio.get_running_loop()
        cancelling = Cancelling()
        loop.set_task_factory(cancelling)
        swept: dict[str, int] = dict.fromkeys(KINDS, 0)
        done = 0
        try:
            for kind in cycle(KINDS):
                at = 1
                while done < cancellations:
                    one = self.asks.new(kind)
                    plan = cancelling.plan = Plan(at, self.chance.choice((0.0, 0.0, self.chance.uniform(0, 0.004))))
                    await self._send(one, paced=self.chance.random() < 0.5)
                    await self._again(one)
                    await self.probe.at_rest()
                    if plan.awaits < plan.at:
                        break
                    at += 1
                    if plan.cancelled:
                        done += 1
                        swept[kind] = max(swept[kind], plan.at)
                if done >= cancellations:
                    return swept
        finally:
            loop.set_task_factory(None)
        raise AssertionError

    async def judge(self) -> None:
        """Fail where something is stored twice, not at all or not whole, or a place of a pool was not given back."""
        sent = sum(one.rows for one in self.asks.made)
        assert self.probe.rows() - self.rows_before == sent
        await fill(self.receiver, self.asks.pipeline)
        assert await asyncio.to_thread(self.probe.connections) <= self.most_connections
        assert "request_failed" not in self.receiver.log.getvalue()
        with self.receiver.store() as store:
            assert await asyncio.to_thread(fsck.check, store) == []

    async def _next(self) -> None:
        await self._again(self.asks.new(self.chance.choice(KINDS[1:])))

    async def _again(self, one: Ask) -> None:
        async with asyncio.timeout(NEXT_SECONDS):
            answer = await one.settle(self.receiver)
        assert answer.status in {200, 201}, answer.body

    async def _hang_up(self, one: Ask, chance: random.Random) -> bool:
        """Send as much as chance says, and drop the connection; gives whether all of it was sent."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.receiver.port)
        raw, head = one.head + one.body, len(one.head)
        where = chance.choice(("header", "body", "waiting", "waiting"))
        length = {"header": chance.randrange(head), "body": chance.randrange(head, len(raw))}.get(where, len(raw))
        cut = chance.randrange(length + 1)
        writer.write(raw[:cut])
        await asyncio.sleep(chance.uniform(0, _PACE_SECONDS))
        writer.write(raw[cut:length])
        await asyncio.sleep(chance.choice((0.0, chance.uniform(0, 0.03))))
        drop(writer, reset=chance.random() < 0.5)
        del reader
        return length == len(raw)

    async def _send(self, one: Ask, *, paced: bool) -> None:
        """Send it by hand and wait for the end of the connection or for an answer."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.receiver.port)
        half = len(one.body) // 2
        async with asyncio.timeout(PATIENCE_SECONDS):
            for piece in (one.head, one.body[:half], one.body[half:]):
                writer.write(piece)
                if paced:
                    await asyncio.sleep(_PACE_SECONDS)
            with suppress(ConnectionError):  # closed while we still wrote
                await reader.read(1)
        drop(writer, reset=False)


def drop(writer: asyncio.StreamWriter, *, reset: bool) -> None:
    """Close a connection at once; with a reset, as somebody does whose machine forgot about it."""
    if reset:
        opened = writer.get_extra_info("socket")
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@dataclass
class Plan:
    """Cancel one request at its `at`-th await, or so many seconds later."""

    at: int
    later: float
    awaits: int = 0
    cancelled: bool = False


class Cancelling:
    """A loop's maker of tasks: the next request that aiohttp handles is cancelled as planned."""

    def __init__(self) -> None:
        """Plan nothing."""
        self.plan: Plan | None = None

    def __call__(
        self,
        loop: asyncio.AbstractEventLoop,
        coro: Coroutine[Any, Any, _T] | Generator[Any, None, _T],
        context: Context | None = None,
    ) -> asyncio.Task[_T]:
        if self.plan is None or getattr(coro, "__qualname__", "") != _HANDLER:
            return asyncio.Task(coro, loop=loop, context=context)
        plan, self.plan = self.plan, None
        return asyncio.Task(_Counted(coro, plan), loop=loop, context=context)


class _Counted(Coroutine[Any, Any, _T]):
    """A coroutine whose awaits are counted; its task is cancelled while it waits in the planned one."""

    def __init__(self, inner: Coroutine[Any, Any, _T] | Generator[Any, None, _T], plan: Plan) -> None:
        self._inner = inner
        self._plan = plan

    def send(self, value: Any) -> Any:  # noqa: ANN401 - whatever goes to and fro
        waits_for = self._inner.send(value)
        self._plan.awaits += 1
        if self._plan.awaits == self._plan.at:
            task = asyncio.current_task()
            assert task is not None
            asyncio.get_running_loop().call_later(self._plan.later, self._cancel, task)
        return waits_for

    def _cancel(self, task: asyncio.Task[Any]) -> None:
        self._plan.cancelled = task.cancel()

    def throw(
        self,
        kind: Any,  # noqa: ANN401 - as the protocol has it
        value: BaseException | object = None,
        trace: TracebackType | None = None,
    ) -> Any:  # noqa: ANN401
        del value, trace
        return self._inner.throw(kind)

    def close(self) -> None:
        self._inner.close()

    def __await__(self) -> Generator[Any, Any, _T]:
        yield from ()
        raise NotImplementedError


@asynccontextmanager
async def tried(folder: Path, databases: Databases, seed: int) -> AsyncIterator[Tried]:
    """Have a receiver to maltreat, a collector and a pipeline; it is judged at the end."""
    async with serving(folder, SETTINGS, databases) as receiver:
        one = asks(receiver, await Sender(receiver).join())
        probe = Probe(receiver.data.database_url)
        try:
            for kind in KINDS:
                assert (await one.new(kind).send(receiver)).status in {200, 201}
            chance = random.Random(seed)  # noqa: S311 - the same in every run
            rows = probe.rows() - sum(made.rows for made in one.made)
            most = CONNECTIONS if probe.is_server else CONNECTIONS + probe.connections()
            made = Tried(receiver, one, probe, chance, rows, most)
            yield made
            await made.judge()
        finally:
            probe.close()


async def fill(receiver: Receiver, token: str) -> None:
    """Ask as much at once as the desk has places for, and fail where anything is turned away."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        answers = await asyncio.gather(*(receiver.get(f"{API}/attestations?limit=1", token) for _ in range(_SEATS)))
    assert [one.status for one in answers] == [200] * _SEATS


def asks(receiver: Receiver, sender: Sender) -> Asks:
    """Requests of a collector and of a pipeline, neither of which is slowed down."""
    with receiver.store() as store:
        issued = access.issue(
            store,
            receiver.names.workspace,
            Kind.COLLECTOR_ACCESS,
            [Scope.COLLECTOR_WRITE],
            "a collector",
            clock.utcnow(),
            os.urandom,
            limit_per_minute=UNLIMITED,
            collector_id=sender.id,
        )
    pipeline = receiver.token(
        Scope.ATTESTATIONS_WRITE, Scope.PIPELINES_WRITE, Scope.ARTIFACTS_WRITE, Scope.DEPLOYMENTS_WRITE, Scope.READ
    )
    return Asks(receiver, sender, issued.token, pipeline)
