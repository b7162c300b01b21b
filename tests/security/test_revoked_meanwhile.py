"""A token that is revoked while its request comes in slowly writes nothing, on whatever route."""

from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import update

from receiver.core.tokens import Kind, Scope, parse_token
from receiver.store.schema import METADATA
from receiver.web.routes import Proof, Route
from receiver.web.settings import WebSettings
from receiver.web.table import TABLE
from tests.helpers.everyroute import Everything, Tokens, all_rows, name_of
from tests.helpers.receiving import JSON, UNLIMITED, Answer, serving

WRITES = [route for route in TABLE if route.method != "GET" and route.proof not in {Proof.NOTHING, Proof.SIGNED_BODY}]
KEYED = [route for route in WRITES if route.proof in {Proof.SCOPED, Proof.KNOWN}]
ASIDE = {"tokens", "audit", "register", "revocations"}
"""What the revocation itself writes."""


@pytest.fixture
async def everything(tmp_path: Path) -> AsyncIterator[Everything]:
    settings = WebSettings(max_failures_per_minute=UNLIMITED)
    async with serving(tmp_path / "data", settings, refusals_seconds=600.0) as receiver:
        yield await Everything.of(receiver)


async def ask_slowly(
    everything: Everything, route: Route, token: str, meanwhile: Callable[[], object], invitation: str = ""
) -> Answer:
    """Ask in full; the body comes once the receiver has let its sender in, and something else was done."""
    body = everything.body(route, invitation)
    assert body is not None

    async def slowly() -> AsyncIterator[bytes]:
        yield body[:1]
        meanwhile()
        yield body[1:]

    # The receiver asks for the body where it reads it: after it has looked at the token.
    return await everything.receiver.ask(route.method, everything.path(route), token, slowly(), JSON, expect100=True)


def evidence(everything: Everything) -> dict[str, object]:
    return {name: rows for name, rows in all_rows(everything.receiver).items() if name not in ASIDE}


async def test_a_token_that_is_revoked_before_the_body_is_whole_writes_nothing(everything: Everything) -> None:
    receiver = everything.receiver
    tokens = Tokens(receiver, receiver.names.workspace)
    for route in KEYED:
        issued = tokens.fresh(*route.scopes)
        before = evidence(everything)
        answer = await ask_slowly(everything, route, issued.token, partial(receiver.revoke, issued.id))
        assert (answer.status, answer.json["code"]) == (401, "unauthorized"), name_of(route)
        assert evidence(everything) == before, name_of(route)


async def test_an_invitation_that_is_revoked_before_the_body_is_whole_enrols_nobody(everything: Everything) -> None:
    (route,) = [route for route in WRITES if route.proof is Proof.INVITATION]
    receiver = everything.receiver
    names = b'{"names": ["ci-100"], "approve": true}'
    invited = await receiver.post("/api/v1/collectors/invitations", names, receiver.token(Scope.ADMIN))
    invitation = invited.json["items"][0]["token"]
    before = evidence(everything)
    revoke = partial(receiver.revoke, parse_token(invitation).token_id)
    answer = await ask_slowly(everything, route, invitation, revoke, invitation)
    assert (answer.status, answer.json["code"]) == (401, "unauthorized")
    assert evidence(everything) == before


async def test_a_collectors_access_ends_with_the_collector_in_the_middle_of_a_batch(everything: Everything) -> None:
    receiver, sender = everything.receiver, everything.sender
    admin = receiver.token(Scope.ADMIN)
    assert parse_token(sender.token).kind is Kind.COLLECTOR_ACCESS
    body = sender.batch(sender.capture(1), "slow")
    seen: list[Answer] = []

    async def slowly() -> AsyncIterator[bytes]:
        yield body[:1]
        lost = b'{"kind": "lost", "reason": "the host is gone"}'
        seen.append(await receiver.post(f"/api/v1/collectors/{sender.id}/revoke", lost, admin))
        yield body[1:]

    answer = await receiver.post("/api/v1/collector/attestations", slowly(), sender.token, expect100=True)
    assert ([one.status for one in seen], answer.status) == ([200], 401)
    stored = all_rows(receiver)
    assert not [row for row in stored["receipts"] if "slow" in row]


async def test_a_token_whose_properties_changed_meanwhile_is_told_to_try_again(everything: Everything) -> None:
    """It is good, but not as it was let in: what it may do is looked at anew."""
    receiver = everything.receiver
    issued = Tokens(receiver, receiver.names.workspace).fresh(Scope.ATTESTATIONS_WRITE)
    (route,) = [route for route in KEYED if name_of(route) == "POST /api/v1/attestations"]

    def relabel() -> None:
        table = METADATA.tables["tokens"]
        with receiver.store() as store:
            store.write(lambda tx: tx.execute(update(table).where(table.c.token_id == issued.id).values(label="x")))

    before = evidence(everything)
    answer = await ask_slowly(everything, route, issued.token, relabel)
    assert (answer.status, answer.json["code"]) == (503, "unavailable")
    assert evidence(everything) == before
    assert (await everything.call(route, issued.token)).status in {200, 201}


async def test_a_token_that_revokes_itself_is_told_so(everything: Everything) -> None:
    receiver = everything.receiver
    own = receiver.token(Scope.ADMIN)
    path = f"/api/v1/tokens/{parse_token(own).token_id}/revoke"
    answer = await receiver.post(path, b'{"reason": "its owner has left"}', own)
    assert answer.status == 200
    assert (await receiver.post(path, b'{"reason": "again"}', own)).status == 401
