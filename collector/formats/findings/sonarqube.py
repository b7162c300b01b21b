"""SonarQube's generic issues (the import format for issues of other analysers): each issue, by the worst that is said.

The format up to 10.2 has a `severity` in the issue, later ones have it in the rule: `severity` and, by software
quality, `impacts`. Of all that is said of an issue the worst counts; where nothing is said, or the rule is not
described, it is high. Sonar's words in our scale: BLOCKER and CRITICAL critical, MAJOR and HIGH high, MEDIUM medium,
MINOR and LOW low, INFO info. The format says neither what was analysed nor by which version of what; a report without
`issues` is not passed.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from collector.formats.claim import Severity
from collector.formats.findings.items import Item, items, keys
from collector.formats.findings.severities import severity_of_word
from collector.formats.findings.tally import LISTED, Tally
from collector.formats.json_events import EACH, Kind
from shared.errors import Code, MalformedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from collector.formats.claim import Claim, Thresholds
    from collector.formats.head import Head
    from collector.formats.json_events import Path
    from collector.formats.limits import Limits

TITLE = "SonarQube generic issues"

_ISSUE: Path = ("issues", EACH)
_RULE: Path = ("rules", EACH)
_IMPACT: Path = ("impacts", EACH, "severity")
_FILE: Path = ("primaryLocation", "filePath")
_MESSAGE: Path = ("primaryLocation", "message")
_LINE: Path = ("primaryLocation", "textRange", "startLine")
_PLACES = {
    _ISSUE: keys("engineId", "ruleId", "severity") | {_FILE, _MESSAGE, _LINE, _IMPACT},
    _RULE: keys("engineId", "id", "severity") | {_IMPACT},
}


class _Issue(NamedTuple):
    """All of an issue that its severity depends on."""

    engine: str
    rule: str
    own: Severity | None


def recognise(head: Head) -> bool:
    """Say whether issues with a rule and a place begin, or rules of an engine with issues behind them."""
    found = head.keys
    return (("issues", "[]", "primaryLocation") in found and ("issues", "[]", "ruleId") in found) or any(
        ("rules", "[]", mark) in found for mark in ("cleanCodeAttribute", "impacts")
    )


def read(stream: BinaryIO, thresholds: Thresholds, limits: Limits) -> Claim:
    """Count the issues of a report; raises `MalformedError` where it is no whole one."""
    tally = Tally(limits, complete=False)
    rules: dict[tuple[str, str], Severity | None] = {}
    issues: Counter[_Issue] = Counter()
    shown: list[tuple[_Issue, Item]] = []
    for event in items(stream, limits, _PLACES):
        if not isinstance(event, Item):
            tally.complete = tally.complete or (event.path == ("issues",) and event.kind is Kind.ARRAY)
        elif event.place == _RULE:
            rule = (_cut(event.text("engineId"), limits), _cut(event.text("id"), limits))
            rules[rule] = _worst([rules.get(rule), _said(event)])
        else:
            issue = _Issue(_cut(event.text("engineId"), limits), _cut(event.text("ruleId"), limits), _said(event))
            issues[issue] += 1
            if len(shown) < LISTED:
                shown.append((issue, event))
        if len(rules) > limits.max_tracked or len(issues) > limits.max_tracked:
            raise MalformedError(Code.TOO_LARGE, f"there are more than {limits.max_tracked} rules")
    by_id = _by_id(rules)
    for issue, number in issues.items():
        tally.count(issue.rule, _severity(issue, rules, by_id), number)
    for issue, item in shown:
        tally.show(
            issue.rule,
            _severity(issue, rules, by_id),
            path=item.text(*_FILE),
            line=item.whole(*_LINE),
            message=item.text(*_MESSAGE),
        )
    return tally.claim(TITLE, thresholds)


def _cut(text: str, limits: Limits) -> str:
    return text[: limits.max_text_chars]


def _said(item: Item) -> Severity | None:
    words = [word for path in (("severity",), _IMPACT) for word in item.values.get(path, ()) if word is not None]
    return _worst([severity_of_word(word) for word in words])


def _worst(levels: list[Severity | None]) -> Severity | None:
    return min((level for level in levels if level is not None), key=lambda level: level.rank, default=None)


def _by_id(rules: Mapping[tuple[str, str], Severity | None]) -> dict[str, Severity | None]:
    """Give the rules by their id alone, for issues that name no engine; the worst, where several engines have one."""
    found: dict[str, Severity | None] = {}
    for (_, rule), level in rules.items():
        found[rule] = _worst([found.get(rule), level])
    return found


def _severity(
    issue: _Issue, rules: Mapping[tuple[str, str], Severity | None], by_id: Mapping[str, Severity | None]
) -> Severity:
    rule = rules[issue.engine, issue.rule] if (issue.engine, issue.rule) in rules else by_id.get(issue.rule)
    return _worst([issue.own, rule]) or Severity.HIGH
