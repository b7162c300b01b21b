"""The rules of one SARIF run, and how severe a result is in their light (SARIF 2.1.0, 3.27.5-10 and 3.52).

A result names its rule by index or id, in the driver or in an extension of the tool; an id may be that of
the rule followed by "/" and more. Where index and id disagree, the id counts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from collector.formats.claim import Severity
from collector.formats.findings.severities import severity_of_score
from shared.errors import Code, MalformedError

if TYPE_CHECKING:
    from collector.formats.json_events import Path, Scalar
    from collector.formats.limits import Limits
    from shared.encoding import JsonObject, JsonValue

RULE_FIELDS: frozenset[Path] = frozenset(
    {("id",), ("defaultConfiguration", "level"), ("properties", "security-severity")}
)
"""What `Rules.add` looks at of a rule."""

REPORTED_FIELDS: frozenset[Path] = frozenset(
    {
        ("ruleId",),
        ("ruleIndex",),
        ("rule", "id"),
        ("rule", "index"),
        ("rule", "toolComponent", "index"),
        ("level",),
        ("properties", "security-severity"),
    }
)
"""What `Reported.of` looks at of a result."""

_LEVELS = {"error": Severity.HIGH, "warning": Severity.MEDIUM, "note": Severity.LOW, "none": Severity.INFO}


class Reported(NamedTuple):
    """All of a result that its severity depends on; results that are alike in this are only counted."""

    rule_id: str
    component: int
    place: int
    level: str | None
    score: float | None
    is_info: bool

    @classmethod
    def of(cls, result: JsonObject, limits: Limits, *, levelless: bool) -> Reported:
        """Make it of a result; `levelless` for kinds whose level is none by default."""
        rule = _table(result, "rule")
        rule_id = scalar(result, "ruleId") or scalar(rule, "id")
        level = _level(scalar(result, "level"))
        named = _integer(scalar(rule, "index"))
        return cls(
            rule_id=rule_id[: limits.max_text_chars] if isinstance(rule_id, str) else "",
            component=_integer(scalar(_table(rule, "toolComponent"), "index")),
            place=named if named >= 0 else _integer(scalar(result, "ruleIndex")),
            level=level,
            score=_score(scalar(_table(result, "properties"), "security-severity")),
            is_info=levelless and level in {None, "none"},
        )


class Rule(NamedTuple):
    """One rule: its id, its default level and its score, as far as they are said."""

    id: str
    level: str | None
    score: float | None


@dataclass(slots=True)
class Rules:
    """The rules of the driver (component -1) and of the tool's extensions (0 and up)."""

    limits: Limits
    _by_place: dict[tuple[int, int], Rule] = field(default_factory=dict)
    _by_id: dict[str, Rule] = field(default_factory=dict)

    def add(self, component: int, place: int, described: JsonValue) -> None:
        """Take the rule at a place in the list of a tool component."""
        if not isinstance(described, dict):
            return
        rule_id = scalar(described, "id")
        rule = Rule(
            rule_id[: self.limits.max_text_chars] if isinstance(rule_id, str) else "",
            _level(scalar(_table(described, "defaultConfiguration"), "level")),
            _score(scalar(_table(described, "properties"), "security-severity")),
        )
        self._by_place[component, place] = rule
        self._by_id.setdefault(rule.id, rule)
        if len(self._by_place) > self.limits.max_tracked:
            raise MalformedError(Code.TOO_LARGE, f"there are more than {self.limits.max_tracked} rules")

    def find(self, reported: Reported) -> Rule | None:
        """Return the rule that a result names, None if it is not described."""
        placed = self._by_place.get((reported.component, reported.place))
        if placed is not None and (not reported.rule_id or _is_of(reported.rule_id, placed.id)):
            return placed
        rule_id = reported.rule_id
        while rule_id:
            if rule_id in self._by_id:
                return self._by_id[rule_id]
            rule_id = rule_id.rpartition("/")[0]
        return None


def severity(reported: Reported, rule: Rule | None) -> Severity:
    """Return how severe a result is, in the light of its rule."""
    if reported.is_info:
        return Severity.INFO
    score = reported.score if reported.score is not None else (rule.score if rule else None)
    if score is not None:
        return severity_of_score(score)
    return _LEVELS[reported.level or (rule.level if rule else None) or "warning"]


def scalar(table: JsonObject, name: str) -> Scalar:
    """Return a member that is no container, None for any other."""
    value = table.get(name)
    return None if isinstance(value, dict | list) else value


def _table(table: JsonObject, name: str) -> JsonObject:
    value = table.get(name)
    return value if isinstance(value, dict) else {}


def _is_of(rule_id: str, described: str) -> bool:
    return rule_id == described or rule_id.startswith(f"{described}/")


def _level(value: Scalar) -> str | None:
    if value is None:
        return None
    return value if isinstance(value, str) and value in _LEVELS else "error"


def _integer(value: Scalar) -> int:
    """Return an index; -1, which SARIF takes for absent, for what is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else -1


def _score(value: Scalar) -> float | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        score = float(value)
    except ValueError:
        return None
    return score if math.isfinite(score) and score >= 0 else None
