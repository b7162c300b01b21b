"""S8, F50, F51: every route asks for what the table says; whoever brings less is refused, and changes no row anywhere.

What people alone may do is walked in `tests/security/test_sessions.py`. The tests walk the whole table of routes,
each row asked in full as `tests/helpers/everyroute.py` asks it: a row that is new is walked by itself, and fails
where it cannot be called. What may change at a refusal is when a good token was last used (`tokens.last_used_at`),
and later the audit trail, which counts refusals.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from http import HTTPStatus
from pathlib import Path

import pytest

from receiver import access, clock, fsck, setup
from receiver.core.tokens import Kind, Scope, make_token, parse_token
from receiver.named_secrets import read_master_key
from receiver.web.routes import Proof, reads
from receiver.web.settings import WebSettings
from receiver.web.table import TABLE
from shared.errors import UntrustedError
from shared.keys import Ed25519Signer
from tests.helpers import everyroute
from tests.helpers.databases import Databases
from tests.helpers.everyroute import Everything, Tokens, all_rows, lesser, name_of, parameters_of
from tests.helpers.receiving import UNLIMITED, Answer, Receiver, Sender, serving

KEYED = [route for route in TABLE if not everyroute.is_open(route) and not everyroute.is_for_people(route)]
LAST_SECONDS = 600.0


@pytest.fixture
async def receiver(tmp_path: Path, databases: Databases) -> AsyncIterator[Receiver]:
    settings = WebSettings(max_failures_per_minute=UNLIMITED)
    async with serving(tmp_path / "data", settings, databases, refusals_seconds=LAST_SECONDS) as running:
        yield running


@pytest.fixture
async def everything(receiver: Receiver) -> Everything:
    return await Everything.of(receiver)


@pytest.fixture
def tokens(receiver: Receiver) -> Tokens:
    return Tokens(receiver, receiver.names.workspace)


@pytest.fixture
def foreign(receiver: Receiver) -> Tokens:
    """Tokens of another workspace of the same receiver."""
    root, master = Ed25519Signer(os.urandom(32)), read_master_key(receiver.data.master_key)
    with receiver.store() as store:
        made = setup.create(store, master, root, "another", clock.utcnow(), os.urandom)
    return Tokens(receiver, made.workspace_id)


def outcome(answer: Answer) -> tuple[int, str | None]:
    """Status and code; None for the code of a success."""
    return answer.status, None if answer.status < 400 else answer.json["code"]


UNAUTHORIZED, FORBIDDEN, NOT_FOUND = (401, "unauthorized"), (403, "forbidden"), (404, "not_found")


def test_no_route_is_open_but_the_probes_the_documents_and_the_one_that_a_signature_opens() -> None:
    unkeyed = {name_of(route): route.proof for route in TABLE if everyroute.is_open(route)}
    assert unkeyed == {
        "GET /healthz": Proof.NOTHING,
        "GET /readyz": Proof.NOTHING,
        "GET /metrics": Proof.NOTHING,
        "GET /api/v1/openapi.json": Proof.NOTHING,
        "GET /releasepassport/v1/openapi.json": Proof.NOTHING,
        "GET /docs": Proof.NOTHING,
        "POST /api/v1/collectors/{collector_id}/access": Proof.SIGNED_BODY,
        "GET /releasepassport/v1/auth/login": Proof.NOTHING,
        "POST /releasepassport/v1/auth/login": Proof.PASSWORD,
    }


def test_a_route_that_names_no_scope_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="scopes"):
        reads("/api/v1/new", TABLE[0].handle)


def test_every_write_route_is_closed_to_tokens_that_only_read() -> None:
    for route in TABLE:
        if route.method != "GET" and route.proof is Proof.SCOPED:
            assert Scope.READ not in route.scopes, name_of(route)


async def test_every_route_answers_a_good_token_so_that_the_others_here_are_refused_for_their_tokens(
    everything: Everything, tokens: Tokens
) -> None:
    invited = await everything.receiver.post(
        "/api/v1/collectors/invitations", b'{"names": ["ci-100"], "approve": true}', tokens.of(Scope.ADMIN)
    )
    invitation = invited.json["items"][0]["token"]
    token = {Proof.SCOPED: tokens.of(*Scope), Proof.KNOWN: tokens.of(*Scope), Proof.INVITATION: invitation}
    for route in (one for one in TABLE if not everyroute.is_for_people(one)):
        answer = await everything.call(route, token.get(route.proof), invitation=invitation)
        assert answer.status in (route.gives or {200, 201}), (name_of(route), answer.body)


async def test_a_token_that_is_not_good_is_401_on_every_route_and_changes_nothing(
    everything: Everything, tokens: Tokens
) -> None:
    good = tokens.of(*Scope)
    secret = os.urandom(32)
    revoked = tokens.fresh(*Scope)
    everything.receiver.revoke(revoked.id)
    with everything.receiver.store() as store:
        access.issue(
            store,
            tokens.workspace_id,
            Kind.API_KEY,
            Scope,
            "twin",
            clock.utcnow(),
            lambda _: secret,
            limit_per_minute=9,
        )
    bad = {
        "no token": None,
        "an empty one": "",
        "garbage": "garbage",
        "cut short": good[:-1],
        "mistyped": good[:-1] + ("0" if good[-1] != "0" else "1"),
        "too long": good + "0",
        "not ASCII": "ü" * 40,
        "well spelled and unknown": make_token(Kind.API_KEY, os.urandom(32)),
        "an unknown invitation": make_token(Kind.INVITATION, os.urandom(32)),
        "a known secret as another kind": make_token(Kind.GATE, secret),
        "expired": tokens.fresh(*Scope, days_ago=2).token,
        "revoked": revoked.token,
    }
    before = all_rows(everything.receiver)
    for route in KEYED:
        for what, token in bad.items():
            assert outcome(await everything.call(route, token)) == UNAUTHORIZED, (name_of(route), what)
    assert all_rows(everything.receiver) == before


async def test_a_token_that_was_good_a_moment_ago_is_401_at_once_on_every_read(
    everything: Everything, tokens: Tokens
) -> None:
    reads_of_all = [route for route in KEYED if route.method == "GET"]
    token = tokens.fresh(*Scope)
    for route in reads_of_all:
        assert (await everything.call(route, token.token)).status == 200, name_of(route)
    everything.receiver.revoke(token.id)
    before = all_rows(everything.receiver)
    for route in reads_of_all:
        assert outcome(await everything.call(route, token.token)) == UNAUTHORIZED, name_of(route)
    for path in ("attestations?limit=x", "attestations?unknown=1", f"attestations/sha256:{'0' * 64}", "nothing"):
        assert outcome(await everything.receiver.get(f"/api/v1/{path}", token.token)) == UNAUTHORIZED, path
    assert all_rows(everything.receiver) == before


@pytest.mark.parametrize("path", ["attestations?limit=x", f"attestations/sha256:{'0' * 64}", "tokens"])
async def test_what_is_answered_without_a_look_at_the_database_is_not_answered_to_a_token_revoked_since(
    everything: Everything, tokens: Tokens, path: str
) -> None:
    token = tokens.fresh(Scope.READ)
    told = [await everything.receiver.get(f"/api/v1/{path}", token.token) for _ in range(3)]
    assert {one.status for one in told} <= {403, 404, 422}
    everything.receiver.revoke(token.id)
    assert outcome(await everything.receiver.get(f"/api/v1/{path}", token.token)) == UNAUTHORIZED


async def test_a_good_token_that_is_of_another_scope_or_kind_is_403_and_changes_nothing(
    everything: Everything, tokens: Tokens
) -> None:
    lacking: dict[str, list[str]] = {}
    for route in KEYED:
        if route.proof is Proof.SCOPED:
            lacking[name_of(route)] = [
                tokens.of(*lesser(route)),
                tokens.of(*lesser(route), kind=Kind.GATE),
                tokens.of(*Scope, kind=Kind.INVITATION),
                tokens.of(),
            ]
        elif route.proof is Proof.INVITATION:
            lacking[name_of(route)] = [tokens.of(*Scope), tokens.of(*Scope, kind=Kind.GATE)]
    before = all_rows(everything.receiver)
    for route in KEYED:
        for token in lacking.get(name_of(route), []):
            assert outcome(await everything.call(route, token)) == FORBIDDEN, name_of(route)
    assert all_rows(everything.receiver) == before
    assert {name_of(route) for route in KEYED if route.proof is Proof.KNOWN} == {"GET /api/v1/keyring"}


async def test_what_another_workspace_holds_is_404_by_its_id_on_every_route_and_changes_nothing(
    everything: Everything, foreign: Tokens
) -> None:
    token = foreign.of(*Scope)
    before = all_rows(everything.receiver)
    walked = [route for route in KEYED if parameters_of(route)]
    for route in walked:
        assert outcome(await everything.call(route, token)) == NOT_FOUND, name_of(route)
    assert all_rows(everything.receiver) == before
    assert {name for route in walked for name in parameters_of(route)} == set(everything.ids)


async def test_no_read_of_one_workspace_shows_what_another_holds(
    everything: Everything, tokens: Tokens, foreign: Tokens
) -> None:
    hidden = {*everything.ids.values(), everything.receiver.names.workspace, everyroute.REPOSITORY, "ci-07"}
    own, other = tokens.of(*Scope), foreign.of(*Scope)
    shown = set()
    for route in KEYED:
        if route.method == "GET" and not parameters_of(route):
            answer = await everything.call(route, other)
            assert answer.status == 200, name_of(route)
            echoed = {everyroute.DIGEST} if "search" in route.path else set()
            for word in hidden - echoed:
                assert word.encode() not in answer.body, (name_of(route), word)
            seen = (await everything.call(route, own)).body
            shown |= {word for word in hidden if word.encode() in seen}
    assert shown >= hidden - {everything.receiver.names.workspace}


async def test_a_workspace_stays_whole_beside_another_one(everything: Everything, foreign: Tokens) -> None:
    key = foreign.of(*Scope)
    for route in KEYED:
        if route.method == "POST" and route.once and HTTPStatus.CREATED in route.gives:
            assert (await everything.call(route, key)).status == 201, name_of(route)
    with everything.receiver.store() as store:
        assert fsck.check(store) == []


async def test_a_collector_of_another_workspace_delivers_nothing_here(everything: Everything, foreign: Tokens) -> None:
    key = foreign.of(Scope.COLLECTOR_WRITE)
    before = all_rows(everything.receiver)
    for route in KEYED:
        if Scope.COLLECTOR_WRITE in route.scopes:
            assert (await everything.call(route, key)).status in (401, 403, 404), name_of(route)
    assert all_rows(everything.receiver) == before


async def test_an_invitation_opens_nothing_but_enrolment_and_the_keyring(
    everything: Everything, tokens: Tokens
) -> None:
    invitation = tokens.of(*Scope, kind=Kind.INVITATION)
    opened = [
        name_of(route)
        for route in KEYED
        if (await everything.call(route, invitation, invitation=invitation)).status != 403
    ]
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
    before = all_rows(receiver)
    answer = await stranger.access()
    assert (answer.status, answer.json["code"]) == (401, "unauthorized")
    assert all_rows(receiver) == before


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
