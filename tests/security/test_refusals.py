"""Refusals of known tokens stand in the trail of their workspace: one row for each address and route, with a count."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from receiver import access, clock
from receiver.core.tokens import Kind, Scope, make_token, parse_token
from receiver.refuse import ACTION, Refused
from receiver.store import audit
from receiver.store.audit import AuditRow
from receiver.web.settings import WebSettings
from receiver.web.tally import MAX_KEYS, MAX_TOKENS, Tally
from tests.helpers.databases import Databases
from tests.helpers.receiving import UNLIMITED, Receiver, Sender, serving

LIST, INVITE = "/api/v1/collectors", "/api/v1/collectors/invitations"
NOW = datetime(2026, 3, 2, 17, 0, tzinfo=UTC)
SELDOM = 600.0


@asynccontextmanager
async def refusing(
    folder: Path, seconds: float = SELDOM, databases: Databases | None = None
) -> AsyncIterator[Receiver]:
    settings = WebSettings(max_failures_per_minute=UNLIMITED)
    async with serving(folder / "data", settings, databases, refusals_seconds=seconds) as receiver:
        yield receiver


def noted(receiver: Receiver) -> list[AuditRow]:
    with receiver.store() as store:
        rows = store.read(lambda tx: list(audit.rows(tx, receiver.names.workspace)))
    return [one for one in rows if one.act.action == ACTION]


def id_of(token: str) -> str:
    return parse_token(token).token_id


async def test_a_flood_of_refusals_is_one_row_that_counts_them(tmp_path: Path, databases: Databases) -> None:
    async with refusing(tmp_path, databases=databases) as receiver:
        token = receiver.token(Scope.READ)
        answers = await asyncio.gather(*(receiver.post(INVITE, b"{}", token) for _ in range(60)))
        assert {one.status for one in answers} == {403}
        assert noted(receiver) == []
    (row,) = noted(receiver)
    assert (row.act.actor, row.act.origin) == (id_of(token), "127.0.0.1")
    detail = dict(row.act.detail)
    assert str(detail.pop("first")) <= str(detail.pop("last"))
    assert detail == {
        "route": f"POST {INVITE}",
        "count": 60,
        "codes": {"forbidden": 60},
        "tokens": [id_of(token)],
    }
    assert token not in repr(row)


async def test_each_route_and_each_answer_is_told_apart(tmp_path: Path) -> None:
    async with refusing(tmp_path) as receiver:
        lesser, revoked = receiver.token(Scope.EVIDENCE_WRITE), receiver.token(*Scope)
        receiver.revoke(id_of(revoked))
        for token in (lesser, revoked, revoked):
            await receiver.get(LIST, token)
        await receiver.get("/api/v1/nowhere", revoked)
        sender = await Sender(receiver).join()
        sender.id = "col_another"
        await receiver.post("/api/v1/collector/attestations", sender.batch(sender.capture(1)), sender.token)
    found = {str(one.act.detail["route"]): one.act.detail for one in noted(receiver)}
    assert {route: detail["codes"] for route, detail in found.items()} == {
        f"GET {LIST}": {"forbidden": 1, "unauthorized": 2},
        "no such route": {"unauthorized": 1},
        "POST /api/v1/collector/attestations": {"wrong_collector": 1},
    }
    assert found[f"GET {LIST}"]["tokens"] == [id_of(lesser), id_of(revoked)]


async def test_an_expired_token_is_noted_and_an_unknown_one_is_nobodys(tmp_path: Path) -> None:
    async with refusing(tmp_path) as receiver:
        with receiver.store() as store:
            workspace, past = receiver.names.workspace, clock.utcnow() - timedelta(days=2)
            expired = access.issue(store, workspace, Kind.API_KEY, Scope, "old", past, os.urandom, 1)
        for token in (expired.token, make_token(Kind.API_KEY, os.urandom(32)), "garbage", None):
            assert (await receiver.get(LIST, token)).status == 401
        metrics = (await receiver.get("/metrics")).body.decode()
    (row,) = noted(receiver)
    assert (row.act.actor, row.act.detail["count"]) == (expired.id, 1)
    assert 'carnet_requests_refused_total{code="unauthorized"} 4.0' in metrics


async def test_they_are_written_while_the_receiver_runs(tmp_path: Path) -> None:
    async with refusing(tmp_path, seconds=0.05) as receiver:
        await receiver.post(INVITE, b"{}", receiver.token(Scope.READ))
        async with asyncio.timeout(10):
            while not noted(receiver):  # noqa: ASYNC110 - the database is what is waited for
                await asyncio.sleep(0.05)
        assert [one.act.detail["count"] for one in noted(receiver)] == [1]
    assert len(noted(receiver)) == 1


def test_what_could_not_be_written_is_counted_on() -> None:
    tally = Tally()
    tally.add("ws_a", "192.0.2.1", "GET /x", "tok_1", "forbidden", NOW)
    taken = tally.take()
    tally.add("ws_a", "192.0.2.1", "GET /x", "tok_2", "unauthorized", NOW + timedelta(seconds=1))
    tally.put_back(taken)
    (one,) = tally.take()
    assert (one.count, dict(one.codes)) == (2, {"forbidden": 1, "unauthorized": 1})
    assert (one.first, one.last) == (NOW, NOW + timedelta(seconds=1))
    assert set(one.tokens) == {"tok_1", "tok_2"}
    assert tally.take() == ()


@pytest.mark.parametrize("keys", [MAX_KEYS + 500])
def test_the_memory_is_bounded_and_no_refusal_is_lost_for_it(keys: int) -> None:
    tally = Tally()
    for n in range(keys):
        tally.add(f"ws_{n % 2}", f"192.0.2.{n}", "GET /x", f"tok_{n}", "forbidden", NOW)
    found = tally.take()
    assert len(found) == MAX_KEYS + 2
    assert sum(one.count for one in found) == keys
    rest = [one for one in found if one.route is None]
    assert {(one.workspace_id, one.origin, one.count) for one in rest} == {("ws_0", None, 250), ("ws_1", None, 250)}
    assert all(len(one.tokens) == MAX_TOKENS for one in rest)


def test_workspaces_do_not_share_a_row() -> None:
    tally = Tally()
    for workspace in ("ws_a", "ws_b"):
        tally.add(workspace, "192.0.2.1", "GET /x", "tok_1", "forbidden", NOW)
    expected = {"forbidden": 1}
    assert tally.take() == tuple(
        Refused(one, "192.0.2.1", "GET /x", expected, ("tok_1",), NOW, NOW) for one in ("ws_a", "ws_b")
    )
