"""S17: sessions of people: nobody lays one under another, it ends when it must, and no other site writes with it."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from http.cookies import SimpleCookie
from pathlib import Path

import aiohttp
import pytest

from receiver import clock, people
from receiver.commands.embedded import ADMIN_EMAIL
from receiver.core.accounts import Role, includes
from receiver.core.sessions import COOKIE, CSRF_HEADER, Lasts, Session
from receiver.core.tokens import Kind, Scope, make_token
from receiver.store import audit
from receiver.store.engine import Store
from receiver.web.routes import Proof
from receiver.web.settings import WebSettings
from receiver.web.table import TABLE
from shared.encoding import parse_time, sha256
from tests.helpers.everyroute import Everything, all_rows, name_of
from tests.helpers.receiving import UNLIMITED, Answer, Receiver, serving
from tests.helpers.signed_in import LOGIN, LOGOUT, PASSWORD, SignedIn, add_account, cookie_of, email_of, signed_in

FOR_PEOPLE = [route for route in TABLE if route.role is not None]


@pytest.fixture
async def receiver(tmp_path: Path) -> AsyncIterator[Receiver]:
    settings = WebSettings(max_failures_per_minute=UNLIMITED, max_sign_ins_per_minute=5)
    async with serving(tmp_path / "data", settings, refusals_seconds=600.0) as running:
        yield running


async def attempt(receiver: Receiver, email: str, password: str = PASSWORD, **headers: str) -> Answer:
    return await receiver.post(LOGIN, json.dumps({"email": email, "password": password}).encode(), headers=headers)


async def leave(receiver: Receiver, headers: dict[str, str]) -> Answer:
    return await receiver.ask("POST", LOGOUT, headers=headers)


def said(answer: Answer) -> dict[str, object]:
    """All that an answer says but its own id."""
    return {name: value for name, value in answer.json.items() if name != "requestId"} | {"status": answer.status}


def trail(receiver: Receiver) -> list[tuple[str, str]]:
    with receiver.store() as store:
        return store.read(
            lambda tx: [(row.act.action, row.act.actor) for row in audit.rows(tx, receiver.names.workspace)]
        )


async def test_a_sign_in_sets_a_cookie_that_no_script_reads_and_of_which_only_a_digest_is_kept(
    receiver: Receiver,
) -> None:
    add_account(receiver, "anna", Role.APPROVER)
    answer = await attempt(receiver, " Anna@ACME.example ")
    assert answer.status == 201, answer.body
    morsel = SimpleCookie(answer.headers["Set-Cookie"])[COOKIE]
    assert (morsel["httponly"], morsel["samesite"], morsel["path"], morsel["domain"]) == (True, "Lax", "/", "")
    assert morsel["secure"] == ""  # on loopback by plain HTTP
    assert (answer.json["email"], answer.json["role"]) == (email_of("anna"), "approver")
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert morsel.value not in answer.body.decode()
    rows = all_rows(receiver)
    ((digest, *_),) = rows["sessions"]
    assert digest == sha256(morsel.value.encode())
    assert morsel.value not in repr(rows)
    assert morsel.value not in receiver.log.getvalue()
    assert ("session.begin", email_of("anna")) in trail(receiver)


async def test_the_cookie_is_for_tls_alone_wherever_the_receiver_is_reached_by_another_name_than_loopback(
    receiver: Receiver,
) -> None:
    add_account(receiver, "anna", Role.VIEWER)
    answer = await attempt(receiver, email_of("anna"), Host="carnet.acme.internal")
    assert SimpleCookie(answer.headers["Set-Cookie"])[COOKIE]["secure"] is True


async def test_behind_a_proxy_that_ends_tls_the_cookie_is_for_tls_alone(tmp_path: Path) -> None:
    async with serving(tmp_path / "proxied", WebSettings(behind_tls_proxy=True)) as receiver:
        answer = await attempt(receiver, ADMIN_EMAIL, receiver.secrets.admin_password)
        assert SimpleCookie(answer.headers["Set-Cookie"])[COOKIE]["secure"] is True


async def test_who_cannot_sign_in_is_told_the_same_whatever_the_reason(receiver: Receiver) -> None:
    add_account(receiver, "anna", Role.ADMIN)
    add_account(receiver, "gone", Role.ADMIN, lasts=timedelta(0))
    tried = {
        "a wrong password": (email_of("anna"), "five four three two one"),
        "no such account": (email_of("nobody"), PASSWORD),
        "an account that has ended": (email_of("gone"), PASSWORD),
        "no address": ("anna", PASSWORD),
    }
    answers = {what: await attempt(receiver, *words) for what, words in tried.items()}
    elsewhere = {"email": email_of("anna"), "password": PASSWORD, "workspace": "ws_other"}
    answers["another workspace"] = await receiver.post(LOGIN, json.dumps(elsewhere).encode())
    first = said(answers["a wrong password"])
    assert (first["status"], first["code"]) == (401, "unauthorized")
    for what, answer in answers.items():
        assert said(answer) == first, what
        assert "Set-Cookie" not in answer.headers
    assert all_rows(receiver)["sessions"] == []


async def test_too_many_attempts_at_an_account_are_told_to_wait_also_with_the_right_password(
    receiver: Receiver,
) -> None:
    add_account(receiver, "anna", Role.ADMIN)
    told = [(await attempt(receiver, email_of("anna"), "wrong wrong wrong")).status for _ in range(5)]
    assert told == [401] * 5
    answer = await attempt(receiver, email_of("anna"))
    assert (answer.status, answer.json["code"]) == (429, "rate_limited")
    assert int(answer.headers["Retry-After"]) >= 1


def from_address(number: int) -> aiohttp.ClientSession:
    """A browser on another address of the loopback network."""
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(local_addr=(f"127.0.0.{number}", 0)))


async def test_one_address_shuts_nobody_else_out_of_their_account(receiver: Receiver) -> None:
    add_account(receiver, "anna", Role.ADMIN)
    wrong = json.dumps({"email": email_of("anna"), "password": "wrong wrong wrong"}).encode()
    told = [(await receiver.post(LOGIN, wrong)).status for _ in range(40)]
    assert told == [401] * 5 + [429] * 35
    right = json.dumps({"email": email_of("anna"), "password": PASSWORD}).encode()
    async with from_address(9) as http:
        assert (await replace(receiver, http=http).post(LOGIN, right)).status == 201


async def test_an_account_is_one_however_its_names_are_written_and_from_wherever_it_is_tried(tmp_path: Path) -> None:
    async with serving(tmp_path / "data", WebSettings(max_sign_ins_per_minute=1)) as receiver:
        add_account(receiver, "anna", Role.ADMIN)
        told = []
        for number in range(2, 8):
            body = {"email": " " * number + email_of("anna").upper(), "password": "wrong wrong wrong"}
            if number % 2:
                body["workspace"] = receiver.names.workspace
            async with from_address(number) as http:
                told.append((await replace(receiver, http=http).post(LOGIN, json.dumps(body).encode())).status)
        assert told == [401] * 5 + [429]


async def test_nobody_lays_a_session_under_somebody_who_signs_in(receiver: Receiver) -> None:
    add_account(receiver, "anna", Role.VIEWER)
    laid = make_token(Kind.SESSION, os.urandom(32))
    first = cookie_of(await attempt(receiver, email_of("anna"), Cookie=f"{COOKIE}={laid}"))
    assert first != laid
    assert (await leave(receiver, {"Cookie": f"{COOKIE}={laid}"})).status == 401
    second = await attempt(receiver, email_of("anna"), Cookie=f"{COOKIE}={first}")
    assert cookie_of(second) != first
    shown = {CSRF_HEADER: second.json["csrfToken"]}
    assert (await leave(receiver, {"Cookie": f"{COOKIE}={first}"} | shown)).status == 401
    assert (await leave(receiver, {"Cookie": f"{COOKIE}={cookie_of(second)}"} | shown)).status == 200


async def test_another_site_signs_nobody_in(receiver: Receiver) -> None:
    add_account(receiver, "anna", Role.VIEWER)
    for header in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}):
        answer = await attempt(receiver, email_of("anna"), **header)
        assert (answer.status, answer.json["code"]) == (403, "forbidden"), header
    assert (await attempt(receiver, email_of("anna"), Origin=receiver.url)).status == 201


async def test_a_write_shows_what_only_the_sessions_own_pages_know(receiver: Receiver) -> None:
    anna = signed_in(receiver, "anna", Role.ADMIN)
    right = {CSRF_HEADER: anna.csrf}
    refused: list[dict[str, str]] = [
        {},
        {CSRF_HEADER: "0" * 64},
        {CSRF_HEADER: ""},
        {CSRF_HEADER: "\udcff"},
        right | {"Origin": "https://evil.example"},
        right | {"Origin": "null"},
        right | {"Sec-Fetch-Site": "same-site"},
    ]
    for headers in refused:
        assert (await leave(receiver, anna.cookie_alone | headers)).status == 403, headers
    assert [row[-1] for row in all_rows(receiver)["sessions"]] == [None]
    assert (await leave(receiver, anna.headers | {"Origin": receiver.url})).status == 200
    again = signed_in(receiver, "anna", Role.ADMIN)
    assert (await leave(receiver, again.headers | {"Sec-Fetch-Site": "same-origin"})).status == 200


async def test_the_csrf_token_of_one_session_is_no_good_in_another(receiver: Receiver) -> None:
    anna, bert = signed_in(receiver, "anna", Role.ADMIN), signed_in(receiver, "bert", Role.ADMIN)
    assert (await leave(receiver, anna.cookie_alone | {CSRF_HEADER: bert.csrf})).status == 403
    assert (await leave(receiver, anna.headers)).status == 200


async def test_who_signed_out_is_out(receiver: Receiver) -> None:
    anna = signed_in(receiver, "anna", Role.ADMIN)
    answer = await leave(receiver, anna.headers)
    assert (answer.status, cookie_of(answer)) == (200, "")
    assert SimpleCookie(answer.headers["Set-Cookie"])[COOKIE]["max-age"] == "0"
    assert (await leave(receiver, anna.headers)).status == 401
    assert ("session.end", anna.email) in trail(receiver)


async def test_a_change_of_the_account_ends_its_sessions_and_no_other(receiver: Receiver) -> None:
    bert, where, now = signed_in(receiver, "bert", Role.ADMIN), receiver.names.workspace, clock.utcnow()
    changes: dict[str, Callable[[Store, str], object]] = {
        "password": lambda store, email: people.set_password(store, where, email, "six seven eight nine", now),
        "role": lambda store, email: people.set_role(store, where, email, Role.APPROVER, now),
        "account": lambda store, email: people.disable(store, where, email, now),
    }
    for what, change in changes.items():
        anna = signed_in(receiver, f"anna-{what}", Role.ADMIN)
        with receiver.store() as store:
            change(store, anna.email)
        assert (await leave(receiver, anna.headers)).status == 401, what
    assert (await leave(receiver, bert.headers)).status == 200


async def test_a_session_that_was_idle_or_is_old_has_ended(receiver: Receiver) -> None:
    minutes = timedelta(minutes=1)
    for ago, status in ((14 * minutes, 200), (15 * minutes, 401), (8 * 60 * minutes, 401)):
        anna = signed_in(receiver, "anna", Role.ADMIN, ago=ago)
        assert (await leave(receiver, anna.headers)).status == status, ago


def test_a_session_that_is_always_in_use_ends_all_the_same() -> None:
    began, lasts = clock.utcnow(), Lasts()
    end = began + lasts.in_all
    used = Session(bytes(32), "ws_a", "a@b.example", "", began, end, end - lasts.idle / 2)
    assert used.good(end - lasts.idle / 4, lasts.idle)
    assert not used.good(end, lasts.idle)


async def test_how_long_a_session_lasts_is_a_setting(tmp_path: Path) -> None:
    settings = WebSettings(session_idle_minutes=60, session_hours=2, max_failures_per_minute=UNLIMITED)
    async with serving(tmp_path / "data", settings) as receiver:
        for minutes, status in ((59, 200), (60, 401)):
            anna = signed_in(receiver, "anna", Role.ADMIN, ago=timedelta(minutes=minutes))
            assert (await leave(receiver, anna.headers)).status == status, minutes
        answer = await attempt(receiver, email_of("anna"))
        assert SimpleCookie(answer.headers["Set-Cookie"])[COOKIE]["max-age"] == "7200"
        ends = parse_time(answer.json["expiresAt"])
        assert timedelta(minutes=119) < ends - clock.utcnow() <= timedelta(hours=2)


async def test_a_cookie_opens_no_row_that_names_no_role_and_is_no_bearer_token(receiver: Receiver) -> None:
    anna = signed_in(receiver, "anna", Role.ADMIN)
    assert (await receiver.get("/api/v1/tokens", headers=anna.headers)).status == 401
    assert (await receiver.get("/api/v1/tokens", anna.cookie)).status == 401
    assert (await receiver.get("/api/v1/keyring", anna.cookie)).status == 401


async def test_every_row_of_peoples_wants_the_role_that_it_names_and_no_token_opens_what_people_alone_do(
    receiver: Receiver,
) -> None:
    everything = await Everything.of(receiver)
    all_scopes = receiver.token(*Scope)
    by_role: dict[Role, SignedIn] = {role: signed_in(receiver, role.value, role) for role in Role}
    before = all_rows(receiver)
    for route in FOR_PEOPLE:
        assert route.role is not None
        nobody = await everything.call(route, None)
        assert nobody.status == 401, name_of(route)
        if route.proof is Proof.SESSION:
            assert (await everything.call(route, all_scopes)).status == 403, name_of(route)
        for role, who in by_role.items():
            if not includes(role, route.role):
                refused = await everything.call(route, None, session=who)
                assert refused.status == 403, (name_of(route), role)
    assert all_rows(receiver) == before
    for route in FOR_PEOPLE:
        if route.method == "GET":
            for role in (Role.AUDITOR, Role.ADMIN):
                answer = await everything.call(route, None, session=by_role[role])
                assert answer.status == 200, (name_of(route), answer.body)
    read = [actor for action, actor in trail(receiver) if action == "auditor.read"]
    assert read == [by_role[Role.AUDITOR].email] * len([route for route in FOR_PEOPLE if route.method == "GET"])
