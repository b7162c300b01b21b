"""Evidence that is ingested: kept as claims that we sign, once for its key, cut of secrets, no pass by chance."""

import json
import os
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from receiver import access, clock, fsck, lookup
from receiver.core.covering import EVERYTHING
from receiver.core.tokens import Kind, Scope
from shared.encoding import parse_digest
from shared.predicates import Limits
from tests.helpers import build
from tests.helpers.receiving import UNLIMITED, Answer, Receiver, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")
PATH = "/releasepassport/v1/evidence/ingest"
DIGEST = build.digest("artifact")
SEED: dict[str, Any] = {
    "source": "github_actions",
    "externalId": "run-123456",
    "service": {"name": "checkout-api", "namespace": "apps-checkout"},
    "release": {"releaseId": "gh-123456", "sourceSha": "9f3c8b7"},
    "artifact": {"digest": DIGEST},
    "evidence": [{"type": "smoke", "status": "passed", "summary": "render and health smoke passed"}],
}
SECRET = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def receiver(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Receiver]:
    async with serving(tmp_path_factory.mktemp("ingest") / "data") as made:
        yield made
        with made.store() as store:
            assert fsck.check(store) == []


async def post(receiver: Receiver, body: dict[str, Any], token: str | None = None, **headers: str) -> Answer:
    sender = token or receiver.token(Scope.EVIDENCE_WRITE, kind=Kind.GATE)
    return await receiver.post(PATH, json.dumps(body).encode(), sender, headers)


def of(external: str, *evidence: dict[str, Any], **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - any field
    return SEED | {"externalId": external, "evidence": list(evidence) or SEED["evidence"]} | changes


def predicate(receiver: Receiver, answer: Answer, place: int = 0) -> dict[str, Any]:
    """What we signed of a piece."""
    with receiver.store() as store:
        id_ = parse_digest(answer.json["items"][place]["id"])
        found: dict[str, Any] = dict(lookup.attestation(store, receiver.names.workspace, id_).predicate)
        return found


async def test_what_the_seed_posts_is_kept_and_signed_as_it_came(receiver: Receiver) -> None:
    answer = await post(receiver, SEED)
    assert answer.status == 201
    assert (answer.json["accepted"], answer.json["cut"]) == (1, [])
    assert answer.json["id"].startswith("evd_")
    (item,) = answer.json["items"]
    assert (item["type"], item["status"], item["effectivePassed"]) == ("smoke", "passed", True)
    said = predicate(receiver, answer)
    assert (said["record"], said["claim"]["type"], said["claim"]["name"]) == ("ingested", "CUSTOM", "smoke")
    assert said["claim"]["basis"] == "posted"
    assert said["claim"]["evidence"] == {"status": "passed", "summary": "render and health smoke passed"}
    assert said["details"] == {
        "source": "github_actions",
        "externalId": "run-123456",
        "type": "smoke",
        "namespace": "apps-checkout",
        "releaseId": "gh-123456",
    }
    assert said["context"] == {"commit": "9f3c8b7", "service": "checkout-api"}


async def test_the_same_again_is_found_and_other_content_corrects_it(receiver: Receiver) -> None:
    token = receiver.token(Scope.EVIDENCE_WRITE, kind=Kind.GATE)
    first = await post(receiver, of("again"), token)
    same = await post(receiver, of("again"), token)
    assert (same.status, same.json) == (200, first.json)
    worse = await post(receiver, of("again", {"type": "smoke", "status": "failed"}), token)
    assert worse.status == 201
    assert worse.json["id"] == first.json["id"]
    (item,) = worse.json["items"]
    assert (item["supersedes"], item["effectivePassed"]) == (first.json["items"][0]["id"], False)
    elsewhere = await post(receiver, of("again", service={**SEED["service"], "environment": "production"}), token)
    assert "supersedes" not in elsewhere.json["items"][0], "in an environment it is about something else"


async def test_a_key_is_answered_once(receiver: Receiver) -> None:
    token = receiver.token(Scope.GATE_EVALUATE, kind=Kind.GATE)
    key = {"Idempotency-Key": "one"}
    first = await post(receiver, of("once"), token, **key)
    again = await post(receiver, of("once"), token, **key)
    assert (again.status, again.body) == (201, first.body)
    assert again.headers["Idempotent-Replay"] == "true"
    assert (await post(receiver, of("another"), token, **key)).json["code"] == "idempotency_mismatch"


@pytest.mark.parametrize("status", ["failed", "warning", "skipped", "unknown", "FAILED"])
async def test_only_passed_passes(receiver: Receiver, status: str) -> None:
    answer = await post(receiver, of(f"status-{status}", {"type": "smoke", "status": status}))
    assert answer.status == 201
    assert answer.json["items"][0]["effectivePassed"] is False
    assert answer.json["items"][0]["status"] == status.lower()
    assert predicate(receiver, answer)["claim"]["passed"] is False


async def test_several_of_one_type_never_stand_in_for_each_other(receiver: Receiver) -> None:
    pieces = [{"type": "Smoke", "status": "failed"}, {"type": "smoke", "status": "PASSED"}]
    token = receiver.token(Scope.EVIDENCE_WRITE, kind=Kind.GATE)
    answer = await post(receiver, of("several", *pieces), token)
    assert answer.json["accepted"] == 2
    assert [one["effectivePassed"] for one in answer.json["items"]] == [False, True]
    assert not any("supersedes" in one for one in answer.json["items"])
    assert [predicate(receiver, answer, at)["details"]["externalId"] for at in (0, 1)] == ["several", "several#2"]
    assert (await post(receiver, of("several", *pieces), token)).status == 200


async def test_secrets_are_cut_and_named_before_anything_is_stored(receiver: Receiver) -> None:
    pieces = [{"type": "smoke", "status": "passed"}, {"type": "unit", "status": "passed", "summary": f"with {SECRET}"}]
    body = of("secrets", *pieces) | {"source": f"bot {SECRET}"}
    body["evidence"][0]["metrics"] = {"token": SECRET}
    answer = await post(receiver, body)
    assert answer.json["cut"] == ["source", "evidence.0.metrics.token", "evidence.1.summary"]
    assert predicate(receiver, answer, 1)["cut"] == ["source", "summary"]
    assert not any(SECRET.encode() in one.read_bytes() for one in receiver.data.folder.iterdir() if one.is_file())
    assert SECRET not in receiver.log.getvalue()


async def test_counts_of_a_closed_type_that_contradict_it_do_not_pass(receiver: Receiver) -> None:
    piece = {"type": "test_results", "status": "passed", "metrics": {"totalTests": 4, "failures": 1}}
    answer = await post(receiver, of("counts", piece))
    (item,) = answer.json["items"]
    assert (item["type"], item["effectivePassed"]) == ("TEST_RESULTS", False)
    assert [one["kind"] for one in item["contradictions"]] == ["passed_with_failures"]


async def test_health_keeps_its_metrics_and_its_times(receiver: Receiver) -> None:
    service = {**SEED["service"], "environment": "production"}
    times = {"observedAt": "2026-01-01T00:00:00.000000Z", "expiresAt": "2026-01-01T01:00:00.000000Z"}
    health = {"type": "health", "status": "passed", "metrics": {"ready": True}, "url": "https://x.example/1", **times}
    answer = await post(receiver, {"source": "probe", "externalId": "h", "service": service, "evidence": [health]})
    assert answer.status == 201
    said = predicate(receiver, answer)
    assert said["claim"]["evidence"] == {"status": "passed", "metrics": {"ready": True}, "url": "https://x.example/1"}
    assert {name: said["details"][name] for name in times} == times


async def test_a_hundred_pieces_are_taken_and_one_more_is_not(receiver: Receiver) -> None:
    pieces = [{"type": f"check-{n}", "status": "passed"} for n in range(100)]
    answer = await post(receiver, of("many", *pieces))
    assert (answer.status, answer.json["accepted"]) == (201, 100)
    assert (await post(receiver, of("many", *pieces, {"type": "more", "status": "passed"}))).status == 422


PIECE = SEED["evidence"][0]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        pytest.param({"evidence": []}, "evidence", id="nothing"),
        pytest.param({"evidence": [PIECE | {"status": "ok"}]}, "evidence.0.status", id="a status that is none"),
        pytest.param({"evidence": [PIECE | {"type": ""}]}, "evidence.0.type", id="no type"),
        pytest.param({"evidence": [PIECE | {"name": "x"}]}, "evidence.0.name", id="a field that there is not"),
        pytest.param({"evidence": [PIECE | {"observedAt": "soon"}]}, "evidence.0.observedAt", id="a time that is none"),
        pytest.param(
            {"evidence": [PIECE | {"observedAt": "2026-01-02T00:00:00Z", "expiresAt": "2026-01-01T00:00:00Z"}]},
            "evidence.0.expiresAt",
            id="ended before it was seen",
        ),
        pytest.param({"artifact": {"digest": "sha256:abc123"}}, "artifact.digest", id="a digest that is cut"),
        pytest.param({"release": {"sourceSha": "abc123"}}, "release.sourceSha", id="a commit that is too short"),
        pytest.param({"service": {"namespace": "x"}}, "service.name", id="no service"),
        pytest.param({"externalId": None}, "externalId", id="no external id"),
    ],
)
async def test_what_is_wrong_is_refused_by_name(receiver: Receiver, changes: dict[str, Any], named: str) -> None:
    answer = await post(receiver, of("wrong") | changes)
    assert answer.status == 422, answer.body
    assert named in [one["field"] for one in answer.json["errors"]]


def issued(receiver: Receiver, limits: Limits = EVERYTHING, owner: str | None = None) -> str:
    """A token that may bring evidence, for no more than its limits."""
    with receiver.store() as store:
        made = access.issue(
            store,
            receiver.names.workspace,
            Kind.GATE,
            (Scope.EVIDENCE_WRITE,),
            "t",
            clock.utcnow(),
            os.urandom,
            1,
            UNLIMITED,
            limits=limits,
            owner=owner,
        )
    return made.token


@pytest.mark.parametrize("artifact", [None, SEED["artifact"]])
async def test_what_names_no_environment_counts_for_each_and_is_outside_of_a_limit_to_some(
    receiver: Receiver, artifact: dict[str, str] | None
) -> None:
    nowhere = of(f"nowhere {artifact}", service={"name": "checkout-api"}, artifact=artifact)
    refused = await post(receiver, nowhere, issued(receiver, Limits(environments=("staging",))))
    assert (refused.status, refused.json["code"]) == (403, "forbidden")
    assert "names no environment" in refused.json["detail"]
    assert refused.json["hint"].startswith("name the environment")
    covering = issued(receiver, Limits(services=("checkout-api",), environments=("staging", "*")))
    assert (await post(receiver, nowhere, covering)).status == 201


HEALTH = {"type": "health", "status": "failed", "metrics": {"ready": False}}
WELL = {"type": "health", "status": "passed", "metrics": {"ready": True}}
THERE = {"name": "checkout-api", "environment": "production"}


async def test_nobody_corrects_what_another_token_said(receiver: Receiver) -> None:
    monitor, pipeline = issued(receiver), issued(receiver)
    red = await post(receiver, of("another's", HEALTH, service=THERE), monitor)
    green = await post(receiver, of("another's", WELL, service=THERE), pipeline)
    assert (green.status, "supersedes" in green.json["items"][0]) == (201, False)
    mine, its = predicate(receiver, green), predicate(receiver, red)
    assert (mine["sourceKey"] != its["sourceKey"], mine["token"]["voice"] != its["token"]["voice"]) == (True, True)
    (own,) = (await post(receiver, of("another's", WELL, service=THERE), monitor)).json["items"]
    assert own["supersedes"] == red.json["items"][0]["id"], "its own token lifts it"


async def test_an_owner_corrects_with_a_new_token_what_their_old_one_said(receiver: Receiver) -> None:
    old, new, other = (issued(receiver, owner=who) for who in ("sre@acme.example", "sre@acme.example", "ci"))
    red = await post(receiver, of("owned", HEALTH, service=THERE), old)
    assert "supersedes" not in (await post(receiver, of("owned", WELL, service=THERE), other)).json["items"][0]
    green = await post(receiver, of("owned", WELL, service=THERE), new)
    assert green.json["items"][0]["supersedes"] == red.json["items"][0]["id"]
    said = predicate(receiver, green)
    assert said["sourceKey"] == predicate(receiver, red)["sourceKey"]
    assert "sre@acme" not in json.dumps(said), "whom a token is for is for nobody outside"


async def test_a_token_speaks_for_nothing_outside_of_its_limits(receiver: Receiver) -> None:
    token = issued(receiver, Limits(services=("checkout-*",), environments=("staging",)))
    inside = await post(receiver, of("in", service={"name": "checkout-api", "environment": "staging"}), token)
    assert inside.status == 201
    for service in ({"name": "billing"}, {"name": "checkout-api", "environment": "production"}):
        outside = await post(receiver, of("out", service=service), token)
        assert (outside.status, outside.json["code"]) == (403, "forbidden")
    for scope in (Scope.READ, Scope.ATTESTATIONS_WRITE):
        assert (await post(receiver, of("scope"), receiver.token(scope))).status == 403
    assert (await receiver.post(PATH, json.dumps(SEED).encode())).status == 401
