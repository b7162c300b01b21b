"""Tokens over HTTP and by command: listed without their secrets, limited in what they may post, revoked at once."""

import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from receiver import access, clock
from receiver.cli import main
from receiver.core.tokens import Kind, Scope, parse_token
from receiver.store.record_tables import records
from receiver.store.schema import attestations
from shared.encoding import JsonObject
from shared.predicates import Limits
from tests.helpers import build
from tests.helpers.databases import Databases
from tests.helpers.receiving import JSON, UNLIMITED, Answer, Receiver, Sender, serving

TOKENS = "/api/v1/tokens"
WRITES = (Scope.ATTESTATIONS_WRITE, Scope.PIPELINES_WRITE, Scope.ARTIFACTS_WRITE, Scope.DEPLOYMENTS_WRITE)
MINE, OTHERS = "acme/payments-api", "umbrella/payments-api"
DIGEST = build.digest("artifact").removeprefix("sha256:")


@pytest.fixture
async def receiver(tmp_path: Path, databases: Databases) -> AsyncIterator[Receiver]:
    async with serving(tmp_path / "data", databases=databases) as running:
        running.data.write_config("127.0.0.1", 0, tls=False)
        yield running


def limited(receiver: Receiver, **limits: tuple[str, ...]) -> str:
    with receiver.store() as store:
        return access.issue(
            store,
            receiver.names.workspace,
            Kind.API_KEY,
            WRITES,
            "limited",
            clock.utcnow(),
            os.urandom,
            limit_per_minute=UNLIMITED,
            limits=Limits.from_wire({name: [*globs] for name, globs in limits.items()}),
        ).token


async def post(receiver: Receiver, what: str, fields: JsonObject, token: str) -> Answer:
    return await receiver.post(f"/api/v1/{what}", json.dumps(fields).encode(), token)


def stored(receiver: Receiver) -> tuple[int, int]:
    """How many attestations and records there are."""
    with receiver.store() as store:
        return store.read(
            lambda tx: (
                tx.execute(select(func.count()).select_from(attestations)).scalar_one(),
                tx.execute(select(func.count()).select_from(records)).scalar_one(),
            )
        )


def posts(repository: str | None) -> dict[str, JsonObject]:
    named: JsonObject = {} if repository is None else {"repositoryFullName": repository}
    return {
        "attestations": {**named, "artifactSha256": DIGEST, "type": "TEST_RESULTS", "name": "Unit", "passed": True},
        "pipeline-runs": {**named, "workflowName": "CI"},
        "artifacts": {**named, "name": "payments", "version": "1", "sha256": DIGEST},
        "deployments": {**named, "environment": "staging", "service": "payments", "status": "SUCCESS"},
    }


# --- limits ---


async def test_a_token_posts_for_the_repositories_that_it_is_limited_to_and_for_no_other(receiver: Receiver) -> None:
    token = limited(receiver, repositories=("acme/*",))
    for repository, expected in ((MINE, {201}), (OTHERS, {403})):
        before = stored(receiver)
        for what, fields in posts(repository).items():
            answer = await post(receiver, what, fields, token)
            assert answer.status in expected, (what, answer.body)
            if answer.status == 403:
                assert answer.json["code"] == "forbidden"
                assert "repository" in answer.json["detail"]
        assert stored(receiver) == before or repository == MINE


async def test_a_post_that_names_no_repository_is_outside_of_every_limit_but_all(receiver: Receiver) -> None:
    tied, free = limited(receiver, repositories=("acme/*",)), limited(receiver, environments=("staging",))
    unnamed = posts(None)
    for what in ("attestations", "deployments"):
        assert (await post(receiver, what, unnamed[what], tied)).status == 403, what
        assert (await post(receiver, what, unnamed[what], free)).status == 201, what


async def test_a_token_deploys_the_services_and_to_the_environments_that_it_is_limited_to(receiver: Receiver) -> None:
    token = limited(receiver, services=("pay*",), environments=("staging", "test-*"))
    fields = posts(MINE)["deployments"]
    allowed = {
        ("payments", "staging"): 201,
        ("payments", "test-3"): 201,
        ("payments", "production"): 403,
        ("lending", "staging"): 403,
    }
    for (service, environment), status in allowed.items():
        answer = await post(receiver, "deployments", {**fields, "service": service, "environment": environment}, token)
        assert answer.status == status, (service, environment)
    # What names neither speaks for none.
    assert (await post(receiver, "attestations", posts(MINE)["attestations"], token)).status == 201


async def test_a_token_changes_no_run_of_a_repository_that_it_is_not_limited_to(receiver: Receiver) -> None:
    token, key = limited(receiver, repositories=("acme/*",)), receiver.token(*WRITES)
    run: JsonObject = {"repositoryFullName": OTHERS, "workflowName": "CI", "externalId": "7", "status": "QUEUED"}
    theirs = (await post(receiver, "pipeline-runs", run, key)).json["id"]
    taken_over: JsonObject = {**run, "repositoryFullName": MINE, "status": "COMPLETED"}
    beside = await post(receiver, "pipeline-runs", taken_over, token)
    assert (beside.status, beside.json["id"] != theirs) == (201, True), "a run of its own"
    before = stored(receiver)
    for change in ({"status": "COMPLETED"}, {"repositoryFullName": MINE}):
        path = f"/api/v1/pipeline-runs/{theirs}"
        assert (await receiver.ask("PUT", path, token, json.dumps(change).encode(), JSON)).status == 403
    assert stored(receiver) == before
    own = (await post(receiver, "pipeline-runs", {**taken_over, "externalId": "8", "status": "QUEUED"}, token)).json
    path = f"/api/v1/pipeline-runs/{own['id']}"
    assert (await receiver.ask("PUT", path, token, b'{"status": "IN_PROGRESS"}', JSON)).status == 200
    moved = await receiver.ask("PUT", path, token, json.dumps({"repositoryFullName": OTHERS}).encode(), JSON)
    assert moved.status == 403


async def test_a_token_corrects_no_deployment_of_a_repository_that_it_is_not_limited_to(receiver: Receiver) -> None:
    token, key = limited(receiver, repositories=("acme/*",)), receiver.token(*WRITES)
    fields: JsonObject = {**posts(OTHERS)["deployments"], "externalId": "d-1"}
    assert (await post(receiver, "deployments", fields, key)).status == 201
    before = stored(receiver)
    assert (await post(receiver, "deployments", {**fields, "repositoryFullName": MINE}, token)).status == 403
    assert stored(receiver) == before


# --- listing and revoking ---


async def test_tokens_are_listed_without_anything_that_lets_in(receiver: Receiver) -> None:
    admin, token = receiver.token(Scope.ADMIN), limited(receiver, repositories=("acme/*",))
    await Sender(receiver).join()
    answer = await receiver.get(f"{TOKENS}?limit=2", admin)
    assert answer.status == 200
    first = answer.json["items"][0]
    assert first == {
        "id": parse_token(token).token_id,
        "label": "limited",
        "kind": "API_KEY",
        "scopes": sorted(WRITES),
        "limits": {"repositories": ["acme/*"], "services": ["*"], "environments": ["*"]},
        "limitPerMinute": UNLIMITED,
        "createdAt": first["createdAt"],
        "expiresAt": first["expiresAt"],
        "lastUsedAt": None,
        "revokedAt": None,
        "reason": None,
    }
    seen, cursor = answer.json["items"], answer.json["nextCursor"]
    while cursor is not None:
        page = (await receiver.get(f"{TOKENS}?limit=2&cursor={cursor}", admin)).json
        seen, cursor = seen + page["items"], page["nextCursor"]
    # Those of the quickstart, two of this test, the invitation; no collector's hourly one.
    assert sorted(one["kind"] for one in seen) == ["API_KEY"] * 3 + ["GATE"] * 2 + ["INVITATION"]
    for secret in (token, admin, receiver.secrets.api_key):
        parsed = parse_token(secret)
        assert secret not in json.dumps(seen)
        assert parsed.digest.hex() not in json.dumps(seen)


async def test_a_revoked_token_is_401_from_its_next_request_on(receiver: Receiver) -> None:
    admin, token = receiver.token(Scope.ADMIN), receiver.token(Scope.READ)
    path = f"{TOKENS}/{parse_token(token).token_id}/revoke"
    assert (await receiver.get("/api/v1/attestations", token)).status == 200
    answer = await receiver.post(path, b'{"reason": "its owner has left"}', admin)
    assert (answer.status, answer.json["reason"]) == (200, "its owner has left")
    assert (await receiver.get("/api/v1/attestations", token)).status == 401
    again = await receiver.post(path, b'{"reason": "another"}', admin)
    assert (again.status, again.json) == (200, answer.json)
    listed = {one["id"]: one for one in (await receiver.get(TOKENS, admin)).json["items"]}
    assert listed[answer.json["id"]]["revokedAt"] == answer.json["revokedAt"]


async def test_a_revocation_says_why_and_names_a_token_that_is_here(receiver: Receiver) -> None:
    admin = receiver.token(Scope.ADMIN)
    own = parse_token(admin).token_id
    for body in (b"{}", b'{"reason": ""}', b'{"reason": "x", "since": "now"}'):
        assert (await receiver.post(f"{TOKENS}/{own}/revoke", body, admin)).status == 422
    for unknown in ("tok_unknown", "x"):
        assert (await receiver.post(f"{TOKENS}/{unknown}/revoke", b'{"reason": "x"}', admin)).status == 404
    assert (await receiver.get(TOKENS, admin)).status == 200


# --- commands ---


def run(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, JsonObject]:
    status = main([str(one) for one in words] + ["--output", "json"])
    out = capsys.readouterr().out
    return status, json.loads(out) if out else {}


async def test_the_operator_issues_lists_and_revokes_beside_a_running_receiver(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with serving(tmp_path / "data") as receiver:
        receiver.data.write_config("127.0.0.1", 0, tls=False)
        where = ("--data", receiver.data.folder)
        options = ("--scope", "read", "--scope", "artifacts:write", "--days", "7", "--per-minute", "3")
        status, made = run(capsys, "tokens", "issue", "ci of acme", *options, "--repository", "acme/*", *where)
        assert (status, sorted(made)) == (0, ["expiresAt", "id", "label", "token"])
        answer = await receiver.get("/api/v1/attestations", str(made["token"]))
        assert (answer.status, answer.headers["X-RateLimit-Limit"]) == (200, "3")
        refused = await post(receiver, "artifacts", posts(OTHERS)["artifacts"], str(made["token"]))
        assert refused.status == 403
        status, listed = run(capsys, "tokens", "list", *where)
        items = listed["items"]
        assert isinstance(items, list)
        found = next(one for one in items if isinstance(one, dict) and one["id"] == made["id"])
        assert (status, found["label"], found["revokedAt"]) == (0, "ci of acme", None)
        assert str(made["token"]) not in json.dumps(listed)
        revoke = ("tokens", "revoke", str(made["id"]), "--reason", "left")
        status, gone = run(capsys, *revoke, *where)
        assert (status, gone["reason"]) == (0, "left")
        assert (await receiver.get("/api/v1/attestations", str(made["token"]))).status == 401
        assert run(capsys, *revoke, *where) == (0, gone)
        assert run(capsys, "tokens", "revoke", "tok_x", "--reason", "x", *where)[0] == 1


async def test_a_gates_token_names_its_services_and_environments(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with serving(tmp_path / "data") as receiver:
        receiver.data.write_config("127.0.0.1", 0, tls=False)
        words = (
            "tokens",
            "issue",
            "gate",
            "--kind",
            "gate",
            "--scope",
            "gate:evaluate",
            "--data",
            receiver.data.folder,
        )
        assert run(capsys, *words)[0] == 2
        assert run(capsys, *words, "--service", "pay*")[0] == 2
        status, made = run(capsys, *words, "--service", "pay*", "--environment", "*")
        assert (status, str(made["token"])[:8]) == (0, "rp_live_")


async def test_a_second_workspace_is_made_and_served_without_a_restart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with serving(tmp_path / "data") as receiver:
        receiver.data.write_config("127.0.0.1", 0, tls=False)
        where, root = ("--data", receiver.data.folder), tmp_path / "second.root.key"
        status, made = run(capsys, "workspaces", "create", "second", "--root-key", root, *where)
        assert (status, made["name"], made["receiver"]) == (0, "second", receiver.names.receiver)
        assert root.stat().st_mode & 0o777 == 0o600
        status, listed = run(capsys, "workspaces", "list", *where)
        items = listed["items"]
        assert isinstance(items, list)
        assert [one["id"] for one in items if isinstance(one, dict)] == [receiver.names.workspace, made["id"]]
        issue = ("tokens", "issue", "its own", "--scope", "admin", *where)
        assert run(capsys, *issue)[0] == 1  # which workspace has to be said now
        _, token = run(capsys, *issue, "--workspace", str(made["id"]))
        answer = await post(receiver, "attestations", posts(MINE)["attestations"], str(token["token"]))
        assert answer.status == 201
        assert (await receiver.get("/readyz")).status == 200
        assert run(capsys, "fsck", "--refill", *where) == (0, {"findings": []})
