"""S10: limits that several receivers share: never more than one would admit, and never a request lost for them."""

import asyncio
import io
import re
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from receiver import clock
from receiver.app import SharedLimits
from receiver.web.journal import make_journal
from receiver.web.metrics import Metrics
from receiver.web.sharedlimits import SharedWindows
from shared.keyfile import write_secret
from tests.helpers.receiving import Answer, Receiver, serving
from tests.helpers.redis import PASSWORD, RedisServer, redis_server

LIST = "/api/v1/attestations"
LIMIT = 100
PATIENT, BRISK = 1.0, 0.1


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@dataclass
class Pair:
    """Two receivers that know the same key and count in the same place."""

    both: tuple[Receiver, Receiver]

    @property
    def key(self) -> str:
        return self.both[0].secrets.api_key

    async def ask(self, times: int) -> list[Answer]:
        """Ask both at once, so many times each."""
        return await asyncio.gather(*(one.get(LIST, self.key) for one in self.both for _ in range(times)))


async def pair_on(server: RedisServer, folder: Path, stack: AsyncExitStack, url: str, patience: float) -> Pair:
    password = folder / "redis.password"
    write_secret(password, PASSWORD.encode())
    shared = SharedLimits(url.format(port=server.port), password, patience)
    first, second = [
        await stack.enter_async_context(serving(folder / name, shared_limits=shared)) for name in ("first", "second")
    ]
    return Pair((first, second))


@pytest.fixture
async def pair(redis: RedisServer, tmp_path: Path) -> AsyncIterator[Pair]:
    async with AsyncExitStack() as stack:
        yield await pair_on(redis, tmp_path, stack, "redis://127.0.0.1:{port}/0", PATIENT)


@pytest.fixture
async def brisk(redis: RedisServer, tmp_path: Path) -> AsyncIterator[Pair]:
    async with AsyncExitStack() as stack:
        yield await pair_on(redis, tmp_path, stack, "valkey://127.0.0.1:{port}", BRISK)


def admitted(answers: list[Answer]) -> int:
    assert {one.status for one in answers} <= {200, 429}
    return sum(one.status == 200 for one in answers)


async def test_two_receivers_together_admit_a_key_as_often_as_one_does(pair: Pair) -> None:
    answers = [one for _ in range(4) for one in await pair.ask(20)]
    assert LIMIT <= admitted(answers) <= LIMIT + 1
    refused = next(one for one in answers if one.status == 429)
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert refused.headers["X-RateLimit-Remaining"] == "0"
    assert min(int(one.headers["X-RateLimit-Remaining"]) for one in answers) == 0
    assert 0 <= int(refused.headers["X-RateLimit-Reset"]) - time.time() <= 61


async def test_addresses_that_guess_are_counted_by_both(pair: Pair) -> None:
    statuses = [(await one.get(LIST, "guess")).status for _ in range(15) for one in pair.both]
    assert statuses == [401] * 20 + [429] * 10


async def test_requests_are_served_and_limited_when_the_storage_dies_in_the_middle(
    pair: Pair, redis: RedisServer
) -> None:
    before = await pair.ask(10)
    redis.stop()
    after = [one for _ in range(6) for one in await pair.ask(20)]
    assert admitted(before) == 20
    # Each goes on from what it has admitted itself.
    assert admitted(after) == 2 * (LIMIT - 10)
    for one in pair.both:
        counted = re.search(
            rb"^carnet_rate_limits_not_shared_total (\d+)", (await one.get("/metrics")).body, re.MULTILINE
        )
        assert counted is not None
        assert int(counted[1]) >= 120  # more where the storage was slow before
        assert one.log.getvalue().count("rate_limits_not_shared") == 1
        assert PASSWORD not in one.log.getvalue()


async def test_a_storage_that_stands_still_keeps_nobody_waiting(brisk: Pair, redis: RedisServer) -> None:
    await brisk.ask(1)
    with redis.frozen():
        begun = time.monotonic()
        assert admitted([one for _ in range(4) for one in await brisk.ask(10)]) == 80
        assert time.monotonic() - begun < 10 * 4 * BRISK + 5, "each request waited for it"


async def test_a_storage_that_comes_back_is_counted_in_again(brisk: Pair, redis: RedisServer) -> None:
    with redis.frozen():
        await brisk.ask(1)
    first, second = brisk.both
    async with asyncio.timeout(20):
        while True:
            left = int((await first.get(LIST, brisk.key)).headers["X-RateLimit-Remaining"])
            if int((await second.get(LIST, brisk.key)).headers["X-RateLimit-Remaining"]) == left - 1:
                return
            await asyncio.sleep(0.3)


@pytest.mark.parametrize(
    "url", ["redis://h", "rediss://u@h:1/2?ssl_ca_certs=/ca.pem", "valkey://[::1]", "valkeys://h/0"]
)
async def test_whatever_url_the_configuration_takes_the_client_takes_too(url: str) -> None:
    journal = make_journal(io.StringIO(), clock.utcnow)
    windows = SharedWindows(
        url, PASSWORD, timeout_seconds=BRISK, monotonic=clock.monotonic, metrics=Metrics(), journal=journal
    )
    await windows.close()


async def test_a_receiver_starts_and_serves_without_its_storage(tmp_path: Path, redis: RedisServer) -> None:
    redis.stop()
    shared = SharedLimits(redis.url, None, BRISK)
    async with serving(tmp_path / "data", shared_limits=shared) as receiver:
        assert (await receiver.get(LIST, receiver.secrets.api_key)).status == 200
