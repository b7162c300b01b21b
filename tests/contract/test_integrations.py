"""What a workspace is connected to, as it is worked out from what came; and the audit trail over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from receiver import clock, integrate
from receiver.core.accounts import Role
from receiver.core.tokens import Scope
from receiver.integrate import Freshness, Integration, Status
from receiver.store import audit
from shared.encoding import JsonObject, compact
from tests.helpers import build
from tests.helpers.posting import stranger
from tests.helpers.receiving import Answer, Receiver, Sender, serving
from tests.helpers.signed_in import signed_in

GATE = "/releasepassport/v1"
DIGEST = "d" * 64


@pytest.fixture
async def receiver(tmp_path: Path) -> AsyncIterator[Receiver]:
    async with serving(tmp_path / "data") as running:
        yield running


def ingest(source: str, external_id: str, environment: str = "production") -> bytes:
    fields: JsonObject = {
        "source": source,
        "externalId": external_id,
        "service": {"name": "checkout-api", "environment": environment},
        "artifact": {"digest": DIGEST},
        "evidence": [{"type": "smoke", "status": "passed", "summary": "200 in 12 ms"}],
    }
    return compact(fields)


async def shown(receiver: Receiver, token: str) -> dict[str, JsonObject]:
    answer = await receiver.get(f"{GATE}/integrations", token)
    assert answer.status == 200, answer.body
    return {one["name"]: one for one in answer.json["items"]}


def later(receiver: Receiver, **span: float) -> dict[str, Integration]:
    """How it looks after a time in which nothing comes."""
    with receiver.store() as store:
        found = integrate.listed(store, receiver.names.workspace, clock.utcnow() + timedelta(**span))
    return {one.name: one for one in found}


async def test_a_workspace_that_nothing_came_to_has_no_integrations(receiver: Receiver) -> None:
    assert await shown(receiver, receiver.token(Scope.READ)) == {}


async def test_a_collector_shows_with_its_heartbeat_and_a_source_that_ingests_becomes_one_by_itself(
    receiver: Receiver,
) -> None:
    reader, writer = receiver.token(Scope.READ), receiver.token(Scope.EVIDENCE_WRITE)
    sender = await Sender(receiver).join()
    new = (await shown(receiver, reader))["ci-07"]
    assert (new["category"], new["status"], new["freshness"], new["lastSeenAt"]) == (
        "collector", "native_pull", "never", None,
    )  # fmt: skip
    assert "carnet-collector" in str(new["hint"])
    await sender.deliver(sender.capture(3))
    beat = build.heartbeat_envelope(sender.key, audience=receiver.audience, collector=sender.about())
    body = b'{"collectorId":"%b","heartbeat":%b}' % (sender.id.encode(), beat.to_bytes())
    assert (await receiver.post("/api/v1/collector/heartbeats", body, sender.token)).status == 200
    for number, environment in enumerate(("staging", "production")):
        posted = await receiver.post(
            f"{GATE}/evidence/ingest", ingest("smoke-runner", f"{number}", environment), writer
        )
        assert posted.status == 201, posted.body
    found = await shown(receiver, reader)
    heard, source = found["ci-07"], found["smoke-runner"]
    assert (heard["freshness"], heard["evidenceCount24h"], heard["hint"]) == ("fresh", 3, None)
    assert (source["category"], source["status"], source["freshness"]) == ("evidence", "evidence_ingest", "fresh")
    assert (source["evidenceCount24h"], source["hint"]) == (2, None)
    assert source["scope"] == {
        "repositories": ["*"], "services": ["checkout-api"], "environments": ["production", "staging"],
    }  # fmt: skip
    soon, tomorrow = later(receiver, minutes=16), later(receiver, hours=25)
    assert (soon["ci-07"].freshness, soon["smoke-runner"].freshness) == (Freshness.STALE, Freshness.FRESH)
    assert (tomorrow["smoke-runner"].freshness, tomorrow["smoke-runner"].count) == (Freshness.STALE, 0)
    assert (tomorrow["ci-07"].count, tomorrow["ci-07"].status) == (0, Status.NATIVE_PULL)
    assert tomorrow["smoke-runner"].hint is not None


async def test_a_collector_that_waits_to_be_confirmed_needs_a_credential(receiver: Receiver) -> None:
    body = b'{"names": ["ci-09"], "approve": false}'
    invited = await receiver.post("/api/v1/collectors/invitations", body, receiver.token(Scope.ADMIN))
    assert (await Sender(receiver).enrol(invited.json["items"][0]["token"], "ci-09")).status == 202
    waiting = (await shown(receiver, receiver.token(Scope.READ)))["ci-09"]
    assert waiting["status"] == "requires_credential"
    assert "confirm" in str(waiting["hint"])


async def test_another_workspace_sees_nothing_of_it(receiver: Receiver) -> None:
    await Sender(receiver).join()
    await receiver.post(f"{GATE}/evidence/ingest", ingest("smoke-runner", "1"), receiver.token(Scope.EVIDENCE_WRITE))
    other = stranger(receiver).token
    assert await shown(receiver, other) == {}
    actions = [one["action"] for one in (await receiver.get(f"{GATE}/audit", other)).json["items"]]
    assert "collector.enrol" not in actions


async def test_the_trail_is_read_newest_first_page_by_page_and_narrowed(receiver: Receiver) -> None:
    token, anna = receiver.token(Scope.READ), signed_in(receiver, "anna", Role.VIEWER)
    with receiver.store() as store:
        rows = store.read(lambda tx: list(audit.rows(tx, receiver.names.workspace)))

    async def page(query: str) -> Answer:
        answer = await receiver.get(f"{GATE}/audit{query}", token)
        assert answer.status == 200, answer.body
        return answer

    seen, cursor = [], ""
    while True:
        answer = await page(f"?limit=2{cursor}")
        seen += answer.json["items"]
        if answer.json["nextCursor"] is None:
            break
        cursor = f"&cursor={answer.json['nextCursor']}"
    assert [one["id"] for one in seen] == [one.number for one in reversed(rows)]
    assert [one["hash"] for one in seen] == [f"sha256:{one.hash.hex()}" for one in reversed(rows)]
    begun = (await page("?action=session.begin")).json["items"]
    assert [one["actor"] for one in begun] == [anna.email]
    assert (await page("?actor=nobody")).json["items"] == []
    by_cookie = await receiver.get(f"{GATE}/audit", headers=anna.headers)
    assert by_cookie.json["items"] == seen
