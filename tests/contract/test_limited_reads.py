"""A limited token reads what it is limited to: passports in and out of lists, and nothing of the whole workspace."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from receiver import access, clock
from receiver.core.tokens import Kind, Scope
from shared.predicates import Limits
from tests.helpers.gating import PASSPORTS, asked, gate
from tests.helpers.receiving import UNLIMITED, Receiver, serving

WHOLE = ("/releasepassport/v1/audit", "/releasepassport/v1/integrations")
TARGETS = (
    ("pay-api", "production"), ("pay-api", "staging"), ("pay-web", "production"), ("shop", "production"),
)  # fmt: skip
SHOP = Limits(services=("shop",))
PAY = Limits(services=("pay-*",), environments=("production",))


@pytest.fixture
async def receiver(tmp_path: Path) -> AsyncIterator[Receiver]:
    async with serving(tmp_path / "data") as running:
        for service, environment in TARGETS:
            await gate(running).decided(asked(service={"name": service, "environment": environment}))
        yield running


def reader(receiver: Receiver, limits: Limits) -> str:
    with receiver.store() as store:
        return access.issue(
            store, receiver.names.workspace, Kind.API_KEY, [Scope.READ], "test", clock.utcnow(), os.urandom, 90,
            UNLIMITED, limits=limits,
        ).token  # fmt: skip


async def listed(receiver: Receiver, token: str, query: str = "") -> list[tuple[str, str]]:
    """All targets of a list, page by page."""
    found, cursor = list[tuple[str, str]](), ""
    while True:
        page = await receiver.get(f"{PASSPORTS}?limit=1{query}{cursor}", token)
        assert page.status == 200, page.body
        found += [(one["service"]["name"], one["service"]["environment"]) for one in page.json["items"]]
        if page.json["nextCursor"] is None:
            return found
        cursor = f"&cursor={page.json['nextCursor']}"


async def test_lists_hold_what_a_token_is_limited_to_on_all_their_pages(receiver: Receiver) -> None:
    everything = [(service, environment) for service, environment in reversed(TARGETS)]
    assert await listed(receiver, reader(receiver, Limits())) == everything
    pay = reader(receiver, PAY)
    assert await listed(receiver, pay) == [("pay-web", "production"), ("pay-api", "production")]
    assert await listed(receiver, pay, "&service=pay-api") == [("pay-api", "production")]
    assert await listed(receiver, reader(receiver, SHOP)) == [("shop", "production")]
    assert await listed(receiver, reader(receiver, Limits(environments=("staging", "dev")))) == [("pay-api", "staging")]
    for query in ("service=shop", "environment=staging"):
        refused = await receiver.get(f"{PASSPORTS}?{query}", pay)
        assert (refused.status, refused.json["code"]) == (403, "forbidden")
    # A passport names no repository: as with the gate, nothing is inside of such a limit.
    assert (await receiver.get(PASSPORTS, reader(receiver, Limits(repositories=("acme/*",))))).status == 403


async def test_a_passport_and_its_exports_outside_of_a_tokens_limits_are_refused(receiver: Receiver) -> None:
    newest = (await receiver.get(f"{PASSPORTS}?limit=1", reader(receiver, Limits()))).json["items"][0]["id"]
    for limits, status in ((SHOP, 200), (PAY, 403), (Limits(services=("shop",), environments=("staging",)), 403)):
        token = reader(receiver, limits)
        for path in ("", "/export?format=bundle", "/export?format=csv", "/export"):
            answer = await receiver.get(f"{PASSPORTS}/{newest}{path}", token)
            assert answer.status == status, (limits, path)


async def test_what_is_about_the_whole_workspace_is_refused_to_limited_tokens(receiver: Receiver) -> None:
    for path in WHOLE:
        assert (await receiver.get(path, reader(receiver, Limits()))).status == 200
        refused = await receiver.get(path, reader(receiver, PAY))
        assert (refused.status, refused.json["code"]) == (403, "forbidden")
