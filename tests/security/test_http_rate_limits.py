"""S10, F52: a key may ask as often as its limit says and not once more; an address that guesses is told to wait.

That no window of a minute ever holds more than the limit, however it lies, stands in
`tests/unit/receiver/test_windows.py`.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from receiver import clock
from receiver.core.tokens import Kind, Scope, make_token
from receiver.web.ratelimits import RateLimits
from receiver.web.settings import WebSettings
from tests.helpers.receiving import Answer, Receiver, Sender, serving

LIST = "/api/v1/attestations"
RUN = b'{"repositoryFullName": "acme/app", "workflowName": "CI", "externalId": "1", "status": "%b"}'
HEADERS = {"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "RateLimit-Policy", "RateLimit"}


@pytest.fixture
async def receiver(tmp_path: Path) -> AsyncIterator[Receiver]:
    async with serving(
        tmp_path / "data",
        settings=WebSettings(max_failures_per_minute=5, max_body_bytes=10_000, max_waiting_requests=200),
    ) as running:
        yield running


def remaining(answer: Answer) -> int:
    return int(answer.headers["X-RateLimit-Remaining"])


async def test_a_key_is_served_exactly_as_often_as_its_limit_also_in_parallel(receiver: Receiver) -> None:
    token = receiver.token(Scope.READ, limit=30)
    answers = await asyncio.gather(*(receiver.get(LIST, token) for _ in range(45)))
    assert sorted(one.status for one in answers) == [200] * 30 + [429] * 15
    assert min(remaining(one) for one in answers) == 0


async def test_a_usual_key_is_served_100_times_a_minute_of_150_parallel_calls_whatever_their_headers_say(
    receiver: Receiver,
) -> None:
    def forged(number: int) -> dict[str, str]:
        address = f"203.0.113.{number}"
        return {"X-Forwarded-For": address, "Forwarded": f"for={address}", "X-Real-IP": address, "X-Api-Key": address}

    key = receiver.secrets.api_key
    answers = await asyncio.gather(*(receiver.get(LIST, key, headers=forged(number)) for number in range(150)))
    assert sorted(one.status for one in answers) == [200] * 100 + [429] * 50
    # The hundredth leaves nothing, and whoever comes after it finds nothing.
    assert sorted(remaining(one) for one in answers) == [0] * 50 + list(range(100))
    for one in answers:
        assert set(one.headers) >= HEADERS
        assert one.headers["X-RateLimit-Limit"] == "100"


async def test_a_window_moves_so_that_no_edge_of_a_minute_lets_more_through() -> None:
    began = datetime(2026, 3, 2, 12, 0, 59, tzinfo=UTC)
    seconds = [0.0]
    limits = RateLimits(lambda: began + timedelta(seconds=seconds[0]), lambda: seconds[0], 20)
    admitted = []
    for at in (0.0, 0.5, 1.0, 59.0, 60.0, 60.25, 60.75, 119.0, 120.5):
        seconds[0] = at
        standings = [await limits.take("tok", 100) for _ in range(60)]
        admitted.append(sum(one.admitted for one in standings))
        if not standings[-1].admitted:
            assert standings[-1].remaining == 0
            assert standings[-1].reset_at >= began.timestamp() + at
            assert 1 <= standings[-1].wait_seconds <= 60
    assert admitted == [60, 40, 0, 0, 0, 60, 40, 0, 60]


async def test_over_the_limit_is_429_with_the_time_to_wait(receiver: Receiver) -> None:
    token = receiver.token(Scope.READ, limit=1)
    await receiver.get(LIST, token)
    answer = await receiver.get(LIST, token)
    assert (answer.status, answer.json["code"]) == (429, "rate_limited")
    assert 1 <= int(answer.headers["Retry-After"]) <= 60


async def test_every_answer_to_a_keyed_request_says_where_the_key_stands(receiver: Receiver) -> None:
    limit = 11
    token = receiver.token(Scope.READ, Scope.ADMIN, limit=limit)
    answers = [
        await receiver.get(LIST, token),
        await receiver.get(f"{LIST}?limit=0", token),
        await receiver.get(f"{LIST}/{'ab' * 32}", token),
        await receiver.get("/api/v1/nowhere", token),
        await receiver.ask("DELETE", LIST, token),
        await receiver.post("/api/v1/collector/attestations", b"{}", token),
        await receiver.post("/api/v1/collectors/invitations", b"{", token),
        await receiver.post("/api/v1/collectors/invitations", b"", token, headers={"Content-Type": "a/b"}),
        await receiver.post("/api/v1/collectors/invitations", b" " * 10_001, token),
        await receiver.post("/api/v1/pipeline-runs", RUN % b"COMPLETED", token),
        await receiver.post("/api/v1/pipeline-runs", RUN % b"QUEUED", token),
    ]
    assert [one.status for one in answers] == [200, 422, 404, 404, 405, 403, 400, 415, 413, 201, 409]
    assert [remaining(one) for one in answers] == list(range(limit - 1, -1, -1))
    answers.append(await receiver.get(LIST, token))
    assert (answers[-1].status, remaining(answers[-1])) == (429, 0)
    soon = clock.utcnow() + timedelta(seconds=61)
    for one in answers:
        assert set(one.headers) >= HEADERS
        assert one.headers["X-RateLimit-Limit"] == str(limit)
        assert one.headers["RateLimit-Policy"] == f'"default";q={limit};w=60'
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


async def test_an_address_guesses_20_times_a_minute_and_is_told_of_no_key(tmp_path: Path) -> None:
    async with serving(tmp_path / "usual") as receiver:
        guesses = [receiver.get(LIST, make_token(Kind.API_KEY, bytes([n] * 32))) for n in range(40)]
        answers = await asyncio.gather(*guesses)
        assert sorted(one.status for one in answers) == [401] * 20 + [429] * 20
        for one in answers:
            assert not HEADERS & set(one.headers)
            assert ("Retry-After" in one.headers) == (one.status == 429)


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
