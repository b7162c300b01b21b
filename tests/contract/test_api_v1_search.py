"""Search over HTTP: everything hangs together by digests and commits, in both directions, whichever came first."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from receiver import fsck
from receiver.core.tokens import Scope
from tests.helpers import build
from tests.helpers.databases import Databases
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
from tests.helpers.receiving import Receiver, Sender, serving

RUN: dict[str, object] = {"workflowName": "CI", "headSha": COMMIT, "repositoryFullName": REPOSITORY, "prNumber": 42}
TESTS: dict[str, object] = {
    "repositoryFullName": REPOSITORY,
    "commitSha": COMMIT,
    "type": "TEST_RESULTS",
    "name": "U",
    "passed": True,
}
PARTS: dict[str, object] = {
    "artifactSha256": DIGEST,
    "type": "SBOM",
    "name": "Parts",
    "passed": True,
    "evidence": {"components": ["pkg:pypi/aiohttp@3.11", "pkg:pypi/yarl@1.18"]},
}
ARTIFACT: dict[str, object] = {
    "name": "payments-api",
    "sha256": DIGEST,
    "commitSha": COMMIT,
    "repositoryFullName": REPOSITORY,
}
DEPLOYMENT: dict[str, object] = {"environment": "production", "status": "SUCCESS", "artifactSha256": DIGEST}
POSTS: dict[str, tuple[str, dict[str, object]]] = {
    "run": ("/pipeline-runs", RUN),
    "tests": ("/attestations", TESTS),
    "parts": ("/attestations", PARTS),
    "artifact": ("/artifacts", ARTIFACT),
    "deployment": ("/deployments", DEPLOYMENT),
}


@pytest.fixture
async def receiver(tmp_path: Path, databases: Databases) -> AsyncIterator[Receiver]:
    async with serving(tmp_path / "data", databases=databases) as running:
        yield running
        with running.store() as store:
            assert fsck.check(store) == []


@pytest.fixture
def admin(receiver: Receiver) -> Api:
    return api(receiver, Scope.ADMIN)


async def post_all(admin: Api, order: tuple[str, ...] = tuple(POSTS)) -> dict[str, str]:
    """Post one of each; gives their ids by name."""
    return {name: (await admin.made(*POSTS[name]))["id"] for name in order}


def ids(found: dict[str, Any]) -> set[str]:
    """The ids of everything that was found."""
    kinds = ("runs", "attestations", "artifacts", "deployments")
    return {one["id"] for kind in kinds for one in found[kind]["items"]}


WAYS = [
    (DIGEST, ["digest"]),
    (DIGEST.upper(), ["digest"]),
    (f"sha256:{DIGEST}", ["digest"]),
    (DIGEST[:7], ["digest"]),
    (DIGEST[:12], ["digest"]),
    (COMMIT, ["commit"]),
    (COMMIT[:7], ["commit"]),
    (COMMIT[:11].upper(), ["commit"]),
    ("42", ["pullRequest"]),
    ("#42", ["pullRequest"]),
    (f"{REPOSITORY}#42", ["pullRequest"]),
    ("payments-api", ["artifact"]),
    ("pkg:pypi/aiohttp@3.11", ["component"]),
]


@pytest.mark.parametrize(("text", "matched"), WAYS, ids=[one[0][:20] for one in WAYS])
async def test_whatever_names_it_the_whole_neighbourhood_is_answered(admin: Api, text: str, matched: list[str]) -> None:
    made = await post_all(admin)
    await admin.made("/artifacts", {"name": "other", "sha256": OTHER_DIGEST, "commitSha": OTHER_COMMIT})
    found = await admin.shown("/search", q=text)
    assert found["matched"] == matched
    assert ids(found) == set(made.values())
    assert [one["commitSha"] for one in found["commits"]] == [COMMIT]
    assert [one["digest"] for one in found["digests"]] == [f"sha256:{DIGEST}"]
    assert [(one["repositoryFullName"], one["prNumber"]) for one in found["pullRequests"]] == [(REPOSITORY, 42)]


@pytest.mark.parametrize("name", POSTS)
async def test_the_id_of_anything_names_it(admin: Api, name: str) -> None:
    made = await post_all(admin)
    found = await admin.shown("/search", q=made[name])
    kinds = {"run": "pipeline-run", "tests": "attestation", "parts": "attestation"}
    assert found["matched"] == [kinds.get(name, name)]
    assert ids(found) == set(made.values())


async def test_a_repository_names_what_is_of_it(admin: Api) -> None:
    made = await post_all(admin)
    found = await admin.shown("/search", q=REPOSITORY)
    assert found["matched"] == ["repository"]
    assert ids(found) == {made["run"], made["tests"], made["artifact"]}


@pytest.mark.parametrize(
    "order", [tuple(POSTS), tuple(POSTS)[::-1], ("deployment", "tests", "artifact", "parts", "run")]
)
async def test_evidence_binds_to_its_artifact_whichever_came_first(admin: Api, order: tuple[str, ...]) -> None:
    made = await post_all(admin, order)
    assert ids(await admin.shown("/search", q=DIGEST)) == set(made.values())
    assert ids((await admin.shown(f"/artifacts/{made['artifact']}"))["provenance"]) == set(made.values())


async def test_an_abbreviated_commit_is_found_and_links_nothing(admin: Api) -> None:
    short = await admin.made("/pipeline-runs", {"workflowName": "CI", "headSha": COMMIT[:9]})
    await admin.made("/artifacts", ARTIFACT)
    assert short["id"] not in ids(await admin.shown("/search", q=DIGEST))
    assert short["id"] in ids(await admin.shown("/search", q=COMMIT[:9]))
    assert short["id"] not in ids(await admin.shown("/search", q=COMMIT))


async def test_digits_that_begin_a_digest_and_a_commit_name_both(admin: Api) -> None:
    commit = DIGEST[:8] + "0" * 31 + "1"
    one = await admin.made("/artifacts", {"name": "a", "sha256": DIGEST})
    two = await admin.made("/pipeline-runs", {"workflowName": "CI", "headSha": commit})
    found = await admin.shown("/search", q=DIGEST[:8])
    assert set(found["matched"]) == {"digest", "commit"}
    assert ids(found) == {one["id"], two["id"]}


async def test_a_pull_request_of_two_repositories_is_told_apart_by_its_repository(admin: Api) -> None:
    mine = await admin.made("/pipeline-runs", RUN)
    other = await admin.made("/pipeline-runs", RUN | {"repositoryFullName": "acme/other", "headSha": OTHER_COMMIT})
    assert ids(await admin.shown("/search", q="#42")) == {mine["id"], other["id"]}
    assert ids(await admin.shown("/search", q="acme/other#42")) == {other["id"]}


async def test_what_a_collector_signed_is_found_beside_what_was_posted_and_says_who_says_so(
    receiver: Receiver, admin: Api
) -> None:
    sender = await Sender(receiver).join()
    entries = sender.capture(1)
    assert (await sender.deliver(entries)).json["accepted"] == 1
    run = await admin.made("/pipeline-runs", {"workflowName": "CI", "headSha": build.COMMIT})
    found = await admin.shown("/search", q=build.COMMIT)
    (signed,) = found["attestations"]["items"]
    assert signed["saidBy"] == {"kind": "collector", "id": sender.id}
    assert signed["linkedBy"][0] == build.COMMIT
    assert [one["id"] for one in found["runs"]["items"]] == [run["id"]]
    assert {one["kind"] for one in found["commits"][0]["saidBy"]} == {"collector", "token"}


@pytest.mark.parametrize(
    "text", ["nothing", "deadbeef", "0" * 64, "#7", "art_none", "acme/none", "sha256:deadbee", "%", "'", "*"]
)
async def test_what_is_not_known_gives_empty_lists(admin: Api, text: str) -> None:
    await post_all(admin)
    found = await admin.shown("/search", q=text)
    assert (found["matched"], ids(found), found["contradictions"]) == ([], set(), [])
    assert (found["pullRequests"], found["commits"], found["digests"]) == ([], [], [])


@pytest.mark.parametrize("text", ["abc123", "9f3c8b", "4", "-42", "042"])
async def test_too_few_digits_begin_nothing(admin: Api, text: str) -> None:
    await post_all(admin)
    assert ids(await admin.shown("/search", q=text)) == set()


async def test_a_search_needs_a_text(admin: Api) -> None:
    assert refused_field(await admin.get("/search")) == "q"
    assert refused_field(await admin.get("/search", q="")) == "q"
    assert refused_field(await admin.get("/search", q="a\x00b")) == "q"
    assert refused_field(await admin.get("/search", q="a" * 2_001)) == "q"
    assert refused_field(await admin.get("/search", q="a", limit="5")) == "limit"


async def test_a_hot_commit_gives_its_newest_and_says_how_many_it_leaves_out(admin: Api) -> None:
    made = [(await admin.made("/attestations", TESTS | {"name": f"T{n}"}))["id"] for n in range(60)]
    found = (await admin.shown("/search", q=COMMIT))["attestations"]
    assert [one["id"] for one in found["items"]] == made[:9:-1]
    assert found["leftOut"] == 10


async def test_what_contradicts_each_other_is_shown_with_what_it_speaks_against(admin: Api) -> None:
    failed = await admin.made("/attestations", TESTS | {"evidence": {"failed": 4}})
    deployment = await admin.made("/deployments", DEPLOYMENT | {"commitSha": COMMIT})
    found = await admin.shown("/search", q=COMMIT)
    assert {(one["against"], one["kind"]) for one in found["contradictions"]} == {
        (failed["id"], "passed_with_failures"),
        (deployment["id"], "not_built"),
    }


async def test_another_workspace_finds_nothing(receiver: Receiver, admin: Api) -> None:
    made = await post_all(admin)
    other = stranger(receiver)
    for text in (DIGEST, DIGEST[:8], COMMIT, "42", REPOSITORY, "payments-api", "pkg:pypi/aiohttp@3.11", *made.values()):
        found = await other.shown("/search", q=text)
        assert (found["matched"], ids(found)) == ([], set()), text


async def test_searching_needs_the_scope_to_read(receiver: Receiver) -> None:
    assert (await api(receiver, Scope.ARTIFACTS_WRITE).get("/search", q="a")).status == 403
