"""POST /api/v1/attestations as the first seed prints it, and as its command-line client sends it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from receiver import fsck
from receiver.core.tokens import Kind, Scope
from shared.encoding import digest_text, sha256
from tests.helpers.databases import Databases
from tests.helpers.gating import Gate, asked
from tests.helpers.receiving import Answer, Receiver, serving

PATH = "/api/v1/attestations"
COMMIT, DIGEST = "9f3c8b7" + "0a" * 16 + "1", "a1b2c3d4" * 8
SEED = {
    "repositoryFullName": "acme/payments-api",
    "prNumber": 42,
    "type": "TEST_RESULTS",
    "name": "Unit Tests",
    "passed": True,
    "evidence": {"totalTests": 1234, "passed": 1230, "failed": 4, "coverage": 87.5},
}
PLAIN = SEED | {"evidence": {"totalTests": 2, "passed": 2, "failed": 0}}


@pytest_asyncio.fixture
async def receiver(tmp_path: Path) -> AsyncIterator[Receiver]:
    async with serving(tmp_path / "data") as running:
        yield running
        with running.store() as store:
            assert fsck.check(store) == []


@pytest_asyncio.fixture
async def on_both(databases: Databases, tmp_path: Path) -> AsyncIterator[Receiver]:
    async with serving(tmp_path / "data", databases=databases) as running:
        yield running
        with running.store() as store:
            assert fsck.check(store) == []


@pytest.fixture
def key(receiver: Receiver) -> str:
    return receiver.token(Scope.ATTESTATIONS_WRITE, Scope.READ)


@pytest.fixture
def key_on_both(on_both: Receiver) -> str:
    return on_both.token(Scope.ATTESTATIONS_WRITE, Scope.READ)


async def post(receiver: Receiver, key: str, body: Mapping[str, object], **headers: str) -> Answer:
    said = {name.replace("_", "-"): value for name, value in headers.items()}
    return await receiver.post(PATH, json.dumps(body).encode(), key, said)


async def stored(receiver: Receiver, key: str, query: str = "") -> list[dict[str, Any]]:
    found = await receiver.get(PATH + query, key)
    assert found.status == 200
    items: list[dict[str, Any]] = found.json["items"]
    return items


# --- as printed -------------------------------------------------------------------------------------------------------


async def test_the_example_of_the_page_is_kept_and_does_not_pass(receiver: Receiver) -> None:
    answer = await post(receiver, receiver.secrets.api_key, SEED)
    assert answer.status == 201
    assert answer.json["id"] == answer.json["attestationId"]
    assert answer.json["subject"] == {"repositoryFullName": "acme/payments-api", "prNumber": 42}
    assert answer.json["effectivePassed"] is False
    assert [(one["kind"], one["field"]) for one in answer.json["contradictions"]] == [
        ("passed_with_failures", "failed")
    ]
    assert answer.headers["X-RateLimit-Limit"] == "100"
    assert int(answer.headers["X-RateLimit-Remaining"]) == 99
    assert int(answer.headers["X-RateLimit-Reset"]) > 1_700_000_000


async def test_what_was_posted_is_signed_by_the_receiver_and_says_by_whom(receiver: Receiver, key: str) -> None:
    made = (await post(receiver, key, SEED)).json
    (row,) = await stored(receiver, key)
    shown = (await receiver.get(f"{PATH}/{made['id']}", key)).json
    envelope = await receiver.get(f"{PATH}/{made['id']}/envelope", key)
    assert row["basis"] == "posted"
    assert row["saidBy"]["kind"] == "token"
    assert row["collectorId"] is None
    assert shown["predicate"]["token"]["id"] == row["saidBy"]["id"]
    assert shown["predicate"]["claim"]["evidence"] == SEED["evidence"]
    assert envelope.json["payloadType"] == "application/vnd.in-toto+json"


# --- as the client that people have sends it --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "evidence"),
    [
        ({"repositoryFullName": None, "repositoryName": "acme/payments-api"}, None),
        ({"evidence": None, "data": {"totalTests": 2, "passed": 2}}, {"totalTests": 2, "passed": 2}),
        ({"evidence": {"failures": 0, "timeSeconds": 1.5}}, {"failed": 0, "durationSeconds": 1.5}),
        ({"evidence": {"failures": 0, "failed": 0}}, {"failed": 0}),
        ({"commitSha": "unknown"}, None),
        ({"type": "test_results"}, None),
        ({"prNumber": 42.0}, None),
        ({"commitSha": COMMIT.upper()}, None),
        ({"artifactSha256": "sha256:" + DIGEST.upper()}, None),
        ({"repositoryFullName": None, "artifactSha256": DIGEST}, None),
        ({"commitSha": COMMIT[:7], "source": "jenkins", "evidenceUrl": "http://169.254.169.254/"}, None),
    ],
)  # fmt: skip
async def test_other_spellings_are_read(
    receiver: Receiver, key: str, changes: dict[str, object], evidence: dict[str, object] | None
) -> None:
    body = {name: value for name, value in (PLAIN | changes).items() if value is not None}
    made = await post(receiver, key, body)
    assert made.status == 201
    assert made.json["effectivePassed"] is True
    shown = (await receiver.get(f"{PATH}/{made.json['id']}", key)).json
    assert shown["type"] == "TEST_RESULTS"
    assert shown["context"].get("commit") == (
        None if body.get("commitSha", "unknown") == "unknown" else str(body["commitSha"]).lower()
    )
    if evidence is not None:
        assert shown["predicate"]["claim"]["evidence"] == evidence


async def test_failures_under_the_other_name_count(receiver: Receiver, key: str) -> None:
    answer = await post(receiver, key, SEED | {"evidence": {"totalTests": 3, "passed": 1, "failures": 2}})
    assert answer.json["effectivePassed"] is False
    two_names = await post(receiver, key, SEED | {"evidence": {"failed": 0, "failures": 2}})
    assert {one["kind"] for one in two_names.json["contradictions"]} == {"totals"}


# --- links ------------------------------------------------------------------------------------------------------------


async def test_it_is_found_by_everything_that_it_is_linked_to(receiver: Receiver, key: str) -> None:
    made = (await post(receiver, key, PLAIN | {"commitSha": COMMIT, "artifactSha256": DIGEST})).json["id"]
    parts = SEED | {"type": "SBOM", "evidence": {"components": ["pkg:pypi/aiohttp@3.14"], "componentCount": 1}}
    listed = (await post(receiver, key, parts)).json["id"]
    for query in ("?pr=42", "?repository=acme/payments-api", "?basis=posted", "?passed=true"):
        assert [row["id"] for row in await stored(receiver, key, query)] == [listed, made]
    for query in (f"?commit={COMMIT}", f"?artifact={DIGEST}", "?type=test_results"):
        assert [row["id"] for row in await stored(receiver, key, query)] == [made]
    assert [row["id"] for row in await stored(receiver, key, "?component=pkg:pypi/aiohttp@3.14")] == [listed]
    assert await stored(receiver, key, "?basis=measured") == []


async def test_an_abbreviated_commit_links_nothing(receiver: Receiver, key: str) -> None:
    await post(receiver, key, PLAIN | {"commitSha": COMMIT[:12]})
    assert await stored(receiver, key, f"?commit={COMMIT}") == []


# --- the same again ---------------------------------------------------------------------------------------------------


async def test_the_same_key_and_body_is_done_once(on_both: Receiver, key_on_both: str) -> None:
    first = await post(on_both, key_on_both, PLAIN, Idempotency_Key="job-1")
    again = await post(on_both, key_on_both, PLAIN, Idempotency_Key="job-1")
    other = await post(on_both, key_on_both, SEED, Idempotency_Key="job-1")
    assert (first.status, again.status, other.status) == (201, 201, 422)
    assert again.body == first.body
    assert "Idempotent-Replay" not in first.headers
    assert again.headers["Idempotent-Replay"] == "true"
    assert other.json["code"] == "idempotency_mismatch"
    assert len(await stored(on_both, key_on_both)) == 1


async def test_another_token_has_keys_of_its_own(on_both: Receiver, key_on_both: str) -> None:
    await post(on_both, key_on_both, PLAIN, Idempotency_Key="job-1")
    answer = await post(on_both, on_both.token(Scope.ATTESTATIONS_WRITE), SEED, Idempotency_Key="job-1")
    assert answer.status == 201
    assert len(await stored(on_both, key_on_both)) == 2


@pytest.mark.parametrize("wrong", ["", "two words", "x" * 201, "é"])
async def test_a_key_that_cannot_be_one_is_refused(on_both: Receiver, key_on_both: str, wrong: str) -> None:
    answer = await post(on_both, key_on_both, PLAIN, Idempotency_Key=wrong)
    assert (answer.status, answer.json["code"]) == (422, "invalid_field")
    assert await stored(on_both, key_on_both) == []


async def test_thirty_two_at_once_with_one_key_make_one(on_both: Receiver, key_on_both: str) -> None:
    answers = await asyncio.gather(*(post(on_both, key_on_both, PLAIN, Idempotency_Key="job-1") for _ in range(32)))
    assert {answer.status for answer in answers} <= {201, 409}
    assert len({answer.json["id"] for answer in answers if answer.status == 201}) == 1
    assert len(await stored(on_both, key_on_both)) == 1


async def test_what_is_named_by_source_and_resource_is_replayed_or_corrected(
    on_both: Receiver, key_on_both: str
) -> None:
    named = PLAIN | {"source": "jenkins", "resourceType": "build", "resourceId": "1234"}
    first = await post(on_both, key_on_both, named)
    same = await post(on_both, key_on_both, dict(reversed(named.items())))
    corrected = await post(on_both, key_on_both, named | {"passed": False})
    assert (first.status, same.status, corrected.status) == (201, 200, 201)
    assert same.json["id"] == first.json["id"]
    assert corrected.json["supersedes"] == first.json["id"]
    assert len(await stored(on_both, key_on_both)) == 2


async def test_what_another_token_claims_as_the_same_is_a_word_of_its_own_and_hides_nothing_from_the_gate(
    receiver: Receiver, key: str
) -> None:
    other = receiver.token(Scope.ATTESTATIONS_WRITE, Scope.READ)
    gate = Gate(receiver, receiver.token(Scope.GATE_EVALUATE, kind=Kind.GATE))

    async def tests() -> str:
        found = await gate.decided(asked(artifact={"digest": f"sha256:{DIGEST}"}, release={"releaseId": "gh-1"}))
        return next((one["cause"] for one in found["blockers"] if one["rule"] == "tests"), "met")

    green = PLAIN | {"artifactSha256": DIGEST, "source": "jenkins", "resourceId": "1234"}
    red = green | {"passed": False, "evidence": {"totalTests": 2, "passed": 1, "failed": 1}}
    first = await post(receiver, key, red)
    corrected = await post(receiver, other, green)
    assert (corrected.status, corrected.json["supersedes"]) == (201, first.json["id"]), "as the API has it"
    assert await tests() == "failed"
    its_own = await post(receiver, key, green)
    assert (its_own.status, its_own.json["supersedes"]) == (201, corrected.json["id"]), "no replay of another's word"
    assert await tests() == "met"
    assert (await post(receiver, key, green)).json["id"] == its_own.json["id"]


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"type": "FRIED_EGGS"}, "type"),
        ({"type": None}, "type"),
        ({"name": ""}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"passed": "true"}, "passed"),
        ({"passed": None}, "passed"),
        ({"prNumber": 0}, "prNumber"),
        ({"prNumber": 4.5}, "prNumber"),
        ({"prNumber": "42"}, "prNumber"),
        ({"commitSha": "abc123"}, "commitSha"),
        ({"commitSha": "a1b2c3d4..."}, "commitSha"),
        ({"artifactSha256": "a1b2c3d4..."}, "artifactSha256"),
        ({"artifactSha256": "0" * 64}, "artifactSha256"),
        ({"evidence": []}, "evidence"),
        ({"repositoryFullName": None}, "body"),
        ({"repositoryName": "acme/other"}, "repositoryName"),
        ({"data": {"other": 1}}, "data"),
        ({"Passed": True}, "Passed"),
        ({"tenant": "acme"}, "tenant"),
    ],
)
async def test_a_wrong_field_is_named_and_nothing_is_stored(
    receiver: Receiver, key: str, changes: dict[str, object], field: str
) -> None:
    body = {name: value for name, value in (PLAIN | changes).items() if value is not None}
    answer = await post(receiver, key, body)
    assert answer.status == 422
    assert [one["field"] for one in answer.json["errors"]] == [field]
    assert answer.json["error"]
    assert answer.json["hint"]
    assert await stored(receiver, key) == []


async def test_secrets_are_cut_before_anything_is_signed(receiver: Receiver, key: str) -> None:
    secret = "glpat-" + "R4tY7uKq2WmXz9VbNc3L"
    body = PLAIN | {"evidence": {"log": [f"token {secret}"], secret: 1}, "source": f"ci {secret}"}
    answer = await post(receiver, key, body)
    assert answer.status == 201
    assert set(answer.json["cut"]) == {"evidence", "evidence.log", "source"}
    envelope = await receiver.get(f"{PATH}/{answer.json['id']}/envelope", key)
    assert secret.encode() not in answer.body + envelope.body
    assert secret not in receiver.log.getvalue()
    assert all(secret.encode() not in path.read_bytes() for path in receiver.data.folder.iterdir())


async def test_a_digest_of_the_request_is_all_that_is_kept_of_its_key(receiver: Receiver, key: str) -> None:
    body = json.dumps(PLAIN).encode()
    await receiver.post(PATH, body, key, {"Idempotency-Key": "job-1"})
    with receiver.store() as store:
        (row,) = store.read(lambda tx: tx.exec_driver_sql("SELECT request FROM answers").all())
    assert digest_text(bytes(row[0])) == digest_text(sha256(body))
