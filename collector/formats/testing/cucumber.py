"""Cucumber's JSON: of cucumber-jvm, -js and -ruby, and of behave, which writes the same with words of its own.

* A scenario is a case (of an outline, each row of its examples), and counts as the worst of its steps and hooks.
  `undefined`, `pending`, `ambiguous` and any word that is not known are failures, as in Cucumber's strict mode; a
  hook that failed is an error. A scenario without a step has tested nothing: skipped.
* A background stands before the scenario that it was run for, and what went wrong in it went wrong in that; behind
  the last scenario it is an error of its own.
* A step without a result was not run: skipped where the scenario says so itself, else a failure. Only in a
  background it means nothing: behave writes what the steps are, and their results into the scenarios.
* behave gives a status to scenarios and features too; a feature that failed without a scenario is an error.

Durations of steps are nanoseconds, and seconds where they have a fraction (behave).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from collector.formats.json_events import EACH, Kind
from collector.formats.testing.outcomes import Outcome
from collector.formats.testing.records import Record, records
from collector.formats.testing.tally import LISTED_CASES, Tally
from shared.errors import Code, MalformedError

if TYPE_CHECKING:
    from collector.formats.claim import Claim, Thresholds
    from collector.formats.head import Head
    from collector.formats.json_events import Path, Scalar
    from collector.formats.limits import Limits

TITLE = "Cucumber"

_FEATURE: Path = (EACH,)
_SCENARIO: Path = (EACH, "elements", EACH)
_STEP: Path = (*_SCENARIO, "steps", EACH)
_HOOKS = tuple((*_SCENARIO, when, EACH) for when in ("before", "after"))
_STATUS: Path = ("result", "status")
_RESULT = frozenset({_STATUS, ("result", "duration"), ("result", "error_message")})
_STEP_HOOKS = tuple((when, EACH, *_STATUS) for when in ("before", "after"))
_PLACES = {_STEP: _RESULT.union({("hidden",)}, _STEP_HOOKS), **dict.fromkeys(_HOOKS, _RESULT)}
_MARKS = ("keyword", "uri", "line", "description")

_WORDS = {"passed": Outcome.PASSED, "skipped": Outcome.SKIPPED, "hook_error": Outcome.ERROR}
_NANOSECONDS = 1_000_000_000


class _Case(NamedTuple):
    """A scenario whose feature is not yet named."""

    name: str
    outcome: Outcome
    seconds: float | None
    text: str | None


@dataclass(slots=True)
class _Scenario:
    """A scenario or a background: the worst of its steps and hooks, how many steps, and what it says of itself."""

    outcome: Outcome = Outcome.PASSED
    steps: int = 0
    not_run: int = 0
    seconds: float | None = None
    text: str | None = None
    said: dict[str, str] = field(default_factory=dict)

    def add(self, other: _Scenario) -> None:
        """Take in a background that was run for this scenario."""
        self.outcome = max(self.outcome, other.outcome)
        self.text = other.text or self.text
        if other.seconds is not None:
            self.seconds = (self.seconds or 0.0) + other.seconds


@dataclass(slots=True)
class _Feature:
    """The feature that is open: its cases, the scenario that is open, and the backgrounds that wait for a scenario."""

    cases: list[_Case] = field(default_factory=list)
    scenario: _Scenario = field(default_factory=_Scenario)
    background: _Scenario = field(default_factory=_Scenario)
    said: dict[str, str] = field(default_factory=dict)


def recognise(head: Head) -> bool:
    """Say whether it is a list of features, which have elements."""
    return ("[]", "elements") in head.keys and any(("[]", key) in head.keys for key in _MARKS)


def read(stream: BinaryIO, thresholds: Thresholds, limits: Limits) -> Claim:
    """Count the scenarios of a run; raises `MalformedError` where it is no whole JSON document of that shape."""
    del thresholds
    tally, feature = Tally(limits), _Feature()
    for event in records(stream, limits, _PLACES):
        if isinstance(event, Record):
            _take(feature.scenario, event)
        elif event.kind is Kind.VALUE and isinstance(event.value, str):
            if event.path[:-1] in {_FEATURE, _SCENARIO}:
                said = feature.said if event.path[:-1] == _FEATURE else feature.scenario.said
                said[str(event.path[-1])] = event.value[: limits.max_text_chars]
        elif event.kind is Kind.MAP_END and event.path == _SCENARIO:
            _end_scenario(feature)
            if len(feature.cases) > limits.max_tracked:
                raise MalformedError(Code.TOO_LARGE, f"a feature has more than {limits.max_tracked} scenarios")
        elif event.kind is Kind.MAP_END and event.path == _FEATURE:
            _end_feature(tally, feature)
            feature = _Feature()
    return tally.claim(TITLE)


def _take(scenario: _Scenario, record: Record) -> None:
    """Take a step or a hook, and the hooks of a step."""
    is_hook = record.place != _STEP or record.first("hidden") is True
    scenario.steps += not is_hook
    if _STATUS in record.values:
        _count(scenario, record.first(*_STATUS), is_hook=is_hook)
    else:
        scenario.not_run += 1
    for path in _STEP_HOOKS:
        for word in record.values.get(path, ()):
            _count(scenario, word, is_hook=True)
    duration = record.number("result", "duration")
    if duration is not None:
        unit = 1 if isinstance(record.first("result", "duration"), float) else _NANOSECONDS
        scenario.seconds = (scenario.seconds or 0.0) + duration / unit
    if scenario.outcome.is_failure and scenario.text is None:
        scenario.text = record.text("result", "error_message") or None


def _count(scenario: _Scenario, word: Scalar, *, is_hook: bool) -> None:
    outcome = _outcome(word)
    scenario.outcome = max(scenario.outcome, Outcome.ERROR if is_hook and outcome.is_failure else outcome)


def _outcome(word: Scalar) -> Outcome:
    return _WORDS.get(word.lower(), Outcome.FAILED) if isinstance(word, str) else Outcome.FAILED


def _end_scenario(feature: _Feature) -> None:
    scenario, feature.scenario = feature.scenario, _Scenario()
    if scenario.said.get("type") == "background":
        feature.background.add(scenario)
        return
    own = _outcome(scenario.said["status"]) if "status" in scenario.said else Outcome.PASSED
    if scenario.not_run:
        own = max(own, Outcome.SKIPPED if own is Outcome.SKIPPED else Outcome.FAILED)
    elif not scenario.steps:
        own = max(own, Outcome.SKIPPED)
    scenario.outcome = max(scenario.outcome, own)
    scenario.add(feature.background)
    feature.background = _Scenario()
    is_kept = scenario.outcome.is_failure and len(feature.cases) < LISTED_CASES
    name, text = scenario.said.get("name", ""), scenario.text if is_kept else None
    feature.cases.append(_Case(name, scenario.outcome, scenario.seconds, text))


def _end_feature(tally: Tally, feature: _Feature) -> None:
    name = feature.said.get("name", "")
    tally.suite(name)
    for case in feature.cases:
        message = case.text.partition("\n")[0] if case.text else None
        tally.case(name, case.name, case.outcome, seconds=case.seconds, message=message, text=case.text)
    has_failed = "status" in feature.said and _outcome(feature.said["status"]).is_failure
    if feature.background.outcome.is_failure or (has_failed and not any(c.outcome.is_failure for c in feature.cases)):
        tally.case(name, name, Outcome.ERROR, text=feature.background.text)
