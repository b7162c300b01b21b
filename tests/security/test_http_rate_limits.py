"""A key may ask as often as its limit says and not once more; an address that guesses is told to wait."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from receiver import clock
from receiver.core.tokens import Scope
from receiver.web.settings import WebSettings
from tests.helpers.receiving import Answer, Receiver, Sender, serving

LIST = "/api/v1/attestations"
HEADERS = {"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "RateLimit-Policy", "RateLimit"}


@pytest.fixture
async def receiver(tmp_path: Path) -> AsyncIterator[Receiver]:
    async with serving(tmp_path / "data", settings=WebSettings(max_failures_per_minute=5)) as running:
        yield running


def remaining(answer: Answer) -> int:
    return int(answer.headers["X-RateLimit-Remaining"])


async def test_a_key_is_served_exactly_as_often_as_its_limit_also_in_parallel(receiver: Receiver) -> None:
    token = receiver.token(Scope.READ, limit=30)
    answers = await asyncio.gather(*(receiver.get(LIST, token) for _ in range(45)))
    assert sorted(one.status for one in answers) == [200] * 30 + [429] * 15
    assert min(remaining(one) for one in answers) == 0


async def test_over_the_limit_is_429_with_the_time_to_wait(receiver: Receiver) -> None:
    token = receiver.token(Scope.READ, limit=1)
    await receiver.get(LIST, token)
    answer = await receiver.get(LIST, token)
    assert (answer.status, answer.json["code"]) == (429, "rate_limited")
    assert 1 <= int(answer.headers["Retry-After"]) <= 60


async def test_every_answer_to_a_keyed_request_says_where_the_key_stands(receiver: Receiver) -> None:
    token = receiver.token(Scope.READ, Scope.ADMIN, limit=50)
    answers = [
        await receiver.get(LIST, token),
        await receiver.get(f"{LIST}?limit=0", token),
        await receiver.get(f"{LIST}/{'ab' * 32}", token),
        await receiver.get("/api/v1/nowhere", token),
        await receiver.ask("DELETE", LIST, token),
        await receiver.post("/api/v1/collector/attestations", b"{}", token),
        await receiver.post("/api/v1/collectors/invitations", b"{", token),
        await receiver.post("/api/v1/collectors/invitations", b"", token, headers={"Content-Type": "a/b"}),
    ]
    assert [one.status for one in answers] == [200, 422, 404, 404, 405, 403, 400, 415]
    assert [remaining(one) for one in answers] == list(range(49, 41, -1))
    soon = clock.utcnow() + timedelta(seconds=61)
    for one in answers:
        assert set(one.headers) >= HEADERS
        assert one.headers["X-RateLimit-Limit"] == "50"
        assert one.headers["RateLimit-Policy"] == '"default";q=50;w=60'
        assert one.headers["RateLimit"].startswith(f'"default";r={remaining(one)};t=')
        assert clock.utcnow().timestamp() - 1 < int(one.headers["X-RateLimit-Reset"]) <= soon.timestamp()


async def test_a_collector_may_ask_1200_times_a_minute(receiver: Receiver) -> None:
    sender = await Sender(receiver).join()
    answer = await sender.deliver(sender.capture(1))
    assert answer.headers["X-RateLimit-Limit"] == "1200"


async def test_a_key_may_ask_100_times_a_minute_unless_set(receiver: Receiver) -> None:
    answer = await receiver.get(LIST, receiver.secrets.api_key)
    assert answer.headers["X-RateLimit-Limit"] == "100"


async def test_keys_do_not_share_their_limit(receiver: Receiver) -> None:
    first, second = receiver.token(Scope.READ, limit=1), receiver.token(Scope.READ, limit=1)
    assert (await receiver.get(LIST, first)).status == 200
    assert (await receiver.get(LIST, first)).status == 429
    assert (await receiver.get(LIST, second)).status == 200


async def test_an_address_that_guesses_waits_whatever_it_writes_into_its_headers(receiver: Receiver) -> None:
    statuses = [
        (await receiver.get(LIST, f"guess{n}", headers={"X-Forwarded-For": f"203.0.113.{n}"})).status for n in range(8)
    ]
    assert statuses == [401] * 5 + [429] * 3


async def test_guessing_elsewhere_at_the_address_does_not_lock_a_good_key_out(receiver: Receiver) -> None:
    for n in range(8):
        await receiver.get(LIST, f"guess{n}")
    assert (await receiver.get(LIST, receiver.secrets.api_key)).status == 200


async def test_requests_for_access_that_are_not_believed_are_counted_too(receiver: Receiver) -> None:
    stranger = Sender(receiver, id="col_stranger")
    statuses = [(await stranger.access()).status for _ in range(7)]
    assert statuses == [401] * 5 + [429] * 2


async def test_the_probes_are_never_limited(receiver: Receiver) -> None:
    for n in range(8):
        await receiver.get(LIST, f"guess{n}")
    assert (await receiver.get("/healthz")).status == 200
    assert (await receiver.get("/readyz")).status == 200
