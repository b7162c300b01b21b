"""Every route asks for what the table says; whoever brings less gets 401 or 403, and changes no row anywhere."""

import asyncio
import os
import re
import sqlite3
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from receiver import access, clock
from receiver.core.tokens import Kind, Scope, make_token, parse_token
from receiver.web.routes import Proof, Route, reads
from receiver.web.settings import WebSettings
from receiver.web.table import TABLE
from shared.errors import UntrustedError
from tests.helpers.receiving import UNLIMITED, Answer, Receiver, Sender, serving

KEYED = [route for route in TABLE if route.proof not in (Proof.NOTHING, Proof.SIGNED_BODY)]
GOOD_BODY = b'{"names": ["ci-99"], "approve": true}'


def name_of(route: Route) -> str:
    return f"{route.method} {route.path}"


@pytest.fixture
async def receiver(tmp_path: Path) -> AsyncIterator[Receiver]:
    async with serving(tmp_path / "data", settings=WebSettings(max_failures_per_minute=UNLIMITED)) as running:
        yield running


def rows(receiver: Receiver) -> list[str]:
    """Every row of every table, but for when a token was last used."""
    connection = sqlite3.connect(f"file:{receiver.data.database}?mode=ro", uri=True)
    try:
        dump = [line for line in connection.iterdump() if line.startswith("INSERT")]
    finally:
        connection.close()
    return dump


async def call(receiver: Receiver, route: Route, token: str | None) -> Answer:
    path = re.sub(r"\{[a-z_]+\}", "ab" * 32, route.path)
    if route.method == "GET":
        return await receiver.get(path, token)
    return await receiver.post(path, GOOD_BODY, token)


def test_no_route_is_open_but_the_probes_and_the_one_that_a_signature_opens() -> None:
    unkeyed = {name_of(route): route.proof for route in TABLE if route not in KEYED}
    assert unkeyed == {
        "GET /healthz": Proof.NOTHING,
        "GET /readyz": Proof.NOTHING,
        "GET /metrics": Proof.NOTHING,
        "POST /api/v1/collectors/{collector_id}/access": Proof.SIGNED_BODY,
    }


def test_a_route_that_names_no_scope_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="scopes"):
        reads("/api/v1/new", TABLE[0].handle)


def test_every_write_route_is_closed_to_tokens_that_only_read() -> None:
    for route in TABLE:
        if route.method != "GET" and route.proof is Proof.SCOPED:
            assert Scope.READ not in route.scopes, name_of(route)


@pytest.mark.parametrize("route", KEYED, ids=name_of)
async def test_a_token_that_is_not_good_is_401_and_changes_nothing(receiver: Receiver, route: Route) -> None:
    scopes = route.scopes or set(Scope)
    good = receiver.token(*scopes)
    with receiver.store() as store:
        expired = access.issue(
            store,
            receiver.names.workspace,
            Kind.API_KEY,
            scopes,
            "expired",
            clock.utcnow() - timedelta(days=2),
            os.urandom,
            1,
        ).token
    before = rows(receiver)
    for token in (
        None,
        "",
        "garbage",
        good[:-1],
        good[:-1] + ("0" if good[-1] != "0" else "1"),
        good + "0",
        make_token(Kind.API_KEY, os.urandom(32)),
        make_token(Kind.INVITATION, os.urandom(32)),
        expired,
        "ü" * 40,
    ):
        answer = await call(receiver, route, token)
        assert (answer.status, answer.json["code"]) == (401, "unauthorized"), token
    assert rows(receiver) == before


@pytest.mark.parametrize("route", [one for one in KEYED if one.proof is Proof.SCOPED], ids=name_of)
async def test_a_token_with_every_other_scope_is_403_and_changes_nothing(receiver: Receiver, route: Route) -> None:
    others = [
        receiver.token(*(set(Scope) - route.scopes)),
        receiver.token(*(set(Scope) - route.scopes), kind=Kind.GATE),
        receiver.token(kind=Kind.INVITATION),
    ]
    for token in others:
        await receiver.get("/api/v1/keyring", token)  # notes its first use
    before = rows(receiver)
    for token in others:
        answer = await call(receiver, route, token)
        assert (answer.status, answer.json["code"]) == (403, "forbidden")
    assert rows(receiver) == before


@pytest.mark.parametrize("route", [one for one in KEYED if one.proof is Proof.INVITATION], ids=name_of)
async def test_an_enrolment_takes_an_invitation_and_no_other_token(receiver: Receiver, route: Route) -> None:
    answer = await call(receiver, route, receiver.token(*Scope))
    assert (answer.status, answer.json["code"]) == (403, "forbidden")


async def test_an_invitation_opens_nothing_but_enrolment_and_the_keyring(receiver: Receiver) -> None:
    invitation = receiver.token(*Scope, kind=Kind.INVITATION)
    opened = [name_of(route) for route in KEYED if (await call(receiver, route, invitation)).status != 403]
    assert sorted(opened) == ["GET /api/v1/keyring", "POST /api/v1/collectors/enrol"]


async def test_the_token_of_one_collector_delivers_for_no_other(receiver: Receiver) -> None:
    first = await Sender(receiver).join()
    with receiver.store() as store:
        foreign = access.issue(
            store,
            receiver.names.workspace,
            Kind.COLLECTOR_ACCESS,
            {Scope.COLLECTOR_WRITE},
            "of the first",
            clock.utcnow(),
            os.urandom,
            collector_id=first.id,
        ).token
    body = first.batch(first.capture(1)).replace(first.id.encode(), b"col_another", 1)
    answer = await receiver.post("/api/v1/collector/attestations", body, foreign)
    assert (answer.status, answer.json["code"]) == (403, "wrong_collector")


async def test_access_without_a_registered_key_is_401_and_changes_nothing(receiver: Receiver) -> None:
    stranger = Sender(receiver, id="col_stranger")
    before = rows(receiver)
    answer = await stranger.access()
    assert (answer.status, answer.json["code"]) == (401, "unauthorized")
    assert rows(receiver) == before


async def test_a_body_is_not_waited_for_where_the_token_is_not_good(receiver: Receiver) -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield b"{"
        msg = "the body was asked for"
        await never.wait()
        raise AssertionError(msg)

    never = asyncio.Event()
    async with asyncio.timeout(5):
        answer = await receiver.ask(
            "POST",
            "/api/v1/collector/attestations",
            "garbage",
            body=endless(),
            headers={"Content-Type": "application/json"},
        )
    assert answer.status == 401


def test_a_token_never_shows_in_the_error_that_refuses_it() -> None:
    secret = make_token(Kind.API_KEY, b"\x01" * 32)[:-1]
    with pytest.raises(UntrustedError) as refused:
        parse_token(secret)
    assert secret not in str(refused.value)
