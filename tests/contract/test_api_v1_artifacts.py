"""Artifacts over HTTP: known by their digest, corrected and never lost, shown with everything that touches them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from receiver import fsck
from receiver.core.tokens import Scope
from tests.helpers.databases import Databases, refused_before
from tests.helpers.posting import (
    COMMIT,
    DIGEST,
    OTHER_COMMIT,
    OTHER_DIGEST,
    REPOSITORY,
    Api,
    api,
    refused_field,
    stranger,
)
from tests.helpers.receiving import Receiver, serving

ARTIFACTS = "/artifacts"
PLAIN = {"name": "payments-api", "sha256": DIGEST}
FULL = PLAIN | {
    "repositoryFullName": REPOSITORY,
    "version": "2.1.0",
    "artifactType": "docker-image",
    "commitSha": COMMIT,
    "branch": "main",
    "registry": "registry.example.org/payments-api",
    "prNumber": 42,
    "source": "github",
    "ciContext": {
        "provider": "github-actions",
        "buildUrl": "https://ci.example.org/runs/77",
        "buildId": "77",
        "triggeredBy": "octocat",
        "attempt": 2,
    },
}


@pytest.fixture
async def receiver(tmp_path: Path, databases: Databases) -> AsyncIterator[Receiver]:
    async with serving(tmp_path / "data", databases=databases) as running:
        yield running
        with running.store() as store:
            assert fsck.check(store) == []


@pytest.fixture
def ci(receiver: Receiver) -> Api:
    return api(receiver, Scope.ARTIFACTS_WRITE, Scope.READ)


@pytest.fixture
def admin(receiver: Receiver) -> Api:
    return api(receiver, Scope.ADMIN)


async def test_every_field_of_an_artifact_is_kept_and_answered(ci: Api) -> None:
    made = await ci.made(ARTIFACTS, FULL)
    shown = await ci.shown(f"{ARTIFACTS}/{made['id']}")
    assert {name: shown[name] for name in FULL} == FULL
    assert shown["digest"] == f"sha256:{DIGEST}"
    assert made.items() >= {name: value for name, value in shown.items() if name != "provenance"}.items()


async def test_other_names_and_cases_are_taken(ci: Api) -> None:
    said = {
        "repositoryName": REPOSITORY,
        "name": "payments-api",
        "tag": "2.1.0",
        "sha256": f"SHA256:{DIGEST.upper()}",
        "artifactType": "DOCKER_IMAGE",
        "commitSha": "unknown",
    }
    made = await ci.made(ARTIFACTS, said)
    assert (made["repositoryFullName"], made["version"]) == (REPOSITORY, "2.1.0")
    assert (made["sha256"], made["digest"]) == (DIGEST, f"sha256:{DIGEST}")
    assert made["artifactType"] == "docker-image"
    assert not {"commitSha", "tag", "repositoryName", "artifactTypeLabel"} & made.keys()


@pytest.mark.parametrize("kind", ["docker-image", "binary", "archive", "package", "chart", "sbom", "other"])
async def test_a_type_of_the_list_is_kept(ci: Api, kind: str) -> None:
    made = await ci.made(ARTIFACTS, PLAIN | {"artifactType": kind.upper()})
    assert made["artifactType"] == kind
    assert "artifactTypeLabel" not in made


async def test_any_other_type_is_kept_as_other_with_its_label(ci: Api) -> None:
    made = await ci.made(ARTIFACTS, PLAIN | {"artifactType": "Firmware Blob"})
    assert (made["artifactType"], made["artifactTypeLabel"]) == ("other", "Firmware Blob")


@refused_before
@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("sha256", {"sha256": None}),
        ("sha256", {"sha256": "a1b2c3d4..."}),
        ("sha256", {"sha256": DIGEST[:63]}),
        ("sha256", {"sha256": "0" * 64}),
        ("sha256", {"sha256": f"sha512:{DIGEST}"}),
        ("name", {"name": None}),
        ("name", {"name": "a\nb"}),
        ("commitSha", {"commitSha": "abc123"}),
        ("tag", {"version": "1", "tag": "2"}),
        ("repositoryName", {"repositoryFullName": "a/b", "repositoryName": "a/c"}),
        ("ciContext.buildUrl", {"ciContext": {"buildUrl": 7}}),
        ("ciContext", {"ciContext": "github"}),
        ("prNumber", {"prNumber": -1}),
        ("digest", {"digest": DIGEST}),
        ("metadata", {"metadata": {}}),
    ],
)
async def test_a_wrong_field_is_refused_by_its_name(ci: Api, field: str, change: dict[str, object]) -> None:
    said = {name: value for name, value in (PLAIN | change).items() if value is not None}
    assert refused_field(await ci.post(ARTIFACTS, said)) == field
    assert await ci.listed(ARTIFACTS) == []


async def test_the_same_artifact_again_is_what_is_there(ci: Api) -> None:
    made = await ci.made(ARTIFACTS, FULL)
    again = await ci.made(ARTIFACTS, FULL | {"sha256": f"sha256:{DIGEST.upper()}"}, status=200)
    assert again == made
    assert len(await ci.listed(ARTIFACTS)) == 1


async def test_other_content_is_a_correction_and_both_are_kept(ci: Api) -> None:
    made = await ci.made(ARTIFACTS, FULL)
    corrected = await ci.made(ARTIFACTS, FULL | {"branch": "release"})
    assert corrected["id"] != made["id"]
    assert corrected["supersedes"] == made["id"]
    before = await ci.shown(f"{ARTIFACTS}/{made['id']}")
    assert (before["supersededBy"], before["branch"]) == (corrected["id"], "main")
    assert (await ci.shown(ARTIFACTS, sha256=DIGEST))["artifact"]["id"] == corrected["id"]
    assert (await ci.shown(f"{ARTIFACTS}/{DIGEST}"))["id"] == corrected["id"]
    signed = await ci.shown(f"/attestations/{corrected['attestationId']}")
    assert signed["predicate"]["supersedes"] == made["attestationId"]


@pytest.mark.parametrize(
    "change",
    [
        {"sha256": OTHER_DIGEST},
        {"repositoryFullName": "acme/x"},
        {"name": "x"},
        {"version": "3"},
        {"commitSha": OTHER_COMMIT},
    ],
    ids=["digest", "repository", "name", "version", "commit"],
)
async def test_what_names_an_artifact_makes_another_one(ci: Api, change: dict[str, object]) -> None:
    made = await ci.made(ARTIFACTS, FULL)
    other = await ci.made(ARTIFACTS, FULL | change)
    assert (other["supersedes"], other["id"] == made["id"]) == (None, False)


async def test_artifacts_are_listed_by_what_they_say(ci: Api) -> None:
    mine = await ci.made(ARTIFACTS, FULL)
    other = await ci.made(ARTIFACTS, {"name": "cli", "sha256": OTHER_DIGEST, "artifactType": "binary"})
    queries: list[tuple[dict[str, str], list[str]]] = [
        ({}, [other["id"], mine["id"]]),
        ({"sha256": f"SHA256:{DIGEST.upper()}"}, [mine["id"]]),
        ({"repository": REPOSITORY}, [mine["id"]]),
        ({"name": "cli"}, [other["id"]]),
        ({"commit": COMMIT}, [mine["id"]]),
        ({"pr": "42"}, [mine["id"]]),
        ({"type": "BINARY"}, [other["id"]]),
        ({"since": other["receivedAt"]}, [other["id"]]),
        ({"until": other["receivedAt"]}, [mine["id"]]),
    ]
    for query, expected in queries:
        assert [one["id"] for one in await ci.listed(ARTIFACTS, **query)] == expected, query


async def test_asked_for_by_digest_the_list_names_the_artifact_beside_it(ci: Api) -> None:
    assert "artifact" not in await ci.shown(ARTIFACTS, sha256=DIGEST)
    made = await ci.made(ARTIFACTS, FULL)
    found = await ci.shown(ARTIFACTS, sha256=f"sha256:{DIGEST}")
    assert found["artifact"] == found["items"][0]
    assert (found["artifact"]["id"], found["artifact"]["digest"]) == (made["id"], f"sha256:{DIGEST}")
    assert "artifact" not in await ci.shown(ARTIFACTS)


@pytest.mark.parametrize("spelled", [DIGEST, f"sha256:{DIGEST}", f"SHA256:{DIGEST.upper()}"])
async def test_an_artifact_is_read_by_its_digest_too(ci: Api, spelled: str) -> None:
    made = await ci.made(ARTIFACTS, FULL)
    assert (await ci.shown(f"{ARTIFACTS}/{spelled}"))["id"] == made["id"]


@pytest.mark.parametrize("artifact_id", ["art_nothing", OTHER_DIGEST, "sha256:" + "0" * 64, "%00", "run_a"])
async def test_an_artifact_that_is_not_there_is_not_found(ci: Api, artifact_id: str) -> None:
    await ci.made(ARTIFACTS, FULL)
    assert (await ci.get(f"{ARTIFACTS}/{artifact_id}")).status == 404


async def test_an_artifact_is_shown_with_everything_that_touches_its_digest(admin: Api) -> None:
    run = await admin.made(
        "/pipeline-runs", {"workflowName": "CI", "headSha": COMMIT, "repositoryFullName": REPOSITORY}
    )
    tests = await admin.made(
        "/attestations",
        {
            "repositoryFullName": REPOSITORY,
            "commitSha": COMMIT,
            "prNumber": 42,
            "type": "TEST_RESULTS",
            "name": "U",
            "passed": True,
        },
    )
    scan = await admin.made(
        "/attestations",
        {"artifactSha256": DIGEST, "type": "SECURITY_SCAN", "name": "S", "passed": True, "evidence": {"critical": 1}},
    )
    review = await admin.made(
        "/attestations",
        {"repositoryFullName": REPOSITORY, "prNumber": 42, "type": "CODE_REVIEW", "name": "R", "passed": True},
    )
    deployment = await admin.made(
        "/deployments", {"environment": "production", "status": "SUCCESS", "artifactSha256": DIGEST}
    )
    made = await admin.made(ARTIFACTS, FULL)
    sibling = await admin.made(ARTIFACTS, FULL | {"sha256": OTHER_DIGEST})
    await admin.made("/deployments", {"environment": "production", "status": "SUCCESS", "artifactSha256": OTHER_DIGEST})
    found = (await admin.shown(f"{ARTIFACTS}/{made['id']}"))["provenance"]
    assert [one["id"] for one in found["runs"]["items"]] == [run["id"]]
    assert {one["id"]: one["linkedBy"] for one in found["attestations"]["items"]} == {
        tests["id"]: [COMMIT],
        scan["id"]: [f"sha256:{DIGEST}"],
        review["id"]: [f"{REPOSITORY}#42"],
    }
    assert [one["id"] for one in found["deployments"]["items"]] == [deployment["id"]]
    assert [one["id"] for one in found["artifacts"]["items"]] == [made["id"]]
    assert sibling["id"] not in str(found)
    assert [one["commitSha"] for one in found["commits"]] == [COMMIT]
    assert [(one["repositoryFullName"], one["prNumber"]) for one in found["pullRequests"]] == [(REPOSITORY, 42)]
    assert {(one["against"], one["kind"]) for one in found["contradictions"]} == {
        (scan["id"], "passed_with_failures"),
        (deployment["id"], "not_built"),
    }
    everything = (found["runs"], found["attestations"], found["artifacts"], found["deployments"])
    assert all(one["saidBy"]["kind"] == "token" for part in everything for one in part["items"])
    assert [part["leftOut"] for part in everything] == [0, 0, 0, 0]


async def test_a_long_list_says_how_many_it_leaves_out(admin: Api) -> None:
    made = await admin.made(ARTIFACTS, FULL)
    for n in range(55):
        await admin.made("/deployments", {"environment": f"e{n}", "status": "SUCCESS", "artifactSha256": DIGEST})
    found = (await admin.shown(f"{ARTIFACTS}/{made['id']}"))["provenance"]["deployments"]
    assert (len(found["items"]), found["leftOut"]) == (50, 5)
    assert found["items"][0]["environment"] == "e54"


async def test_another_workspace_sees_nothing(receiver: Receiver, ci: Api) -> None:
    made = await ci.made(ARTIFACTS, FULL)
    other = stranger(receiver)
    assert await other.listed(ARTIFACTS) == []
    assert "artifact" not in await other.shown(ARTIFACTS, sha256=DIGEST)
    for name in (made["id"], DIGEST):
        assert (await other.get(f"{ARTIFACTS}/{name}")).status == 404
    theirs = await other.made(ARTIFACTS, FULL)
    found = await ci.shown(f"{ARTIFACTS}/{DIGEST}")
    assert found["id"] == made["id"] != theirs["id"]
    assert len(found["provenance"]["artifacts"]["items"]) == 1


async def test_only_its_scope_writes(receiver: Receiver) -> None:
    for scope in (Scope.READ, Scope.PIPELINES_WRITE, Scope.DEPLOYMENTS_WRITE, Scope.ATTESTATIONS_WRITE):
        assert (await api(receiver, scope).post(ARTIFACTS, PLAIN)).status == 403
    writer = api(receiver, Scope.ARTIFACTS_WRITE)
    assert (await writer.post(ARTIFACTS, PLAIN)).status == 201
    assert (await writer.get(ARTIFACTS)).status == 403


async def test_duplicates_at_once_make_one_artifact(ci: Api) -> None:
    answers = await ci.at_once(32, ARTIFACTS, FULL)
    assert sorted(one.status for one in answers) == [200] * 31 + [201]
    assert all(one.json == answers[0].json for one in answers)
    assert len(await ci.listed(ARTIFACTS)) == 1


async def test_an_idempotency_key_stands_for_one_artifact(ci: Api) -> None:
    first, again = await ci.post(ARTIFACTS, FULL, once="k"), await ci.post(ARTIFACTS, FULL, once="k")
    other = await ci.post(ARTIFACTS, PLAIN, once="k")
    assert (first.status, again.status, other.status) == (201, 201, 422)
    assert again.body == first.body
    assert again.headers["Idempotent-Replay"] == "true"
    assert len(await ci.listed(ARTIFACTS)) == 1
