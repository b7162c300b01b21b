"""Pipeline runs over HTTP: registered once, going on and never back, closed when they end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from receiver import fsck
from receiver.core.tokens import Scope
from tests.helpers.databases import Databases, refused_before
from tests.helpers.posting import COMMIT, REPOSITORY, Api, Fields, api, refused_field, stranger
from tests.helpers.receiving import Receiver, serving

RUNS = "/pipeline-runs"
STARTED, COMPLETED = "2026-03-02T17:00:00.000000Z", "2026-03-02T17:00:41.500000Z"
STEP = {"name": "unit", "status": "SUCCESS", "startedAt": STARTED, "completedAt": COMPLETED, "durationSeconds": 41.5}
NAMED = {"source": "github", "externalId": "77", "workflowName": "CI"}
FULL = NAMED | {
    "status": "IN_PROGRESS",
    "repositoryFullName": REPOSITORY,
    "headSha": COMMIT,
    "headBranch": "main",
    "prNumber": 42,
    "event": "push",
    "triggeredBy": "octocat",
    "runUrl": "https://ci.example.org/runs/77?a=b",
    "startedAt": STARTED,
    "steps": [STEP | {"number": 1}],
}


@pytest.fixture
async def receiver(tmp_path: Path, databases: Databases) -> AsyncIterator[Receiver]:
    async with serving(tmp_path / "data", databases=databases) as running:
        yield running
        with running.store() as store:
            assert fsck.check(store) == []


@pytest.fixture
def ci(receiver: Receiver) -> Api:
    return api(receiver, Scope.PIPELINES_WRITE, Scope.READ)


async def test_every_field_of_a_run_is_kept_and_answered(ci: Api) -> None:
    made = await ci.made(RUNS, FULL)
    shown = await ci.shown(f"{RUNS}/{made['id']}")
    assert {name: shown[name] for name in FULL} == FULL
    assert shown["saidBy"]["kind"] == "token"
    assert (shown["supersedes"], shown["contradictions"]) == (None, [])
    assert made.items() >= shown.items()
    assert await ci.listed(RUNS) == [shown]


async def test_other_names_other_cases_and_a_commit_that_is_unknown_are_taken(ci: Api) -> None:
    said = {
        "workflowName": "CI",
        "repositoryName": REPOSITORY,
        "headSha": "unknown",
        "status": "completed",
        "conclusion": "Failure",
        "prNumber": 42.0,
        "steps": [{"name": "unit", "status": "failed", "durationSeconds": 3}],
    }
    made = await ci.made(RUNS, said)
    assert made["repositoryFullName"] == REPOSITORY
    assert (made["status"], made["conclusion"]) == ("COMPLETED", "FAILURE")
    assert made["steps"] == [{"name": "unit", "status": "FAILED", "durationSeconds": 3.0}]
    assert made["prNumber"] == 42
    assert not {"headSha", "repositoryName"} & made.keys()


async def test_a_run_that_says_nothing_but_its_name_is_queued(ci: Api) -> None:
    made = await ci.made(RUNS, {"workflowName": "CI"})
    assert made["status"] == "QUEUED"


async def test_a_run_goes_on_by_its_id_and_what_is_not_said_stays(ci: Api) -> None:
    made = await ci.made(RUNS, FULL)
    change = {
        "status": "COMPLETED",
        "conclusion": "success",
        "completedAt": COMPLETED,
        "steps": [{"name": "lint", "status": "skipped"}],
    }
    answer = await ci.put(f"{RUNS}/{made['id']}", change)
    assert answer.status == 200
    after = await ci.shown(f"{RUNS}/{made['id']}")
    assert (after["status"], after["conclusion"], after["durationSeconds"]) == ("COMPLETED", "SUCCESS", 41.5)
    assert [step["name"] for step in after["steps"]] == ["unit", "lint"]
    assert after["triggeredBy"] == "octocat"
    assert after["attestationId"] != made["attestationId"]
    assert answer.json.items() >= after.items()


async def test_each_word_on_a_run_is_signed_and_names_the_one_before(ci: Api) -> None:
    made = await ci.made(RUNS, FULL)
    after = (await ci.put(f"{RUNS}/{made['id']}", {"status": "FAILED"})).json
    signed = await ci.shown(f"/attestations/{after['attestationId']}")
    assert signed["predicate"]["record"] == "pipeline-run"
    assert signed["predicate"]["supersedes"] == made["attestationId"]
    assert signed["predicate"]["claim"]["evidence"]["status"] == "FAILED"
    assert signed["passed"] is False


async def test_the_same_natural_key_is_the_same_run(ci: Api) -> None:
    made = await ci.made(RUNS, NAMED | {"status": "QUEUED"})
    again = await ci.made(RUNS, NAMED | {"status": "QUEUED"}, status=200)
    on = await ci.made(RUNS, NAMED | {"status": "in_progress", "headSha": COMMIT}, status=200)
    other = await ci.made(RUNS, NAMED | {"source": "gitlab"})
    assert again["attestationId"] == made["attestationId"]
    assert on["id"] == again["id"] == made["id"] != other["id"]
    assert (on["status"], on["headSha"]) == ("IN_PROGRESS", COMMIT)


async def test_steps_are_merged_by_number_else_by_name(ci: Api) -> None:
    first = [{"name": "test", "status": "IN_PROGRESS", "number": 1}, {"name": "test", "status": "QUEUED", "number": 2}]
    made = await ci.made(RUNS, NAMED | {"steps": first})
    second = [{"name": "test", "status": "SUCCESS", "number": 2}, {"name": "lint", "status": "SUCCESS"}]
    await ci.put(f"{RUNS}/{made['id']}", {"steps": second})
    third = [{"name": "lint", "status": "FAILURE", "durationSeconds": 1.5}]
    answer = await ci.put(f"{RUNS}/{made['id']}", {"steps": third})
    assert answer.json["steps"] == [
        {"name": "test", "status": "IN_PROGRESS", "number": 1},
        {"name": "test", "status": "SUCCESS", "number": 2},
        {"name": "lint", "status": "FAILURE", "durationSeconds": 1.5},
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"status": "QUEUED"},
        {"conclusion": "FAILURE"},
        {"event": "push"},
        {"steps": [{"name": "late", "status": "SUCCESS"}]},
        {"source": "gitlab"},
    ],
    ids=["back", "another end", "a new field", "a step", "another source"],
)
async def test_a_closed_run_is_not_changed(ci: Api, change: Fields) -> None:
    made = await ci.made(RUNS, NAMED | {"status": "COMPLETED", "conclusion": "SUCCESS"})
    answer = await ci.put(f"{RUNS}/{made['id']}", change)
    assert answer.status == 409
    assert answer.json["code"] == "conflict"
    shown = await ci.shown(f"{RUNS}/{made['id']}")
    assert shown["attestationId"] == made["attestationId"]


async def test_the_same_said_of_a_closed_run_changes_nothing(ci: Api) -> None:
    end = {"status": "COMPLETED", "conclusion": "SUCCESS"}
    made = await ci.made(RUNS, NAMED | end)
    answer = await ci.put(f"{RUNS}/{made['id']}", end)
    assert answer.status == 200
    assert answer.json == made


async def test_a_run_does_not_go_back(ci: Api) -> None:
    made = await ci.made(RUNS, FULL)
    assert (await ci.put(f"{RUNS}/{made['id']}", {"status": "QUEUED"})).status == 409
    assert (await ci.post(RUNS, NAMED | {"status": "QUEUED"})).status == 409


async def test_a_run_that_disagrees_with_its_times_is_contradicted_wherever_it_is_shown(ci: Api) -> None:
    made = await ci.made(RUNS, FULL | {"completedAt": COMPLETED, "durationSeconds": 5})
    assert [(one["kind"], one["field"]) for one in made["contradictions"]] == [("duration", "durationSeconds")]
    assert (await ci.shown(f"{RUNS}/{made['id']}"))["contradictions"] == made["contradictions"]
    assert (await ci.listed(RUNS))[0]["contradictions"] == made["contradictions"]


@refused_before
@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("workflowName", {"workflowName": None}),
        ("workflowName", {"workflowName": ""}),
        ("workflowName", {"workflowName": "x" * 201}),
        ("status", {"status": "DONE"}),
        ("conclusion", {"status": "COMPLETED", "conclusion": "neutral"}),
        ("conclusion", {"conclusion": "success"}),
        ("conclusion", {"status": "IN_PROGRESS", "conclusion": "success"}),
        ("headSha", {"headSha": "abc123"}),
        ("headSha", {"headSha": "not hex at all"}),
        ("prNumber", {"prNumber": 0}),
        ("prNumber", {"prNumber": "42"}),
        ("repositoryName", {"repositoryFullName": "a/b", "repositoryName": "a/c"}),
        ("startedAt", {"startedAt": "yesterday"}),
        ("durationSeconds", {"durationSeconds": -1}),
        ("runUrl", {"runUrl": "https://a\u0000b"}),
        ("steps.0.status", {"steps": [{"name": "a", "status": "exploded"}]}),
        ("steps.0.name", {"steps": [{"status": "SUCCESS"}]}),
        ("steps.0.extra", {"steps": [{"name": "a", "status": "SUCCESS", "extra": 1}]}),
        ("commitSha", {"commitSha": COMMIT}),
    ],
)
async def test_a_wrong_field_is_refused_by_its_name(ci: Api, field: str, change: dict[str, object]) -> None:
    said = {name: value for name, value in (NAMED | change).items() if value is not None}
    answer = await ci.post(RUNS, said)
    assert refused_field(answer) == field
    assert await ci.listed(RUNS) == []


async def test_a_change_that_ends_a_run_too_early_names_the_field(ci: Api) -> None:
    made = await ci.made(RUNS, FULL)
    assert refused_field(await ci.put(f"{RUNS}/{made['id']}", {"conclusion": "SUCCESS"})) == "conclusion"


async def test_runs_are_listed_by_what_they_say(ci: Api) -> None:
    mine = await ci.made(RUNS, FULL)
    other = await ci.made(RUNS, {"workflowName": "Nightly", "repositoryName": "acme/other", "status": "failed"})
    queries: list[tuple[dict[str, str], list[str]]] = [
        ({}, [other["id"], mine["id"]]),
        ({"repository": REPOSITORY}, [mine["id"]]),
        ({"commit": COMMIT.upper()}, [mine["id"]]),
        ({"pr": "42"}, [mine["id"]]),
        ({"status": "failed"}, [other["id"]]),
        ({"workflow": "Nightly"}, [other["id"]]),
        ({"since": other["receivedAt"]}, [other["id"]]),
        ({"until": other["receivedAt"]}, [mine["id"]]),
        ({"repository": "acme/none"}, []),
    ]
    for query, expected in queries:
        assert [one["id"] for one in await ci.listed(RUNS, **query)] == expected, query


async def test_a_list_goes_on_where_its_cursor_says(ci: Api) -> None:
    made = [(await ci.made(RUNS, {"workflowName": f"CI {n}"}))["id"] for n in range(5)]
    first = await ci.shown(RUNS, limit="2")
    second = await ci.shown(RUNS, limit="2", cursor=first["nextCursor"])
    last = await ci.shown(RUNS, limit="2", cursor=second["nextCursor"])
    assert [one["id"] for page in (first, second, last) for one in page["items"]] == made[::-1]
    assert last["nextCursor"] is None


@refused_before
@pytest.mark.parametrize(
    "query", [{"status": "DONE"}, {"pr": "0"}, {"limit": "201"}, {"colour": "red"}, {"cursor": "x"}]
)
async def test_a_wrong_filter_is_refused(ci: Api, query: dict[str, str]) -> None:
    answer = await ci.get(RUNS, **query)
    assert answer.status == 422
    assert answer.json["detail"].startswith(next(iter(query)))


async def test_another_workspace_sees_and_changes_nothing(receiver: Receiver, ci: Api) -> None:
    made = await ci.made(RUNS, FULL)
    other = stranger(receiver)
    assert await other.listed(RUNS) == []
    assert (await other.get(f"{RUNS}/{made['id']}")).status == 404
    assert (await other.put(f"{RUNS}/{made['id']}", {"status": "FAILED"})).status == 404
    theirs = await other.made(RUNS, FULL)
    assert theirs["id"] != made["id"]
    assert (await ci.get(f"{RUNS}/{theirs['id']}")).status == 404


@pytest.mark.parametrize("run_id", ["run_nothing", "x", "dep_aaaa", "%00"])
async def test_a_run_that_is_not_there_is_not_found(ci: Api, run_id: str) -> None:
    assert (await ci.get(f"{RUNS}/{run_id}")).status == 404
    assert (await ci.put(f"{RUNS}/{run_id}", {"status": "FAILED"})).status == 404


async def test_who_may_only_read_does_not_write_and_who_may_only_write_does_not_read(receiver: Receiver) -> None:
    reader, writer = api(receiver, Scope.READ), api(receiver, Scope.PIPELINES_WRITE)
    assert (await reader.post(RUNS, NAMED)).status == 403
    made = await writer.made(RUNS, NAMED)
    assert (await reader.put(f"{RUNS}/{made['id']}", {"status": "FAILED"})).status == 403
    assert (await writer.get(RUNS)).status == 403
    assert (await api(receiver, Scope.ARTIFACTS_WRITE).post(RUNS, NAMED)).status == 403
    assert (await api(receiver, Scope.ADMIN).put(f"{RUNS}/{made['id']}", {"status": "FAILED"})).status == 200


async def test_duplicates_at_once_make_one_run(ci: Api) -> None:
    answers = await ci.at_once(32, RUNS, FULL)
    assert sorted(one.status for one in answers) == [200] * 31 + [201]
    assert len({one.json["id"] for one in answers}) == 1
    assert len({one.json["attestationId"] for one in answers}) == 1
    assert len(await ci.listed(RUNS)) == 1


async def test_an_idempotency_key_is_answered_the_same_whatever_came_between(ci: Api) -> None:
    first = await ci.post(RUNS, {"workflowName": "CI"}, once="k-1")
    await ci.put(f"{RUNS}/{first.json['id']}", {"status": "FAILED"})
    again = await ci.post(RUNS, {"workflowName": "CI"}, once="k-1")
    assert (first.status, again.status) == (201, 201)
    assert again.body == first.body
    assert again.headers["Idempotent-Replay"] == "true"
    other = await ci.post(RUNS, {"workflowName": "Other"}, once="k-1")
    assert (other.status, other.json["code"]) == (422, "idempotency_mismatch")
    assert len(await ci.listed(RUNS)) == 1


async def test_duplicates_at_once_with_a_key_make_one_run(ci: Api) -> None:
    answers = await ci.at_once(32, RUNS, {"workflowName": "CI"}, once="k-2")
    assert {one.status for one in answers} <= {201, 409}
    assert len({one.json["id"] for one in answers if one.status == 201}) == 1
    assert len(await ci.listed(RUNS)) == 1


async def test_a_secret_in_a_run_is_masked_and_named(ci: Api) -> None:
    secret = "ghp_" + "A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8"
    made = await ci.made(RUNS, NAMED | {"runUrl": f"https://ci.example.org/?token={secret}"})
    assert secret not in str(await ci.shown(f"{RUNS}/{made['id']}"))
    assert made["cut"] == ["runUrl"]


async def test_a_name_full_of_secrets_stays_a_name(ci: Api) -> None:
    secret = "ghp_" + "A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8"
    made = await ci.made(RUNS, {"workflowName": " ".join([secret] * 4) + " " + "x" * 30, "externalId": secret})
    assert len(made["workflowName"]) <= 200
    assert secret not in str(made)
