"""The typed evidence fields of a claim: other names for them, and what in them contradicts the claim or each other.

Pure, and the same for what collectors sign and for what comes with a token. Invariants: what is missing is missing,
never zero; a contradiction counts against its claim and never for it; a detail quotes numbers and field names alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from itertools import chain
from types import MappingProxyType
from typing import NamedTuple

from shared.encoding import MAX_INTEGER, JsonObject, JsonValue, parse_time
from shared.errors import MalformedError
from shared.predicates import ClaimType

_ALIASES = {
    ClaimType.TEST_RESULTS: {"failures": "failed", "timeSeconds": "durationSeconds"},
}
_NO_ALIASES: Mapping[str, str] = MappingProxyType({})
_OUTCOMES = ("passed", "failed", "errors", "skipped")
_SEVERITIES = ("critical", "high", "medium", "low", "info")
_COUNTS = {
    ClaimType.TEST_RESULTS: ("totalTests", *_OUTCOMES, "flaky"),
    ClaimType.COVERAGE: ("linesCovered", "linesTotal", "branchesCovered", "branchesTotal"),
    ClaimType.SECURITY_SCAN: (
        *(*_SEVERITIES, "total", "fixable", "suppressed", "undecided"),
        *("runs", "runsWithoutResults"),
    ),
    ClaimType.SBOM: ("componentCount", "vulnerabilities"),
    ClaimType.BUILD_PROVENANCE: ("size",),
}
OMITTED = "Omitted"
"""How the name of a count of what a list left out ends."""
_PERCENT_TOLERANCE = 0.05
_WHOLE = 100.0
_DURATION_TOLERANCE = 1.0
"""Seconds: times are often written without a fraction."""


class Kind(StrEnum):
    """What speaks against a claim."""

    PASSED_WITH_FAILURES = "passed_with_failures"
    NOTHING_RAN = "nothing_ran"
    TOTALS = "totals"
    NO_COUNT = "no_count"
    OUT_OF_RANGE = "out_of_range"
    INCOMPLETE = "incomplete"
    DURATION = "duration"
    TWO_COMMITS = "two_commits"
    SAID_WORSE = "said_worse"
    NOT_BUILT = "not_built"


OF_OTHERS = frozenset({Kind.TWO_COMMITS, Kind.SAID_WORSE, Kind.NOT_BUILT})
"""Told by what else was there at the door, not by the claim itself."""


class Contradiction(NamedTuple):
    """What speaks against a claim, the evidence field that it is about ("" for none), and in words."""

    kind: Kind
    field: str
    detail: str


def typed(kind: ClaimType, evidence: Mapping[str, JsonValue]) -> JsonObject:
    """Give the evidence under the names that count; where both names stand and differ, both stay."""
    found = dict(evidence)
    for other, name in _ALIASES.get(kind, _NO_ALIASES).items():
        if other in found and found.get(name, found[other]) == found[other]:
            found[name] = found.pop(other)
    return found


def contradictions(kind: ClaimType, evidence: Mapping[str, JsonValue], *, passed: bool) -> tuple[Contradiction, ...]:
    """Find what in a claim speaks against it; the same each time, in a fixed order."""
    looked = _Looked(kind, evidence, passed)
    found = list(_no_counts(looked)) if looked.wrong else []
    if kind in _ALIASES:
        found += _other_names(looked)
    if passed:
        found += _unfinished(looked)
    if "startedAt" in evidence:
        found += _durations(evidence)
    if kind in _LOOKS:
        found += _LOOKS[kind](looked)
    return tuple(dict.fromkeys(found)) if found else ()


class _Looked:
    """A claim, and those of its counts that are counts."""

    __slots__ = ("count", "evidence", "kind", "passed", "wrong")

    def __init__(self, kind: ClaimType, evidence: Mapping[str, JsonValue], passed: bool) -> None:  # noqa: FBT001
        self.kind = kind
        self.evidence = evidence
        self.passed = passed
        counts: dict[str, int] = {}
        self.wrong: list[str] = []
        """The fields that must be counts and are none; null is missing."""
        for name in chain(_COUNTS.get(kind, ()), filter(_tells_what_is_left_out, evidence)):
            value = evidence.get(name)
            if value is not None:
                count = whole(value)
                if count is None:
                    self.wrong.append(name)
                else:
                    counts[name] = count
        self.count: Callable[[str], int | None] = counts.get
        """Gives a count, None where it is missing or none."""

    def summed(self, names: tuple[str, ...]) -> tuple[int, bool]:
        """Add counts up, and say whether all of them are there."""
        counts = [count for name in names if (count := self.count(name)) is not None]
        return sum(counts), len(counts) == len(names)


def _tells_what_is_left_out(name: str) -> bool:
    return name.endswith(OMITTED)


def whole(value: JsonValue) -> int | None:
    """Give a value as a count, None if it is none; an integral number with a fraction of zero is an integer."""
    if type(value) is int:
        return value if 0 <= value <= MAX_INTEGER else None
    if not isinstance(value, float) or not 0 <= value <= MAX_INTEGER or value != int(value):
        return None
    return int(value)


def number(value: JsonValue) -> float | None:
    """Give a value as a number, None if it is none."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _no_counts(looked: _Looked) -> Iterator[Contradiction]:
    for name in looked.wrong:
        yield Contradiction(Kind.NO_COUNT, name, f"{name} is no count: a whole number from 0 on")


def _other_names(looked: _Looked) -> Iterator[Contradiction]:
    for other, name in _ALIASES.get(looked.kind, _NO_ALIASES).items():
        if other in looked.evidence and name in looked.evidence and looked.evidence[other] != looked.evidence[name]:
            yield Contradiction(Kind.TOTALS, name, f"{name} and {other} are the same, and differ")


def _unfinished(looked: _Looked) -> Iterator[Contradiction]:
    """Tell why something that passed cannot have."""
    if looked.evidence.get("unreadable") is not None:
        yield Contradiction(Kind.INCOMPLETE, "unreadable", "passed, and its report could not be read to its end")
    for name in ("complete", "executionSuccessful"):
        if looked.evidence.get(name) is False:
            yield Contradiction(Kind.INCOMPLETE, name, f"passed, and {name} is false")


def _durations(evidence: Mapping[str, JsonValue]) -> Iterator[Contradiction]:
    said, measured = number(evidence.get("durationSeconds")), seconds_between(evidence)
    if measured is None:
        return
    if measured < 0:
        yield Contradiction(Kind.DURATION, "completedAt", "completedAt is before startedAt")
    elif said is not None and abs(said - measured) > _DURATION_TOLERANCE:
        yield Contradiction(
            Kind.DURATION, "durationSeconds", f"durationSeconds is {said:g}, its times are {measured:g} seconds apart"
        )


def seconds_between(evidence: Mapping[str, JsonValue]) -> float | None:
    """Give the seconds from `startedAt` to `completedAt`, None where one of them is missing or no time."""
    started, completed = evidence.get("startedAt"), evidence.get("completedAt")
    if not isinstance(started, str) or not isinstance(completed, str):
        return None
    try:
        return (parse_time(completed) - parse_time(started)).total_seconds()
    except MalformedError:
        return None


def _tests(looked: _Looked) -> Iterator[Contradiction]:
    total, (summed, is_whole) = looked.count("totalTests"), looked.summed(_OUTCOMES)
    if total is not None and (summed > total or (is_whole and summed != total)):
        yield Contradiction(Kind.TOTALS, "totalTests", f"totalTests is {total}, its parts add up to {summed}")
    if isinstance(looked.evidence.get("declaredTotals"), dict):
        yield Contradiction(Kind.TOTALS, "declaredTotals", "the report declares other totals than its cases have")
    yield from _listed(looked)
    if not looked.passed:
        return
    for name in ("failed", "errors"):
        if count := looked.count(name):
            yield Contradiction(Kind.PASSED_WITH_FAILURES, name, f"passed, and {name} is {count}")
    if looked.evidence.get("failedTests") and not looked.count("failed") and not looked.count("errors"):
        yield Contradiction(Kind.PASSED_WITH_FAILURES, "failedTests", "passed, and tests are listed that failed")
    for name in ("totalTests", "passed"):
        if looked.count(name) == 0:
            yield Contradiction(Kind.NOTHING_RAN, name, f"passed, and {name} is 0")


def _listed(looked: _Looked) -> Iterator[Contradiction]:
    """Compare the suites that are listed with the counts."""
    suites = looked.evidence.get("suites")
    if not isinstance(suites, list):
        return
    for name in ("failed", "errors"):
        said = looked.count(name)
        listed = sum(whole(suite.get(name)) or 0 for suite in suites if isinstance(suite, dict))
        if said is not None and listed > said:
            yield Contradiction(Kind.TOTALS, name, f"{name} is {said}, its suites have {listed}")
        elif looked.passed and listed > 0:
            yield Contradiction(Kind.PASSED_WITH_FAILURES, "suites", f"passed, and its suites have {name}: {listed}")


def _coverage(looked: _Looked) -> Iterator[Contradiction]:
    percent = number(looked.evidence.get("coverage"))
    if looked.evidence.get("coverage") is not None and (percent is None or not 0 <= percent <= _WHOLE):
        yield Contradiction(Kind.OUT_OF_RANGE, "coverage", "coverage is no percentage from 0 to 100")
        percent = None
    for part, total in (("linesCovered", "linesTotal"), ("branchesCovered", "branchesTotal")):
        covered, all_of_them = looked.count(part), looked.count(total)
        if covered is not None and all_of_them is not None and covered > all_of_them:
            yield Contradiction(Kind.TOTALS, part, f"{part} is {covered}, more than {total}, which is {all_of_them}")
    covered, lines = looked.count("linesCovered"), looked.count("linesTotal")
    if percent is not None and covered is not None and lines:
        counted = _WHOLE * covered / lines
        if abs(counted - percent) > _PERCENT_TOLERANCE:
            yield Contradiction(
                Kind.TOTALS, "coverage", f"coverage is {percent:g}, its lines come to {counted:.2f} percent"
            )


def _scan(looked: _Looked) -> Iterator[Contradiction]:
    total, (summed, is_whole) = looked.count("total"), looked.summed(_SEVERITIES)
    if total is not None and (summed > total or (is_whole and summed != total)):
        yield Contradiction(Kind.TOTALS, "total", f"total is {total}, its parts add up to {summed}")
    # Whatever the threshold is, it is not above the worst.
    if looked.passed and (critical := looked.count("critical")):
        yield Contradiction(Kind.PASSED_WITH_FAILURES, "critical", f"passed, and critical is {critical}")


def _parts(looked: _Looked) -> Iterator[Contradiction]:
    listed, count = looked.evidence.get("components"), looked.count("componentCount")
    if isinstance(listed, list) and count is not None and len(listed) > count:
        yield Contradiction(
            Kind.TOTALS, "componentCount", f"componentCount is {count}, and {len(listed)} components are listed"
        )


_LOOKS: dict[ClaimType, Callable[[_Looked], Iterator[Contradiction]]] = {
    ClaimType.TEST_RESULTS: _tests,
    ClaimType.COVERAGE: _coverage,
    ClaimType.SECURITY_SCAN: _scan,
    ClaimType.SBOM: _parts,
}
