"""The gate over HTTP: what it answers, what it signs, and that one release has one passport in force."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from receiver import fsck
from receiver.core.tokens import Kind, Scope
from shared import dsse
from shared.encoding import compact, parse_payload
from tests.helpers.databases import Databases
from tests.helpers.gating import ASKED, DIGEST, EVALUATE, PASSPORTS, Gate, asked, bring_evidence
from tests.helpers.posting import COMMIT, api, refused_field
from tests.helpers.receiving import JSON, Receiver, serving


@pytest.fixture
async def receiver(tmp_path: Path) -> AsyncIterator[Receiver]:
    async with serving(tmp_path / "data") as running:
        yield running
        with running.store() as store:
            assert fsck.check(store) == []


@pytest.fixture
def ci(receiver: Receiver) -> Gate:
    return Gate(receiver, receiver.token(Scope.GATE_EVALUATE, kind=Kind.GATE))


async def passports_of(receiver: Receiver) -> list[dict[str, object]]:
    answer = await receiver.get(PASSPORTS, receiver.token(Scope.READ))
    assert answer.status == 200
    items: list[dict[str, object]] = answer.json["items"]
    return items


async def test_the_seeds_example_is_held_and_says_why(ci: Gate) -> None:
    answer = await ci.ask()
    assert answer.status == 200
    found = answer.json
    assert (found["decision"], found["proceed"]) == ("HOLD", True)
    assert (found["mode"], found["requestedMode"]) == ("shadow", "shadow")
    assert answer.headers["Carnet-Proceed"] == "true"
    assert (found["service"], found["artifact"]) == (ASKED["service"], {"digest": DIGEST})
    assert found["release"]["releaseId"] == "gh-123456"
    assert found["passportId"].startswith("pp_")
    assert found["consoleUrl"] == f"{ci.receiver.url}/p/{found['passportId']}"
    causes = {one["rule"]: one["cause"] for one in found["blockers"]}
    assert causes == {"artifact-linked": "missing", "tests": "missing", "rollback-verified": "failed"}
    assert found["warnings"][0].startswith("no_policy")
    assert found["policy"]["name"] == "built-in-baseline-1"
    # What is answered is what was signed.
    envelope = dsse.parse(compact(found["passport"]))
    signed = parse_payload(envelope.payload)
    assert signed["predicateType"] == "urn:carnet:passport:v1"
    told = signed["predicate"]
    assert isinstance(told, dict)
    assert {name: told[name] for name in ("passportId", "decision", "headline", "evaluatedAt", "validUntil")} == {
        name: found[name] for name in ("passportId", "decision", "headline", "evaluatedAt", "validUntil")
    }


async def test_the_same_question_gets_the_same_passport_and_another_one_supersedes_it(ci: Gate) -> None:
    first, again = await ci.decided(), await ci.decided()
    assert again == first
    stricter = await ci.decided(asked(mode="enforce"))
    assert stricter["proceed"] is False
    assert stricter["supersedes"] == first["passportId"]
    elsewhere = await ci.decided(asked(service={"name": "checkout-api", "environment": "staging"}))
    assert elsewhere["supersedes"] is None
    stands = {one["id"]: one["inForce"] for one in await passports_of(ci.receiver)}
    assert stands == {first["passportId"]: False, stricter["passportId"]: True, elsewhere["passportId"]: True}


async def test_a_pipeline_reads_a_page_and_a_header_with_nothing_but_curl(ci: Gate) -> None:
    answer = await ci.ask(asked(mode="enforce"), Accept="text/plain")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["Carnet-Proceed"] == "false"
    lines = answer.body.decode().splitlines()
    told = await ci.decided(asked(mode="enforce"))
    assert lines[0].split() == [
        "HOLD", "checkout-api", "gh-123456", "->", "production", "enforce", told["passportId"],
    ]  # fmt: skip
    assert lines[1] == told["headline"]
    assert lines[-1] == told["consoleUrl"]
    assert len(lines) <= 25
    assert max(map(len, lines)) <= 120


async def test_the_page_and_the_header_stand_in_the_openapi_document(ci: Gate) -> None:
    document = (await ci.receiver.get("/releasepassport/v1/openapi.json", None)).json
    (asked_for,) = (path for path in document["paths"] if path.endswith("/gate/evaluate"))
    answer = document["paths"][asked_for]["post"]["responses"]["200"]
    assert set(answer["content"]) == {"application/json", "text/plain"}
    assert answer["headers"]["Carnet-Proceed"]["schema"]["enum"] == ["true", "false"]


async def test_forty_jobs_of_one_release_at_once_make_one_passport(tmp_path: Path, databases: Databases) -> None:
    async with serving(tmp_path / "data", databases=databases) as receiver:
        token = receiver.secrets.gate_token
        found = await asyncio.gather(*(Gate(receiver, token).ask() for _ in range(40)))
        assert {one.status for one in found} == {200}
        assert len({one.json["passportId"] for one in found}) == 1
        (only,) = await passports_of(receiver)
        assert only["inForce"] is True


async def test_a_token_that_may_not_ask_creates_nothing(receiver: Receiver) -> None:
    for token, status in (
        (None, 401),
        ("rp_live_wrong", 401),
        (receiver.token(Scope.EVIDENCE_WRITE), 403),
        (receiver.token(Scope.READ), 403),
    ):
        headers = {**JSON} if token is None else {**JSON, "Authorization": f"Bearer {token}"}
        answer = await receiver.ask("POST", EVALUATE, None, json.dumps(ASKED).encode(), headers)
        assert (answer.status, answer.headers["Carnet-Proceed"]) == (status, "false")
    assert await passports_of(receiver) == []


async def test_a_question_that_is_none_is_refused_by_field(ci: Gate) -> None:
    wrong = {
        "service.environment": asked(service={"name": "checkout-api"}),
        "artifact.digest": asked(artifact={"digest": "sha256:abc123..."}),
        "release.sourceSha": asked(release={"sourceSha": "9f3c8"}),
        "mode": asked(mode="lenient"),
        "healthy": asked(healthy=True),
        "health.ready": asked(health={"ready": "yes"}),
    }
    for field, question in wrong.items():
        assert refused_field(await ci.ask(question)) == field
    named = await ci.ask(asked(policy="nobody-wrote-it"))
    assert (named.status, named.headers["Carnet-Proceed"]) == (422, "false")
    assert named.json["detail"].startswith("policy: ")
    unclear = await ci.ask(Prefer="wait=soon")
    assert unclear.status == 422
    assert await passports_of(ci.receiver) == []


async def test_a_secret_in_the_question_is_masked_before_anything_is_kept(ci: Gate) -> None:
    secret = "ghp_" + "0123456789abcdefABCDEF0123456789abcd"
    found = await ci.decided(asked(context={"job": "build", "env": {"TOKEN": secret}}))
    assert found["cut"] == ["context.env.TOKEN"]
    exported = await ci.receiver.get(
        f"{PASSPORTS}/{found['passportId']}/export?format=bundle", ci.receiver.token(Scope.READ)
    )
    assert exported.json["request"]["context"]["job"] == "build"
    assert secret not in exported.body.decode()


async def test_what_is_in_force_is_answered_while_somebody_else_writes(ci: Gate) -> None:
    first = await ci.decided()
    writes, may_end = threading.Event(), threading.Event()

    def keep(_tx: object) -> None:
        writes.set()
        may_end.wait(10)

    with ci.receiver.store() as store:
        writing = asyncio.create_task(asyncio.to_thread(store.write, keep))
        try:
            assert await asyncio.to_thread(writes.wait, 10)
            async with asyncio.timeout(5):
                assert (await ci.decided())["passportId"] == first["passportId"]
            assert not writing.done()
        finally:
            may_end.set()
            await writing


async def test_a_key_is_answered_again_while_nothing_changed(ci: Gate) -> None:
    first = await ci.ask(Idempotency_Key="one")
    again = await ci.ask(Idempotency_Key="one")
    assert (again.body, again.headers["Idempotent-Replay"]) == (first.body, "true")
    assert "Idempotent-Replay" not in first.headers
    other = await ci.ask(asked(mode="enforce"), Idempotency_Key="one")
    assert (other.status, other.json["code"]) == (422, "idempotency_mismatch")
    await ci.decided(asked(mode="enforce"))
    anew = await ci.ask(Idempotency_Key="one")
    assert "Idempotent-Replay" not in anew.headers
    assert anew.json["passportId"] != first.json["passportId"]


async def test_an_answer_is_held_until_the_pipeline_may_go_on(ci: Gate) -> None:
    begun = time.monotonic()
    held = await ci.decided(asked(mode="enforce"), Prefer="wait=1")
    assert held["proceed"] is False
    assert time.monotonic() - begun >= 1
    begun = time.monotonic()
    assert (await ci.decided(Prefer="respond-async, wait=30"))["proceed"] is True
    assert time.monotonic() - begun < 10


async def test_forty_jobs_that_wait_at_one_hold_go_on_when_the_evidence_comes(ci: Gate) -> None:
    ready = asked(
        mode="enforce",
        release={"releaseId": "gh-123456", "sourceSha": COMMIT},
        rollback={"available": True, "verified": True},
    )
    held = await ci.decided(ready)
    assert held["decision"] == "HOLD"
    begun = time.monotonic()
    waiting = [asyncio.create_task(ci.ask(ready, Prefer="wait=30")) for _ in range(40)]
    await bring_evidence(api(ci.receiver, Scope.ADMIN), DIGEST.removeprefix("sha256:"))
    answers = await asyncio.gather(*waiting)
    assert time.monotonic() - begun < 10
    assert {(one.status, one.json["decision"], one.headers["Carnet-Proceed"]) for one in answers} == {
        (200, "ALLOW", "true")
    }
    assert len({one.json["passportId"] for one in answers}) == 1
    # One for each set of facts: nothing, the artifact, the artifact and its tests.
    assert len(await passports_of(ci.receiver)) <= 3
