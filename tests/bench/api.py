"""The API of pipelines: writes and reads on an almost empty and on a full database, and what a request costs.

The almost empty one holds what there is of one commit, so that both answer the same number of items.
One connection asks, one request after the other: the time of an answer, without waiting for others. The same routes are
asked in turns on both databases, so that whatever else runs on the machine meets both.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp

from shared.encoding import JsonObject
from tests.bench import evidence
from tests.bench.evidence import Filled
from tests.bench.figures import Figure, Sizes, percentile
from tests.helpers import programs

_SINCE = timedelta(days=1)
_WARM_UP = 20
_FIRST_NEW = 10_000_000
_CONNECTIONS = 8
_FLAT, _LEAST_SHARE = 1.5, 0.1

READS: Mapping[str, Callable[[Filled], str]] = {
    "attestation by id": lambda at: f"/api/v1/attestations/{at.attestation}",
    "attestations of a digest": lambda at: f"/api/v1/attestations?artifact={at.digest}&limit=10",
    "attestations of a commit": lambda at: f"/api/v1/attestations?commit={at.commit}&limit=10",
    "attestations of a repository": lambda at: f"/api/v1/attestations?repository={at.repository}&limit=1",
    "attestations, a page of 10": lambda _: "/api/v1/attestations?limit=10",
    "artifact with all that touches it": lambda at: f"/api/v1/artifacts/{at.artifact}",
    "search for a digest": lambda at: f"/api/v1/search?q={at.digest}",
    "pipeline runs, a page of 1": lambda _: "/api/v1/pipeline-runs?limit=1",
}
WRITES: Mapping[str, tuple[str, Callable[[int], JsonObject]]] = {
    "post an attestation": ("/api/v1/attestations", evidence.attestation),
    "post a pipeline run": ("/api/v1/pipeline-runs", evidence.run),
    "post an artifact": ("/api/v1/artifacts", evidence.artifact),
    "post a deployment": ("/api/v1/deployments", evidence.deployment),
}


@dataclass
class Side:
    """A receiver over one database, and how long each kind of request took there."""

    url: str
    filled: Filled
    http: aiohttp.ClientSession
    number: int = _FIRST_NEW
    seconds: dict[str, list[float]] = field(default_factory=dict)

    async def read(self, name: str, path: str) -> None:
        """Ask once."""
        await self._timed(name, "GET", path, None, 200)

    async def write(self, name: str, path: str, fields: Callable[[int], JsonObject]) -> None:
        """Post something that is not there yet."""
        self.number += 10
        await self._timed(name, "POST", path, json.dumps(fields(self.number)).encode(), 201)

    async def _timed(self, name: str, method: str, path: str, body: bytes | None, expected: int) -> None:
        headers = {"Authorization": f"Bearer {self.filled.token}", "Content-Type": "application/json"}
        began = time.perf_counter()
        async with self.http.request(method, self.url + path, data=body, headers=headers) as answer:
            said = await answer.read()
        self.seconds.setdefault(name, []).append(time.perf_counter() - began)
        if answer.status != expected:
            msg = f"{method} {path}: {answer.status} {said[:300]!r}"
            raise RuntimeError(msg)


def measure(sizes: Sizes) -> list[Figure]:
    """Take the figures; raises `RuntimeError` where a request is answered otherwise than expected."""
    with tempfile.TemporaryDirectory(prefix="carnet-bench-") as folder:
        place = Path(folder)
        counts = {"one": evidence.EACH, "many": sizes.stored_attestations}
        filled = [_prepared(place / name, count) for name, count in counts.items()]
        with (
            programs.receiver(place / "one", place / "log-one") as one,
            programs.receiver(place / "many", place / "log-many") as many,
        ):
            return asyncio.run(_measure((one.url, many.url), filled, sizes))


def _prepared(data: Path, count: int) -> Filled:
    with programs.receiver(data, data.with_name(f"log-{data.name}")):
        pass
    return evidence.fill(data, f"sqlite:///{data / 'receiver.db'}", count, datetime.now(UTC) - _SINCE)


async def _measure(urls: tuple[str, str], filled: list[Filled], sizes: Sizes) -> list[Figure]:
    async with aiohttp.ClientSession() as http:
        one, many = (Side(url, about, http) for url, about in zip(urls, filled, strict=True))
        for turn in range(_WARM_UP + sizes.requests):
            if turn == _WARM_UP:
                one.seconds.clear()
                many.seconds.clear()
            for side in (one, many):
                for name, path_of in READS.items():
                    await side.read(name, path_of(side.filled))
                for name, (path, fields) in WRITES.items():
                    await side.write(name, path, fields)
        figures = [_figure(name, one, many, sizes) for name in (*READS, *WRITES)]
        return [*figures, await _cost(many, sizes)]


def _figure(name: str, one: Side, many: Side, sizes: Sizes) -> Figure:
    few, full = one.seconds[name], many.seconds[name]
    ratio = percentile(full, 0.99) / percentile(few, 0.99)
    return Figure(
        name,
        f"p50 {_ms(full, 0.5)} ms, p99 {_ms(full, 0.99)} ms, {len(full) / sum(full):,.0f} a second; "
        f"almost empty: {_ms(few, 0.5)}, {_ms(few, 0.99)}, {len(few) / sum(few):,.0f}",
        f"p99 {ratio:.2f} of an empty database's, p50 {percentile(full, 0.5) / percentile(few, 0.5):.2f} "
        f"({sizes.stored_attestations:,} attestations)",
        f"p99 <= {_FLAT}",
    )


def _ms(seconds: list[float], share: float) -> str:
    return f"{percentile(seconds, share) * 1000:.1f}"


async def _cost(side: Side, sizes: Sizes) -> Figure:
    """Ask a route that stores nothing over several connections at once, and a bare handler the same way, in turns."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.bare", stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        bare = f"http://127.0.0.1:{int(await process.stdout.readline())}/"
        ours = f"{side.url}/api/v1/attestations/{side.filled.attestation}/envelope"
        headers = {"Authorization": f"Bearer {side.filled.token}"}
        rates: dict[str, list[float]] = {bare: [], ours: []}
        for _ in range(5):
            for url, found in rates.items():
                found.append(await _rate(side.http, url, headers, sizes.requests * _CONNECTIONS))
    finally:
        process.terminate()
        await process.wait()
    best = {url: max(found) for url, found in rates.items()}
    return Figure(
        "an envelope by id, its token looked up in the database",
        f"{best[ours]:,.0f} a second, a bare handler {best[bare]:,.0f}",
        f"{best[ours] / best[bare]:.2f} of a bare handler's",
        f">= {_LEAST_SHARE}",
    )


async def _rate(http: aiohttp.ClientSession, url: str, headers: Mapping[str, str], count: int) -> float:
    async def ask() -> None:
        for _ in range(count // _CONNECTIONS):
            async with http.get(url, headers=headers) as answer:
                await answer.read()
                answer.raise_for_status()

    began = time.perf_counter()
    await asyncio.gather(*(ask() for _ in range(_CONNECTIONS)))
    return count / (time.perf_counter() - began)
