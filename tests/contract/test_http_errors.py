"""Every answer has its id and its headers; every error is one problem body that says what to do."""

import gzip
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from backports import zstd

from receiver import app, clock
from receiver.core.tokens import Scope
from receiver.web.journal import make_journal
from receiver.web.settings import WebSettings
from tests.helpers.databases import Databases
from tests.helpers.receiving import Answer, Receiver, quickstart_in, serving

BATCHES = "/api/v1/collector/attestations"
INVITATIONS = "/api/v1/collectors/invitations"
SMALL = WebSettings(max_body_bytes=10_000, max_batch_bytes=100_000)


@pytest.fixture
async def receiver(tmp_path: Path, databases: Databases) -> AsyncIterator[Receiver]:
    async with serving(tmp_path / "data", SMALL, databases) as running:
        yield running


@pytest.fixture
def admin(receiver: Receiver) -> str:
    return receiver.token(Scope.ADMIN, Scope.COLLECTOR_WRITE, Scope.READ)


def problem(answer: Answer, status: int, code: str) -> dict[str, Any]:
    """The problem body of an answer, which must be whole."""
    assert answer.status == status
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    found: dict[str, Any] = answer.json
    assert found["status"] == status
    assert found["code"] == code
    assert found["type"] == "about:blank"
    assert found["title"]
    assert found["error"] == found["detail"] != ""
    assert found["requestId"] == answer.headers["X-Request-Id"]
    return found


async def test_every_answer_has_a_request_id_of_its_own_and_the_security_headers(receiver: Receiver) -> None:
    answers = [
        await receiver.get("/healthz"),
        await receiver.get("/nowhere"),
        await receiver.get("/api/v1/keyring"),
        await receiver.get("/api/v1/keyring", receiver.secrets.api_key),
        await receiver.ask("PUT", "/healthz"),
    ]
    assert [one.status for one in answers] == [200, 404, 401, 200, 405]
    assert len({one.headers["X-Request-Id"] for one in answers}) == len(answers)
    for one in answers:
        assert one.headers["X-Content-Type-Options"] == "nosniff"
        assert one.headers["X-Frame-Options"] == "DENY"
        assert "default-src 'none'" in one.headers["Content-Security-Policy"]
        assert one.headers["Cache-Control"] == "no-store"
        assert "Server" not in one.headers


async def test_a_path_that_is_not_there_is_404(receiver: Receiver, admin: str) -> None:
    problem(await receiver.get("/api/v1/nothing"), 404, "not_found")
    problem(await receiver.get("/api/v1/nothing", admin), 404, "not_found")


async def test_a_method_that_a_path_does_not_take_is_405_and_says_which_it_takes(receiver: Receiver) -> None:
    answer = await receiver.ask("DELETE", BATCHES)
    problem(answer, 405, "method_not_allowed")
    assert answer.headers["Allow"] == "POST"


async def test_no_token_is_401_and_says_how_to_send_one(receiver: Receiver) -> None:
    answer = await receiver.get("/api/v1/attestations")
    assert "Bearer" in problem(answer, 401, "unauthorized")["hint"]
    assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_an_unknown_field_is_422_and_named(receiver: Receiver, admin: str) -> None:
    answer = await receiver.post(INVITATIONS, b'{"names": ["a"], "limits": {"region": "x"}}', admin)
    found = problem(answer, 422, "unknown_field")
    assert [one["field"] for one in found["errors"]] == ["limits.region"]


async def test_every_wrong_field_is_named_at_once(receiver: Receiver, admin: str) -> None:
    answer = await receiver.post(INVITATIONS, b'{"names": [], "validMinutes": 5, "approve": "yes"}', admin)
    found = problem(answer, 422, "invalid_field")
    assert {one["field"] for one in found["errors"]} == {"names", "validMinutes", "approve"}
    assert all(one["message"] for one in found["errors"])


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "bad_json"),
        (b"{", "bad_json"),
        (b"[]", "bad_json"),
        (b'{"names": ["a"], "names": ["b"]}', "duplicate_key"),
        (b'{"names": [NaN]}', "bad_json"),
        (b"\xff\xfe{}", "bad_json"),
        (b"\xef\xbb\xbf{}", "bad_json"),
        (b"[" * 5000, "bad_json"),
    ],
)
async def test_what_is_no_strict_json_is_400(receiver: Receiver, admin: str, body: bytes, code: str) -> None:
    problem(await receiver.post(INVITATIONS, body, admin), 400, code)


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/json; charset=utf-16"},
        {"Content-Encoding": "br"},
        {"Content-Encoding": "gzip, gzip"},
    ],
)
async def test_what_is_not_declared_as_json_is_415(receiver: Receiver, admin: str, headers: dict[str, str]) -> None:
    problem(await receiver.post(INVITATIONS, b"{}", admin, headers=headers), 415, "unsupported_media_type")


async def test_a_charset_of_utf_8_may_be_named(receiver: Receiver, admin: str) -> None:
    headers = {"Content-Type": "application/json; charset=UTF-8"}
    assert (await receiver.post(INVITATIONS, b'{"names": ["a"]}', admin, headers=headers)).status == 201


@pytest.mark.parametrize(("path", "limit"), [(INVITATIONS, 10_000), (BATCHES, 100_000)])
async def test_a_body_over_its_cap_is_413_however_it_is_packed(
    receiver: Receiver, admin: str, path: str, limit: int
) -> None:
    large = b'{"names": ["' + b"a" * limit + b'"]}'
    problem(await receiver.post(path, large, admin), 413, "body_too_large")
    for encoding, packed in (("gzip", gzip.compress(large)), ("zstd", zstd.compress(large))):
        assert len(packed) < 1000
        answer = await receiver.post(path, packed, admin, headers={"Content-Encoding": encoding})
        problem(answer, 413, "body_too_large")


async def test_a_bomb_is_refused_without_being_unpacked_whole(receiver: Receiver, admin: str) -> None:
    bomb = gzip.compress(bytes(200 << 20))
    answer = await receiver.post(BATCHES, bomb, admin, headers={"Content-Encoding": "gzip"})
    assert answer.status == 413


async def test_a_body_that_is_not_what_its_encoding_says_is_400(receiver: Receiver, admin: str) -> None:
    for encoding in ("gzip", "zstd"):
        headers = {"Content-Encoding": encoding}
        problem(await receiver.post(INVITATIONS, b'{"names": ["a"]}', admin, headers=headers), 400, "bad_json")


@pytest.mark.parametrize(
    ("query", "code", "field"),
    [
        ("limit=0", "invalid_field", "limit"),
        ("limit=201", "invalid_field", "limit"),
        ("limit=x", "invalid_field", "limit"),
        ("pr=91979442442025266315264", "invalid_field", "pr"),
        ("colour=red", "unknown_field", "colour"),
        ("type=SMELLS", "invalid_field", "type"),
        ("status=good", "invalid_field", "status"),
        ("commit=abc123", "invalid_field", "commit"),
        ("artifact=" + "0" * 64, "invalid_field", "artifact"),
        ("since=yesterday", "invalid_field", "since"),
    ],
)
async def test_a_wrong_query_is_422_and_named(
    receiver: Receiver, admin: str, query: str, code: str, field: str
) -> None:
    found = problem(await receiver.get(f"/api/v1/attestations?{query}", admin), 422, code)
    assert [one["field"] for one in found["errors"]] == [field]


async def test_a_cursor_that_is_not_ours_is_422(receiver: Receiver, admin: str) -> None:
    answer = await receiver.get("/api/v1/attestations?cursor=elsewhere", admin)
    assert answer.status in (400, 422)
    assert answer.json["code"] == "invalid_field"


async def test_expect_100_continue_is_answered_only_after_the_sender_was_let_in(receiver: Receiver, admin: str) -> None:
    answer = await receiver.post(INVITATIONS, b'{"names": ["a"]}', admin, expect100=True)
    assert answer.status == 201
    refused = await receiver.post(INVITATIONS, b'{"names": ["a"]}', None, expect100=True)
    assert refused.status == 401


async def test_the_probes_may_have_a_port_of_their_own(tmp_path: Path) -> None:
    data, _, _ = quickstart_in(tmp_path / "apart")
    anywhere = app.Address("127.0.0.1", 0)
    plan = app.Plan(data.database_url, data.master_key, anywhere, metrics_address=anywhere)
    async with app.running(plan, make_journal(io.StringIO(), clock.utcnow)) as found, aiohttp.ClientSession() as http:
        statuses = []
        for url in (found.url, found.probes_url):
            for path in ("/healthz", "/readyz", "/metrics", "/api/v1/keyring"):
                async with http.get(f"{url}{path}") as answer:
                    statuses.append(answer.status)
    assert statuses == [404, 404, 404, 401, 200, 200, 200, 404]


async def test_the_probes_and_the_figures_need_no_token(receiver: Receiver, admin: str) -> None:
    assert (await receiver.get("/healthz")).json == {"status": "up"}
    assert (await receiver.get("/readyz")).json == {"status": "ready"}
    await receiver.post(INVITATIONS, b"{", admin)
    figures = (await receiver.get("/metrics")).body.decode()
    assert 'carnet_requests_refused_total{code="bad_json"} 1.0' in figures
    assert f'carnet_request_seconds_count{{method="POST",route="{INVITATIONS}",status="400"}} 1.0' in figures
    assert "carnet_connections 1.0" in figures
