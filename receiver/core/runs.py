"""A pipeline run as it goes on: only forward, closed once it is finished, its steps merged.

Pure. What is not said keeps its value; the same said again changes nothing, also of a finished run.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from shared.encoding import JsonObject, JsonValue
from shared.errors import Code, MalformedError, StateError
from shared.judging.contradictions import number, seconds_between


class RunStatus(StrEnum):
    """How far a run is."""

    QUEUED = "QUEUED"
    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    @property
    def finished(self) -> bool:
        """Whether nothing comes after it."""
        return _RANKS[self] == _FINISHED


class Conclusion(StrEnum):
    """How a finished run ended."""

    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    CANCELLED = "CANCELLED"
    SKIPPED = "SKIPPED"


class StepStatus(StrEnum):
    """How far a step is, or how it ended."""

    QUEUED = "QUEUED"
    PENDING = "PENDING"
    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    SUCCESS = "SUCCESS"
    FAILED = "FAILED"
    FAILURE = "FAILURE"
    CANCELLED = "CANCELLED"
    SKIPPED = "SKIPPED"


class EarlyConclusionError(MalformedError):
    """A run that is not finished says how it ended."""

    def __init__(self, status: RunStatus) -> None:
        """Name the status that it has."""
        super().__init__(
            Code.INVALID_FIELD,
            f"conclusion: a run that is {status.value} has none",
            "send it with a status of COMPLETED, FAILED or CANCELLED",
        )


_RANKS = {
    RunStatus.QUEUED: 0,
    RunStatus.IN_PROGRESS: 1,
    RunStatus.COMPLETED: 2,
    RunStatus.FAILED: 2,
    RunStatus.CANCELLED: 2,
}
_FINISHED = 2


def merged(before: JsonObject, change: Mapping[str, JsonValue]) -> JsonObject:
    """Give a run after a change; raises `StateError` (`conflict`) for one that goes back, or alters a finished run.

    And `EarlyConclusionError`, as `whole_run` does.
    """
    for name in ("source", "externalId"):
        if name in change and change[name] != before.get(name):
            raise StateError(Code.CONFLICT, f"{name} names the run, and is another one's", "post a run of its own")
    steps = change.get("steps")
    after = {**before, **change}
    if isinstance(steps, list):
        after["steps"] = _steps(before.get("steps"), steps)
    after.pop("durationSeconds" if _is_derived(before, change) else "", None)
    if with_duration(after) == before:
        return before
    old, new = RunStatus(str(before["status"])), RunStatus(str(after["status"]))
    if old.finished:
        raise StateError(
            Code.CONFLICT, f"this run is {old.value} and closed", "a finished run is not changed; post a new run"
        )
    if _RANKS[new] < _RANKS[old]:
        raise StateError(Code.CONFLICT, f"this run is {old.value}; it does not go back to {new.value}")
    return whole_run(after)


def whole_run(run: JsonObject) -> JsonObject:
    """Give a run with what it leaves to be understood: that it is queued, and how long it took.

    Raises `EarlyConclusionError` for one that is not finished and says how it ended.
    """
    found = {"status": RunStatus.QUEUED.value, **run}
    status = RunStatus(str(found["status"]))
    if "conclusion" in found and not status.finished:
        raise EarlyConclusionError(status)
    return with_duration(found)


def with_duration(run: JsonObject) -> JsonObject:
    """Give a run with its duration in seconds, where both times are there and it does not say one itself."""
    measured = _between(run)
    return run if measured is None or "durationSeconds" in run else {**run, "durationSeconds": measured}


def _between(run: Mapping[str, JsonValue]) -> float | None:
    """The duration as it is written: whole where it is whole."""
    seconds = seconds_between(run)
    return None if seconds is None or seconds < 0 else int(seconds) if seconds == int(seconds) else seconds


def _is_derived(before: JsonObject, change: Mapping[str, JsonValue]) -> bool:
    """Say whether the duration was worked out from times that change now."""
    if "durationSeconds" in change or "durationSeconds" not in before:
        return False
    return number(before["durationSeconds"]) == _between(before)


def _steps(before: JsonValue, change: list[JsonValue]) -> list[JsonValue]:
    steps: list[JsonValue] = list(before) if isinstance(before, list) else []
    for step in change:
        if not isinstance(step, dict):
            continue
        at = next((at for at, known in enumerate(steps) if isinstance(known, dict) and _same(known, step)), None)
        if at is None:
            steps.append(step)
        else:
            known = steps[at]
            steps[at] = {**known, **step} if isinstance(known, dict) else step
    return steps


def _same(known: JsonObject, step: JsonObject) -> bool:
    """Whether it is the same step: by number where both have one, else by name."""
    if "number" in known and "number" in step:
        return known["number"] == step["number"]
    return known.get("name") == step.get("name")
