"""Counts the findings of a scan and makes the claim; a format only says what it found.

Rules for all formats: passed is a scan that is complete and has nothing at or above `fail_on`. Memory is
bounded: by the distinct rules (`max_tracked`, past which the file is refused) and 200 findings that are kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from heapq import nsmallest
from typing import TYPE_CHECKING

from collector.formats.claim import Basis, Claim, ClaimType, Severity, cut_list
from shared.errors import Code, MalformedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from collector.formats.claim import Thresholds
    from collector.formats.limits import Limits
    from shared.encoding import JsonObject, JsonValue

LISTED = 200
MESSAGE_CHARS = 2_000
"""Kept of a message: more than may leave, so that a secret at the cut is seen whole."""


@dataclass(slots=True)
class Tally:
    """Takes the findings of a report and makes the claim at its end.

    `tool` and `tool_version` where the file says so, `reported_at` as `collector.formats.times` gives it;
    `suppressed` counts what somebody accepted and is no finding, `undecided` those of the findings that wait
    for a review. `complete` is False where the report does not say all that it should (a target that could
    not be scanned), `succeeded` where the tool says that it failed itself: neither passes.
    """

    limits: Limits
    tool: str | None = None
    tool_version: str | None = None
    reported_at: str | None = None
    suppressed: int = 0
    undecided: int = 0
    complete: bool = True
    succeeded: bool = True
    _by_rule: dict[Severity, dict[str, int]] = field(default_factory=lambda: {level: {} for level in Severity})
    _rules: int = 0
    _fixable: int | None = None
    _listed: list[JsonValue] = field(default_factory=list)

    @property
    def is_listing(self) -> bool:
        """Whether the next finding is listed; if not, what is said of it in words is not looked at."""
        return len(self._listed) < LISTED

    def finding(
        self,
        rule_id: str,
        severity: Severity,
        *,
        fixable: bool | None = None,
        path: str | None = None,
        line: int | None = None,
        message: str | None = None,
    ) -> None:
        """Count one finding: the rule or the vulnerability, and how bad it is.

        `fixable` is None where the report cannot say; path, line and message leave at level `full` only.
        """
        self.count(rule_id, severity)
        if self.is_listing:
            self.show(rule_id, severity, path=path, line=line, message=message)
        if fixable is not None:
            self._fixable = (self._fixable or 0) + fixable

    def count(self, rule_id: str, severity: Severity, number: int = 1) -> None:
        """Count findings of one rule that `show` tells of, or nothing does."""
        rules, rule = self._by_rule[severity], rule_id[: self.limits.max_text_chars]
        known = rules.get(rule)
        if known is None:
            self._rules += 1
            if self._rules > self.limits.max_tracked:
                raise MalformedError(Code.TOO_LARGE, f"more than {self.limits.max_tracked} rules have findings")
        rules[rule] = (known or 0) + number

    def show(
        self,
        rule_id: str,
        severity: Severity,
        *,
        path: str | None = None,
        line: int | None = None,
        message: str | None = None,
    ) -> None:
        """List one finding that `count` counts, if there is room."""
        if len(self._listed) >= LISTED:
            return
        most = self.limits.max_text_chars
        said: dict[str, str | int | None] = {
            "id": rule_id[:most],
            "severity": severity.value,
            "path": path and path[:most],
            "line": line,
            "message": message and message[:MESSAGE_CHARS],
        }
        self._listed.append({name: value for name, value in said.items() if value not in (None, "")})

    def claim(self, title: str, thresholds: Thresholds, more: Mapping[str, JsonValue] | None = None) -> Claim:
        """Make the claim, named after the tool, else `title`; `more` are evidence fields of the format."""
        by_level = {level: sum(rules.values()) for level, rules in self._by_rule.items()}
        total = sum(by_level.values())
        evidence: JsonObject = {level.value: number for level, number in by_level.items()}
        evidence |= {"total": total, "suppressed": self.suppressed, **(more or {})}
        listed: list[JsonValue] = []
        for level, rules in self._by_rule.items():
            most = nsmallest(LISTED - len(listed), rules.items(), key=lambda rule: (-rule[1], rule[0]))
            listed += [{"id": rule, "severity": level.value, "count": number} for rule, number in most]
        cut_list(evidence, "rules", listed, self._rules)
        if self._listed:
            cut_list(evidence, "findings", self._listed, total)
        if self._fixable is not None:
            evidence["fixable"] = self._fixable
        if self.undecided:
            evidence["undecided"] = self.undecided
        if not self.complete:
            evidence["complete"] = False
        if not self.succeeded:
            evidence["executionSuccessful"] = False
        said = (("tool", self.tool), ("toolVersion", self.tool_version), ("reportedAt", self.reported_at))
        evidence |= {name: value for name, value in said if value}
        is_whole = self.complete and self.succeeded
        found = (level for level, rules in self._by_rule.items() if rules)
        return Claim(
            type=ClaimType.SECURITY_SCAN,
            name=self.tool or title,
            basis=Basis.MEASURED,
            passed=is_whole and not any(level.rank <= thresholds.fail_on.rank for level in found),
            evidence=evidence,
        )
