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
from collector.formats.json_events import EACH, Event, Kind
from shared.errors import Code, MalformedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from collector.formats.json_events import Path, Scalar
    from collector.formats.limits import Limits

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
"""The scalars of a result that `Reported.of` looks at."""

_DRIVER = -1
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
    def of(cls, result: Mapping[Path, Scalar], limits: Limits, *, levelless: bool) -> Reported:
        """Make it of a result's scalars by path; `levelless` for kinds whose level is none by default."""
        rule_id = result.get(("ruleId",)) or result.get(("rule", "id"))
        level = _level(result.get(("level",)))
        named = _integer(result.get(("rule", "index")))
        return cls(
            rule_id=rule_id[: limits.max_text_chars] if isinstance(rule_id, str) else "",
            component=_integer(result.get(("rule", "toolComponent", "index"))),
            place=named if named >= 0 else _integer(result.get(("ruleIndex",))),
            level=level,
            score=_score(result.get(("properties", "security-severity"))),
            is_info=levelless and level in {None, "none"},
        )


@dataclass(slots=True)
class Rule:
    """One rule: its id, its default level and its score, as far as they are said."""

    id: str = ""
    level: str | None = None
    score: float | None = None


@dataclass(slots=True)
class Rules:
    """The rules of the driver (component -1) and of the tool's extensions (0 and up), in document order."""

    limits: Limits
    extensions: int = 0
    _by_place: dict[tuple[int, int], Rule] = field(default_factory=dict)
    _by_id: dict[str, Rule] = field(default_factory=dict)
    _next: dict[int, int] = field(default_factory=dict)
    _open: Rule | None = None

    def take(self, component: int, path: Path, event: Event) -> None:
        """Take an event of a tool component; `path` is relative to the component."""
        if path[:2] != ("rules", EACH):
            return
        field_path = path[2:]
        if field_path == ():
            self._start_or_end(component, event)
        elif self._open is not None and event.kind is Kind.VALUE:
            _fill(self._open, field_path, event.value, self.limits)

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

    def _start_or_end(self, component: int, event: Event) -> None:
        if event.kind is Kind.MAP:
            self._open = Rule()
            index = self._next.get(component, 0)
            self._next[component] = index + 1
            self._by_place[component, index] = self._open
            if len(self._by_place) > self.limits.max_tracked:
                raise MalformedError(Code.TOO_LARGE, f"there are more than {self.limits.max_tracked} rules")
        elif event.kind is Kind.MAP_END and self._open is not None:
            self._by_id.setdefault(self._open.id, self._open)
            self._open = None


def severity(reported: Reported, rule: Rule | None) -> Severity:
    """Return how severe a result is, in the light of its rule."""
    if reported.is_info:
        return Severity.INFO
    score = reported.score if reported.score is not None else (rule.score if rule else None)
    if score is not None:
        return severity_of_score(score)
    return _LEVELS[reported.level or (rule.level if rule else None) or "warning"]


def _fill(rule: Rule, path: Path, value: Scalar, limits: Limits) -> None:
    if path == ("id",) and isinstance(value, str):
        rule.id = value[: limits.max_text_chars]
    elif path == ("defaultConfiguration", "level"):
        rule.level = _level(value)
    elif path == ("properties", "security-severity"):
        rule.score = _score(value)


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
