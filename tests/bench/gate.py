"""The gate over HTTP at a steady hundred questions a second, on an almost empty and on a full database; and `simulate`.

Questions are sent at fixed times, whether earlier ones are answered or not, and an answer's time counts from when its
question was due: who falls behind is seen to. The two databases are asked in turns. Of each build a hundred pieces of
evidence are known. It is asked about for the first time; for other services, each of which makes a new passport; and
about one release again and again, which is answered with the passport in force: while nothing else is written, and
while somebody else commits ten times a second, so that nothing that was read stays good for long. At the end a few
clients ask the full database as fast as they are answered.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from itertools import count
from pathlib import Path

import aiohttp

from receiver.store import presence, workspaces
from receiver.store.engine import Store
from shared.wire import GATE_API
from tests.bench import builds, evidence, past
from tests.bench.builds import Build
from tests.bench.figures import Figure, Sizes, percentile
from tests.bench.fleet import cpu_seconds
from tests.helpers import programs

_A_SECOND = 100
_AT_ONCE = 100
"""Questions that one database is asked before it is the other one's turn."""
_SINCE = timedelta(days=1)
_LEAD_SECONDS = 0.1
_GOAL_MS, _FLAT, _SIMULATED_SECONDS = 25, 1.5, 30
_FIRST, _NEW, _SAME = "first question on a build", "a release of a known build", "the same release again"
_BESIDE = "the same release again, beside ten commits a second"
_COMMIT_SECONDS = 0.1
_CLIENTS = 8


@dataclass
class Side:
    """A receiver over one database, and how long its answers took, by what was asked."""

    data: Path
    builds: list[Build]
    token: str
    url: str = ""
    pid: int = 0
    seconds: dict[str, list[float]] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)
    """How many questions were sent away, since too many were being worked on: who cannot keep up."""
    worked: Counter[str] = field(default_factory=Counter)
    """Milliseconds of a processor that the receiver took."""
    rates: dict[str, float] = field(default_factory=dict)
    """Answers a second to a few who ask without a pause."""


def measure(sizes: Sizes) -> list[Figure]:
    """Take the figures; raises `RuntimeError` where a question is answered otherwise than expected."""
    with tempfile.TemporaryDirectory(prefix="carnet-bench-") as folder:
        place = Path(folder)
        few = _prepared(place / "few", evidence.EACH, 0, sizes)
        many = _prepared(place / "many", sizes.stored_attestations, sizes.stored_passports, sizes)
        simulated = _simulated(many, sizes)
        with (
            programs.receiver(few.data, place / "log-few") as one,
            programs.receiver(many.data, place / "log-many") as other,
        ):
            few.url, many.url, few.pid, many.pid = one.url, other.url, one.process.pid, other.process.pid
            asyncio.run(_ask(few, many, sizes))
    return [*(_figure(name, few, many, sizes) for name in (_FIRST, _NEW, _SAME, _BESIDE)), _rates(many), simulated]


def _prepared(data: Path, attestations: int, passports: int, sizes: Sizes) -> Side:
    with programs.receiver(data, data.with_name(f"made-{data.name}")):
        pass
    filled = evidence.fill(data, f"sqlite:///{data / 'receiver.db'}", attestations, datetime.now(UTC) - _SINCE)
    made = builds.make(data, sizes.builds)
    past.fill(data, passports, attestations)
    return Side(data, made, filled.token)


# --- questions at fixed times ---


async def _ask(few: Side, many: Side, sizes: Sizes) -> None:
    numbers = count()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        for side in (few, many):
            await _serve(http, side, "", [_question(side.builds[0], "warm-up")] * _AT_ONCE)
        for name, total in ((_FIRST, sizes.builds), (_NEW, sizes.evaluations), (_SAME, sizes.evaluations)):
            await _in_turns(http, few, many, name, total, numbers)
        with contextlib.ExitStack() as open_ones:
            for side in (few, many):
                open_ones.enter_context(_committing(side))
            await _in_turns(http, few, many, _BESIDE, sizes.evaluations, numbers)
        for name in (_NEW, _SAME):
            questions = list(_questions(name, many.builds, range(sizes.evaluations), numbers))
            many.rates[name] = await _rate(http, many, questions)


async def _in_turns(
    http: aiohttp.ClientSession, few: Side, many: Side, name: str, total: int, numbers: Iterator[int]
) -> None:
    for first in range(0, total, _AT_ONCE):
        here = range(first, min(first + _AT_ONCE, total))
        for side in (few, many):
            await _serve(http, side, name, list(_questions(name, side.builds, here, numbers)))


@contextlib.contextmanager
def _committing(side: Side) -> Iterator[None]:
    """Commit a row again and again, as another process."""
    store, over = Store.open(f"sqlite:///{side.data / 'receiver.db'}"), threading.Event()
    workspace_id = store.read(workspaces.all_ids)[0]

    def commit() -> None:
        while not over.wait(_COMMIT_SECONDS):
            store.write(lambda tx: presence.note(tx, workspace_id, datetime.now(UTC)))

    thread = threading.Thread(target=commit)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        store.close()


def _questions(name: str, known: Sequence[Build], here: range, numbers: Iterator[int]) -> Iterator[bytes]:
    for at in here:
        if name in {_SAME, _BESIDE}:
            yield _question(known[0], "warm-up")
        else:
            yield _question(known[at % len(known)], f"service-{next(numbers)}")


def _question(about: Build, service: str) -> bytes:
    asked = {
        "mode": "enforce",
        "service": {"name": service, "namespace": "apps", "environment": "production"},
        "artifact": {"digest": f"sha256:{about.digest}"},
        "release": {"releaseId": "2.18.4", "sourceSha": about.commit, "author": "author@acme.example"},
        "health": {"ready": True},
        "rollback": {"available": True, "verified": True},
    }
    return json.dumps(asked).encode()


async def _serve(http: aiohttp.ClientSession, side: Side, name: str, questions: Sequence[bytes]) -> None:
    """Send each at its time, and wait for all answers."""
    start, used = time.perf_counter() + _LEAD_SECONDS, cpu_seconds(side.pid)
    async with asyncio.TaskGroup() as tasks:
        asked = [
            tasks.create_task(_answer(http, side, body, start + number / _A_SECOND))
            for number, body in enumerate(questions)
        ]
    took = [one.result() for one in asked]
    side.seconds.setdefault(name, []).extend(one for one in took if one is not None)
    side.refused[name] += took.count(None)
    side.worked[name] += round((cpu_seconds(side.pid) - used) * 1000)


async def _rate(http: aiohttp.ClientSession, side: Side, questions: Sequence[bytes]) -> float:
    waiting, began = iter(questions), time.perf_counter()

    async def client() -> None:
        for body in waiting:
            if await _answer(http, side, body, time.perf_counter()) is None:
                msg = "so few clients are too many"
                raise RuntimeError(msg)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(_CLIENTS):
            tasks.create_task(client())
    return len(questions) / (time.perf_counter() - began)


async def _answer(http: aiohttp.ClientSession, side: Side, body: bytes, due: float) -> float | None:
    """Ask when it is due; gives the seconds from then to the answer, None where the receiver had too much to do."""
    await asyncio.sleep(due - time.perf_counter())
    headers = {"Authorization": f"Bearer {side.token}", "Content-Type": "application/json"}
    async with http.post(f"{side.url}{GATE_API}/gate/evaluate", data=body, headers=headers) as answer:
        said = await answer.read()
    took = time.perf_counter() - due
    if answer.status == HTTPStatus.SERVICE_UNAVAILABLE:
        return None
    if answer.status != HTTPStatus.OK or json.loads(said)["decision"] != "ALLOW":
        msg = f"{answer.status} {said[:2000]!r}"
        raise RuntimeError(msg)
    return took


# --- the past ---


def _simulated(side: Side, sizes: Sizes) -> Figure:
    """Try another policy on all that was decided, as an operator does."""
    file = side.data.with_name("stricter.yaml")
    file.write_text(builds.POLICY.replace("80.0", "95.0"))
    words = ["policy", "simulate", str(file), "--data", str(side.data), "--output", "json"]
    began, used = time.perf_counter(), _children_seconds()
    done = subprocess.run([programs.command("carnet-receiver"), *words], capture_output=True, text=True, check=True)
    took, worked = time.perf_counter() - began, _children_seconds() - used
    judged = json.loads(done.stdout)["judged"]
    return Figure(
        f"policy simulate over {judged:,} releases of {evidence.EACH} attestations each",
        f"{took:.1f} s",
        f"{took / max(1, judged) * 1000:.1f} ms a release, {worked / max(1, judged) * 1000:.1f} of a processor",
        f"<= {_SIMULATED_SECONDS} s for {sizes.stored_passports:,}",
    )


def _children_seconds() -> float:
    """How much of a processor the programs took that were run to their end."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime


def _figure(name: str, few: Side, many: Side, sizes: Sizes) -> Figure:
    sides = ((many, ""), (few, " by the almost empty one"))
    little, full = few.seconds[name], many.seconds[name]
    work = many.worked[name] / (len(full) + many.refused[name])
    refused = "".join(f"; {side.refused[name]} refused{where}" for side, where in sides if side.refused[name])
    return Figure(
        f"gate, {_A_SECOND} questions a second: {name}",
        f"p50 {_ms(full, 0.5)} ms, p99 {_ms(full, 0.99)} ms; almost empty: {_ms(little, 0.5)}, {_ms(little, 0.99)}"
        f"; {work:.1f} ms of a processor each" + refused,
        f"p99 {percentile(full, 0.99) / percentile(little, 0.99):.2f} of an almost empty database's"
        f" ({sizes.stored_attestations:,} attestations, {sizes.stored_passports:,} passports)",
        f"p99 <= {_GOAL_MS} ms, ratio <= {_FLAT}",
    )


def _rates(side: Side) -> Figure:
    return Figure(
        f"gate, {_CLIENTS} clients without a pause",
        f"{side.rates[_SAME]:.0f} evaluations a second: {_SAME}",
        f"{side.rates[_NEW]:.0f} a second: {_NEW}, each a new passport",
        f">= {_A_SECOND} a second",
    )


def _ms(seconds: Sequence[float], share: float) -> str:
    return f"{percentile(seconds, share) * 1000:.1f}"
