"""Deployments and environments over HTTP: what went where, what was announced, and what is missing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from receiver import fsck
from receiver.core.tokens import Scope
from tests.helpers.databases import Databases, refused_before
from tests.helpers.posting import COMMIT, DIGEST, OTHER_DIGEST, REPOSITORY, Api, Fields, api, refused_field, stranger
from tests.helpers.receiving import Receiver, serving

DEPLOYMENTS, ENVIRONMENTS = "/deployments", "/environments"
LONG_AGO, FAR_AWAY = "2020-01-01T00:00:00.000000Z", "2199-01-01T00:00:00.000000Z"
PLAIN = {"environment": "production", "status": "SUCCESS"}
FULL = PLAIN | {
    "environmentType": "production",
    "service": "payments-api",
    "namespace": "pay",
    "artifactSha256": DIGEST,
    "repositoryFullName": REPOSITORY,
    "commitSha": COMMIT,
    "ref": "refs/tags/2.1.0",
    "deployedBy": "octocat",
    "externalId": "d-77",
    "description": "release of the week",
    "startedAt": "2026-03-02T17:00:00.000000Z",
    "completedAt": "2026-03-02T17:00:41.500000Z",
    "passportId": "pp_01",
    "source": "argo",
    "ciContext": {"provider": "argo", "wave": 3},
    "metadata": {"cluster": {"name": "eu-1"}, "replicas": 3},
}
EXPECTED = PLAIN | {"status": "EXPECTED", "service": "payments-api", "completedAt": LONG_AGO}


@pytest.fixture
async def receiver(tmp_path: Path, databases: Databases) -> AsyncIterator[Receiver]:
    async with serving(tmp_path / "data", databases=databases) as running:
        yield running
        with running.store() as store:
            assert fsck.check(store) == []


@pytest.fixture
def ci(receiver: Receiver) -> Api:
    return api(receiver, Scope.DEPLOYMENTS_WRITE, Scope.ARTIFACTS_WRITE, Scope.READ)


async def missing(ci: Api) -> list[str]:
    return [one["id"] for one in await ci.listed(DEPLOYMENTS, missing="true")]


async def placed(ci: Api, environment: str = "production") -> dict[str | None, str | None]:
    """What is deployed in an environment now, by service: the digest."""
    found = await ci.shown(f"{ENVIRONMENTS}/{environment}")
    return {one["service"]: one["deployed"] and one["deployed"].get("artifactSha256") for one in found["services"]}


async def test_every_field_of_a_deployment_is_kept_and_answered(ci: Api) -> None:
    made = await ci.made(DEPLOYMENTS, FULL)
    shown = await ci.shown(f"{DEPLOYMENTS}/{made['id']}")
    assert {name: shown[name] for name in FULL} == FULL
    assert shown["missing"] is False
    assert made.items() >= shown.items()
    assert await ci.listed(DEPLOYMENTS) == [shown]


async def test_other_names_and_cases_are_taken(ci: Api) -> None:
    said = {
        "environmentName": "staging",
        "repositoryName": REPOSITORY,
        "status": "in_progress",
        "artifactSha256": f"SHA256:{DIGEST.upper()}",
        "commitSha": "UNKNOWN",
    }
    made = await ci.made(DEPLOYMENTS, said)
    assert (made["environment"], made["status"], made["repositoryFullName"]) == ("staging", "IN_PROGRESS", REPOSITORY)
    assert made["artifactSha256"] == DIGEST
    assert not {"environmentName", "repositoryName", "commitSha"} & made.keys()


@refused_before
@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("environment", {"environment": None}),
        ("environment", {"environment": ""}),
        ("environmentName", {"environmentName": "staging"}),
        ("repositoryName", {"repositoryFullName": "a/b", "repositoryName": "a/c"}),
        ("status", {"status": None}),
        ("status", {"status": "DEPLOYED"}),
        ("artifactSha256", {"artifactSha256": "a1b2c3d4..."}),
        ("artifactSha256", {"artifactSha256": "0" * 64}),
        ("commitSha", {"commitSha": "abc123"}),
        ("startedAt", {"startedAt": "17:00"}),
        ("metadata", {"metadata": ["a"]}),
        ("ciContext", {"ciContext": 1}),
        ("ciContext.provider", {"ciContext": {"provider": ""}}),
        ("service", {"service": 5}),
        ("authorized", {"authorized": True}),
    ],
)
async def test_a_wrong_field_is_refused_by_its_name(ci: Api, field: str, change: dict[str, object]) -> None:
    said = {name: value for name, value in (PLAIN | change).items() if value is not None}
    assert refused_field(await ci.post(DEPLOYMENTS, said)) == field
    assert await ci.listed(DEPLOYMENTS) == []


async def test_with_an_external_id_the_same_is_there_and_other_content_corrects_it(ci: Api) -> None:
    made = await ci.made(DEPLOYMENTS, FULL | {"status": "IN_PROGRESS"})
    again = await ci.made(DEPLOYMENTS, FULL | {"status": "in_progress"}, status=200)
    after = await ci.made(DEPLOYMENTS, FULL)
    assert again == made
    assert after["supersedes"] == made["id"]
    assert (await ci.shown(f"{DEPLOYMENTS}/{made['id']}"))["supersededBy"] == after["id"]
    assert [one["id"] for one in await ci.listed(DEPLOYMENTS)] == [after["id"], made["id"]]


async def test_without_an_external_id_each_is_one_of_its_own(ci: Api) -> None:
    first, second = await ci.made(DEPLOYMENTS, PLAIN), await ci.made(DEPLOYMENTS, PLAIN)
    assert first["id"] != second["id"]


async def test_a_digest_that_nobody_built_speaks_against_its_deployment(ci: Api) -> None:
    made = await ci.made(DEPLOYMENTS, PLAIN | {"artifactSha256": DIGEST})
    assert [one["kind"] for one in made["contradictions"]] == ["not_built"]
    await ci.made("/artifacts", {"name": "payments-api", "sha256": OTHER_DIGEST})
    built = await ci.made(DEPLOYMENTS, PLAIN | {"artifactSha256": OTHER_DIGEST})
    assert built["contradictions"] == []


async def test_a_deployment_without_a_digest_is_held_against_nothing(ci: Api) -> None:
    for said in (PLAIN, PLAIN | {"commitSha": COMMIT}, PLAIN | {"commitSha": COMMIT[:9], "repositoryName": REPOSITORY}):
        assert (await ci.made(DEPLOYMENTS, said))["contradictions"] == []


async def test_deployments_are_listed_by_what_they_say(ci: Api) -> None:
    mine = await ci.made(DEPLOYMENTS, FULL)
    other = await ci.made(DEPLOYMENTS, {"environment": "staging", "status": "failure"})
    queries: list[tuple[dict[str, str], list[str]]] = [
        ({}, [other["id"], mine["id"]]),
        ({"environment": "staging"}, [other["id"]]),
        ({"service": "payments-api"}, [mine["id"]]),
        ({"status": "failure"}, [other["id"]]),
        ({"repository": REPOSITORY}, [mine["id"]]),
        ({"commit": COMMIT}, [mine["id"]]),
        ({"artifact": f"sha256:{DIGEST}"}, [mine["id"]]),
        ({"since": other["receivedAt"]}, [other["id"]]),
        ({"until": other["receivedAt"]}, [mine["id"]]),
        ({"missing": "false"}, [other["id"], mine["id"]]),
    ]
    for query, expected in queries:
        assert [one["id"] for one in await ci.listed(DEPLOYMENTS, **query)] == expected, query


# --- announced --------------------------------------------------------------------------------------------------------


async def test_what_was_announced_and_never_came_is_missing(ci: Api) -> None:
    made = await ci.made(DEPLOYMENTS, EXPECTED)
    assert made["missing"] is True
    assert made["expectedUntil"] == LONG_AGO
    assert await missing(ci) == [made["id"]]
    found = await ci.shown(f"{ENVIRONMENTS}/production")
    assert [one["id"] for one in found["missing"]] == [made["id"]]
    assert found["services"][0]["deployed"] is None


@pytest.mark.parametrize(
    ("said", "until", "is_missing"),
    [
        ({"completedAt": FAR_AWAY}, FAR_AWAY, False),
        ({"completedAt": None, "startedAt": LONG_AGO}, "2020-01-02T00:00:00.000000Z", True),
        ({"completedAt": None, "startedAt": FAR_AWAY}, "2199-01-02T00:00:00.000000Z", False),
        ({"completedAt": None, "startedAt": "9999-12-31T23:00:00Z"}, "9999-12-31T23:59:59.999999Z", False),
    ],
    ids=["until it was to be done", "a day from its start", "a day from a start to come", "the end of time"],
)
async def test_it_is_awaited_as_long_as_it_says(ci: Api, said: Fields, until: str, *, is_missing: bool) -> None:
    fields = {name: value for name, value in {**EXPECTED, **said}.items() if value is not None}
    made = await ci.made(DEPLOYMENTS, fields)
    assert (made["expectedUntil"], made["missing"]) == (until, is_missing)
    assert await missing(ci) == ([made["id"]] if is_missing else [])


async def test_without_a_time_it_is_awaited_for_a_day(ci: Api) -> None:
    made = await ci.made(DEPLOYMENTS, PLAIN | {"status": "expected"})
    assert made["missing"] is False
    assert made["expectedUntil"][:10] > made["receivedAt"][:10]


COMES: list[tuple[str, dict[str, Any], dict[str, Any], bool]] = [
    ("it succeeded", {}, {}, True),
    ("it failed, so it came", {}, {"status": "FAILURE"}, True),
    ("it has begun", {}, {"status": "IN_PROGRESS"}, True),
    ("it is of a namespace that was not said", {}, {"namespace": "pay"}, True),
    ("it is of the artifact that was said", {"artifactSha256": DIGEST}, {"artifactSha256": DIGEST}, True),
    ("nothing was announced but the environment", {"service": None}, {}, True),
    ("it is announced once more", {}, {"status": "EXPECTED", "completedAt": FAR_AWAY}, False),
    ("something is taken away", {}, {"status": "INACTIVE"}, False),
    ("it went elsewhere", {}, {"environment": "staging"}, False),
    ("it is of another service", {}, {"service": "other"}, False),
    ("it is of another namespace", {"namespace": "pay"}, {"namespace": "sell"}, False),
    ("it is of another artifact", {"artifactSha256": DIGEST}, {"artifactSha256": OTHER_DIGEST}, False),
    ("it is of no artifact", {"artifactSha256": DIGEST}, {}, False),
]


@pytest.mark.parametrize(("announced", "came", "followed"), [row[1:] for row in COMES], ids=[row[0] for row in COMES])
async def test_a_deployment_is_the_announced_one_by_all_that_was_announced(
    ci: Api, announced: dict[str, Any], came: dict[str, Any], *, followed: bool
) -> None:
    fields = {name: value for name, value in (EXPECTED | announced).items() if value is not None}
    made = await ci.made(DEPLOYMENTS, fields)
    await ci.made(DEPLOYMENTS, PLAIN | {"service": "payments-api"} | came)
    assert (await missing(ci) == []) is followed
    assert (await ci.shown(f"{DEPLOYMENTS}/{made['id']}"))["missing"] is not followed


async def test_a_deployment_that_came_before_its_announcement_is_not_it(ci: Api) -> None:
    await ci.made(DEPLOYMENTS, PLAIN | {"service": "payments-api"})
    made = await ci.made(DEPLOYMENTS, EXPECTED)
    assert await missing(ci) == [made["id"]]


async def test_an_announcement_that_is_corrected_is_not_awaited_any_more(ci: Api) -> None:
    made = await ci.made(DEPLOYMENTS, EXPECTED | {"externalId": "d-1"})
    after = await ci.made(DEPLOYMENTS, EXPECTED | {"externalId": "d-1", "completedAt": FAR_AWAY})
    assert after["supersedes"] == made["id"]
    assert await missing(ci) == []


# --- environments -----------------------------------------------------------------------------------------------------


async def test_an_environment_shows_what_is_there_now(ci: Api) -> None:
    await ci.made(DEPLOYMENTS, PLAIN | {"service": "a", "artifactSha256": DIGEST, "environmentType": "prod"})
    await ci.made(DEPLOYMENTS, PLAIN | {"service": "a", "artifactSha256": OTHER_DIGEST, "status": "FAILURE"})
    await ci.made(DEPLOYMENTS, PLAIN | {"service": "b", "artifactSha256": OTHER_DIGEST})
    await ci.made(DEPLOYMENTS, PLAIN)
    await ci.made(DEPLOYMENTS, PLAIN | {"environment": "staging", "service": "a", "artifactSha256": OTHER_DIGEST})
    assert await placed(ci) == {None: None, "a": DIGEST, "b": OTHER_DIGEST}
    found = await ci.shown(f"{ENVIRONMENTS}/production")
    assert (found["id"], found["name"], found["environmentType"]) == ("production", "production", "prod")
    assert (len(found["lastDeployments"]), found["servicesLeftOut"], found["missing"]) == (4, 0, [])


async def test_what_was_made_inactive_or_corrected_is_not_there(ci: Api) -> None:
    old, new = {"service": "a", "artifactSha256": DIGEST}, {"service": "a", "artifactSha256": OTHER_DIGEST}
    await ci.made(DEPLOYMENTS, PLAIN | old)
    await ci.made(DEPLOYMENTS, PLAIN | new | {"externalId": "1"})
    await ci.made(DEPLOYMENTS, PLAIN | old | {"status": "INACTIVE"})
    assert await placed(ci) == {"a": OTHER_DIGEST}
    await ci.made(DEPLOYMENTS, PLAIN | new | {"externalId": "1", "status": "FAILURE"})
    assert await placed(ci) == {"a": None}
    await ci.made(DEPLOYMENTS, PLAIN | old)
    assert await placed(ci) == {"a": DIGEST}
    await ci.made(DEPLOYMENTS, PLAIN | {"service": "a", "status": "INACTIVE"})
    assert await placed(ci) == {"a": None}


async def test_namespaces_of_a_service_stand_apart(ci: Api) -> None:
    await ci.made(DEPLOYMENTS, PLAIN | {"service": "a", "namespace": "x", "artifactSha256": DIGEST})
    await ci.made(DEPLOYMENTS, PLAIN | {"service": "a", "namespace": "y", "artifactSha256": OTHER_DIGEST})
    found = (await ci.shown(f"{ENVIRONMENTS}/production"))["services"]
    assert [(one["namespace"], one["deployed"]["artifactSha256"]) for one in found] == [
        ("x", DIGEST),
        ("y", OTHER_DIGEST),
    ]


async def test_environments_are_listed_by_name_and_page_by_page(ci: Api) -> None:
    names = [f"env {'x' * 190} {n}" for n in range(3)] + ["a/b"]
    for name in names:
        await ci.made(DEPLOYMENTS, PLAIN | {"environment": name})
    first = await ci.shown(ENVIRONMENTS, limit="3")
    second = await ci.shown(ENVIRONMENTS, limit="3", cursor=first["nextCursor"])
    assert [one["name"] for page in (first, second) for one in page["items"]] == sorted(names)
    assert second["nextCursor"] is None
    assert first["items"][0]["lastDeployment"]["environment"] == "a/b"
    assert (await ci.shown(f"{ENVIRONMENTS}/a%2Fb"))["name"] == "a/b"


async def test_another_workspace_sees_nothing(receiver: Receiver, ci: Api) -> None:
    made = await ci.made(DEPLOYMENTS, EXPECTED)
    other = stranger(receiver)
    assert await other.listed(DEPLOYMENTS) == []
    assert await other.listed(ENVIRONMENTS) == []
    for path in (f"{DEPLOYMENTS}/{made['id']}", f"{ENVIRONMENTS}/production"):
        assert (await other.get(path)).status == 404
    await other.made(DEPLOYMENTS, PLAIN | {"service": "payments-api"})
    assert await missing(ci) == [made["id"]]


@pytest.mark.parametrize("path", ["/deployments/dep_no", "/deployments/%00", "/environments/none", "/environments/%00"])
async def test_what_is_not_there_is_not_found(ci: Api, path: str) -> None:
    assert (await ci.get(path)).status == 404


async def test_only_its_scope_writes(receiver: Receiver) -> None:
    for scope in (Scope.READ, Scope.PIPELINES_WRITE, Scope.ARTIFACTS_WRITE, Scope.ATTESTATIONS_WRITE):
        assert (await api(receiver, scope).post(DEPLOYMENTS, PLAIN)).status == 403
    writer = api(receiver, Scope.DEPLOYMENTS_WRITE)
    assert (await writer.post(DEPLOYMENTS, PLAIN)).status == 201
    assert (await writer.get(DEPLOYMENTS)).status == 403
    assert (await writer.get(ENVIRONMENTS)).status == 403


async def test_duplicates_at_once_make_one_deployment(ci: Api) -> None:
    answers = await ci.at_once(32, DEPLOYMENTS, FULL)
    assert sorted(one.status for one in answers) == [200] * 31 + [201]
    assert len({one.json["id"] for one in answers}) == 1
    assert len(await ci.listed(DEPLOYMENTS)) == 1


async def test_an_idempotency_key_stands_for_one_deployment(ci: Api) -> None:
    first, again = await ci.post(DEPLOYMENTS, PLAIN, once="k"), await ci.post(DEPLOYMENTS, PLAIN, once="k")
    other = await ci.post(DEPLOYMENTS, FULL, once="k")
    assert (first.status, again.status, other.status) == (201, 201, 422)
    assert again.body == first.body
    assert again.headers["Idempotent-Replay"] == "true"
    assert len(await ci.listed(DEPLOYMENTS)) == 1


async def test_urls_are_kept_as_text(ci: Api) -> None:
    url = "http://169.254.169.254/latest/meta-data"
    made = await ci.made(DEPLOYMENTS, PLAIN | {"ciContext": {"buildUrl": url}})
    assert made["ciContext"] == {"buildUrl": url}
