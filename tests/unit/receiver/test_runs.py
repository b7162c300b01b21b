"""A pipeline run goes on, only forward, and what is not said keeps its value."""

import pytest

from receiver.core.runs import EarlyConclusionError, RunStatus, merged, whole_run
from shared.encoding import JsonObject, JsonValue
from shared.errors import Code, StateError

STARTED, COMPLETED = "2026-03-02T17:00:00.000000Z", "2026-03-02T17:00:41.500000Z"
RUN: JsonObject = {"source": "github", "externalId": "77", "workflowName": "CI", "status": "IN_PROGRESS"}
CLOSED: JsonObject = {**RUN, "status": "COMPLETED", "conclusion": "SUCCESS", "durationSeconds": 41.5}
UNIT: JsonObject = {"name": "unit", "status": "IN_PROGRESS"}

GOES_ON: list[tuple[str, JsonObject, JsonObject, JsonObject]] = [
    ("nothing said changes nothing", RUN, {}, RUN),
    ("the same said changes nothing", RUN, {"status": "IN_PROGRESS"}, RUN),
    ("what is said changes, the rest stays", RUN, {"event": "push"}, {**RUN, "event": "push"}),
    ("it goes forward", {**RUN, "status": "QUEUED"}, {"status": "IN_PROGRESS"}, RUN),
    ("it may skip a status", {**RUN, "status": "QUEUED"}, {"status": "FAILED"}, {**RUN, "status": "FAILED"}),
    ("a finished run takes the same again", CLOSED, {"status": "COMPLETED", "conclusion": "SUCCESS"}, CLOSED),
    ("its own names may be said again", CLOSED, {"source": "github", "externalId": "77"}, CLOSED),
    (
        "a duration follows from the two times",
        {**RUN, "startedAt": STARTED},
        {"completedAt": COMPLETED},
        {**RUN, "startedAt": STARTED, "completedAt": COMPLETED, "durationSeconds": 41.5},
    ),
    (
        "one that was worked out follows the times when they change",
        {**RUN, "startedAt": STARTED, "completedAt": COMPLETED, "durationSeconds": 41.5},
        {"completedAt": "2026-03-02T17:01:00.000000Z"},
        {**RUN, "startedAt": STARTED, "completedAt": "2026-03-02T17:01:00.000000Z", "durationSeconds": 60},
    ),
    (
        "one that was said stays what was said",
        {**RUN, "startedAt": STARTED, "durationSeconds": 7},
        {"completedAt": COMPLETED},
        {**RUN, "startedAt": STARTED, "completedAt": COMPLETED, "durationSeconds": 7},
    ),
    (
        "none follows from times that go backwards",
        {**RUN, "startedAt": COMPLETED},
        {"completedAt": STARTED},
        {**RUN, "startedAt": COMPLETED, "completedAt": STARTED},
    ),
]
STEPS: list[tuple[str, list[JsonValue], list[JsonValue], list[JsonValue]]] = [
    (
        "a new step comes behind",
        [UNIT],
        [{"name": "lint", "status": "SUCCESS"}],
        [UNIT, {"name": "lint", "status": "SUCCESS"}],
    ),
    ("a step of that name goes on", [UNIT], [{"name": "unit", "status": "SUCCESS"}], [{**UNIT, "status": "SUCCESS"}]),
    (
        "what a step does not say stays",
        [{**UNIT, "startedAt": STARTED}],
        [{"name": "unit", "status": "SUCCESS"}],
        [{**UNIT, "startedAt": STARTED, "status": "SUCCESS"}],
    ),
    (
        "a number counts more than a name",
        [{**UNIT, "number": 1}, {**UNIT, "number": 2}],
        [{"name": "unit", "number": 2, "status": "FAILED"}],
        [{**UNIT, "number": 1}, {**UNIT, "number": 2, "status": "FAILED"}],
    ),
    (
        "a step may be renamed by its number",
        [{**UNIT, "number": 1}],
        [{"name": "tests", "number": 1, "status": "IN_PROGRESS"}],
        [{"name": "tests", "number": 1, "status": "IN_PROGRESS"}],
    ),
    (
        "a step without a number is found by its name",
        [UNIT],
        [{"name": "unit", "number": 3, "status": "SUCCESS"}],
        [{"name": "unit", "number": 3, "status": "SUCCESS"}],
    ),
    ("an empty list takes nothing away", [UNIT], [], [UNIT]),
]
REFUSED: list[tuple[str, JsonObject, JsonObject]] = [
    ("it does not go back", RUN, {"status": "QUEUED"}),
    ("a finished run takes no new field", CLOSED, {"event": "push"}),
    ("a finished run takes no other end", CLOSED, {"status": "FAILED"}),
    ("a finished run takes no other conclusion", CLOSED, {"conclusion": "FAILURE"}),
    ("a finished run takes no step", CLOSED, {"steps": [UNIT]}),
    ("a finished run does not go back, whatever it said", CLOSED, {"status": "IN_PROGRESS"}),
    ("it stays the run of its source", RUN, {"source": "gitlab"}),
    ("it stays the run of its id", RUN, {"externalId": "78"}),
    ("a run without an id gets none", {"workflowName": "CI", "status": "QUEUED"}, {"externalId": "78"}),
]


@pytest.mark.parametrize(("before", "change", "after"), [row[1:] for row in GOES_ON], ids=[row[0] for row in GOES_ON])
def test_a_run_goes_on(before: JsonObject, change: JsonObject, after: JsonObject) -> None:
    assert merged(before, change) == after


@pytest.mark.parametrize(("before", "change", "after"), [row[1:] for row in STEPS], ids=[row[0] for row in STEPS])
def test_steps_are_merged(before: list[JsonValue], change: list[JsonValue], after: list[JsonValue]) -> None:
    assert merged({**RUN, "steps": before}, {"steps": change})["steps"] == after


@pytest.mark.parametrize(("before", "change"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_what_a_run_does_not_do_is_a_conflict(before: JsonObject, change: JsonObject) -> None:
    with pytest.raises(StateError) as refused:
        merged(before, change)
    assert refused.value.code is Code.CONFLICT


@pytest.mark.parametrize("status", [one for one in RunStatus if not one.finished])
def test_only_a_finished_run_says_how_it_ended(status: RunStatus) -> None:
    with pytest.raises(EarlyConclusionError, match=r"^conclusion: "):
        whole_run({"workflowName": "CI", "status": status.value, "conclusion": "SUCCESS"})


def test_a_change_that_ends_a_run_too_early_is_refused_by_the_name_of_its_field() -> None:
    with pytest.raises(EarlyConclusionError, match=r"^conclusion: "):
        merged(RUN, {"conclusion": "SUCCESS"})


@pytest.mark.parametrize("status", [one for one in RunStatus if one.finished])
def test_a_finished_run_may_say_how_it_ended(status: RunStatus) -> None:
    assert whole_run({"status": status.value, "conclusion": "SKIPPED"})["conclusion"] == "SKIPPED"


def test_a_run_that_says_no_status_is_queued() -> None:
    assert whole_run({"workflowName": "CI"})["status"] == "QUEUED"
