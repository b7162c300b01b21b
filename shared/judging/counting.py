"""The evidence of a group: what its members counted, put together.

Source: policy.md section 1, "Groups". Counts are sums, percentages are worked out anew (and rounded down), lists are
joined, and what else members say stands where all of them say the same. Invariants: what one member does not say is
missing of the whole, never zero. Lists are joined in the order of the names, and within one of its reports.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from types import MappingProxyType
from typing import cast

from shared.encoding import MAX_INTEGER, JsonObject, JsonValue
from shared.judging.alone import Alone
from shared.judging.contradictions import OMITTED
from shared.predicates import ClaimType

_SUMS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        ClaimType.TEST_RESULTS: frozenset(
            {
                "totalTests",
                "passed",
                "failed",
                "failures",
                "errors",
                "skipped",
                "flaky",
                "durationSeconds",
                "timeSeconds",
            }
        ),
        ClaimType.COVERAGE: frozenset({"linesCovered", "linesTotal", "branchesCovered", "branchesTotal"}),
        ClaimType.SECURITY_SCAN: frozenset(
            {"critical", "high", "medium", "low", "info", "total", "fixable", "suppressed", "undecided"}
            | {"runs", "runsWithoutResults"}
        ),
        ClaimType.SBOM: frozenset({"componentCount", "vulnerabilities"}),
    }
)
_LISTS = frozenset({"suites", "failedTests", "failedCases", "files", "rules", "findings", "components"})
_ALL_MUST = frozenset({"ready", "available", "verified", "complete", "executionSuccessful", "signaturesChecked"})
"""Flags that are true of the whole only if they are true of each."""
_NUMBERS = frozenset({int, float})
_WHOLE = {int}
_NONE: frozenset[str] = frozenset()
_BY_PLACE = attrgetter("place")
_PERCENT = "coverage"


def together(kind: str, members: Sequence[Alone]) -> JsonObject:
    """Put together what members of one type say, whatever order they come in; it is shared, and never changed."""
    if len(members) == 1:
        return members[0].said
    sums = _SUMS.get(kind, _NONE)
    whole: JsonObject = {}
    others: list[str] = []
    for name, values in _columns(members):
        # Of whole numbers the order means nothing: this is nearly all that tests, coverage and scans say.
        if name in sums and set(map(type, values)) == _WHOLE:
            total = sum(cast("Iterable[int]", values))
            if total <= MAX_INTEGER and total >= -MAX_INTEGER:
                whole[name] = total
        else:
            others.append(name)
    if others:
        each = sorted(members, key=_BY_PLACE)
        for name in others:
            value = _joined(name, [one.said.get(name) for one in each], sums)
            if value is not None:
                whole[name] = value
    if kind == ClaimType.COVERAGE:
        whole.pop(_PERCENT, None)
        if (percent := _percent(whole)) is not None:
            whole[_PERCENT] = percent
    return whole


def _columns(each: Sequence[Alone]) -> Iterable[tuple[str, Sequence[JsonValue]]]:
    """Give what all of them say under each name, None where one says nothing."""
    names = each[0].names
    if [one.names for one in each].count(names) == len(each):
        return zip(names, zip(*[one.values for one in each], strict=True), strict=True)
    every = set().union(*[one.names for one in each])
    return ((name, [one.said.get(name) for one in each]) for name in every)


def _joined(name: str, values: list[JsonValue], sums: frozenset[str]) -> JsonValue:
    if name in sums:
        return _sum(values)
    if name.endswith(OMITTED):
        # A list that one of them cut is cut.
        return _sum([0 if value is None else value for value in values])
    if name in _LISTS:
        return _list(values)
    if name in _ALL_MUST and (False in values or not all(isinstance(value, bool | None) for value in values)):
        return False
    first = values[0]
    return first if len(set(map(type, values))) == 1 and values.count(first) == len(values) else None


def _sum(values: list[JsonValue]) -> JsonValue:
    """Add up; None where one is missing or no number, or where the sum is none that can be written."""
    kinds = set(map(type, values))
    if not kinds <= _NUMBERS:
        return None
    numbers = cast("list[int | float]", values)
    total = math.fsum(numbers) if float in kinds else sum(numbers)
    return total if abs(total) <= MAX_INTEGER else None


def _list(values: list[JsonValue]) -> JsonValue:
    joined: list[JsonValue] = []
    for value in values:
        if not isinstance(value, list):
            return None
        joined.extend(value)
    return joined


def _percent(whole: JsonObject) -> float | None:
    """Work out the share of lines, never rounded up."""
    covered, total = whole.get("linesCovered"), whole.get("linesTotal")
    if not isinstance(covered, int | float) or not isinstance(total, int | float) or total <= 0:
        return None
    return 10_000 * covered // total / 100
