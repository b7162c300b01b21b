"""Which severity counts of those that an issue of SonarQube's generic format and its rule say."""

import json

import pytest

from tests.unit.formats.reading import claim_of

JsonObject = dict[str, object]


def rule(severity: str | None = None, *impacts: str, engine: str = "e", name: str = "r") -> JsonObject:
    said: JsonObject = {"severity": severity} if severity else {}
    quality = [{"softwareQuality": "SECURITY", "severity": impact} for impact in impacts]
    return {"id": name, "engineId": engine, "impacts": quality, **said}


def issue(severity: str | None = None, **said: str) -> JsonObject:
    own: JsonObject = {"severity": severity} if severity else {}
    return {"ruleId": "r", "primaryLocation": {"message": "m", "filePath": "a.c"}, **own, **said}


LEVELS: dict[str, tuple[list[JsonObject], JsonObject, str]] = {
    "the issue's": ([], issue("MINOR"), "low"),
    "the rule's": ([rule("INFO")], issue(), "info"),
    "the worst impact": ([rule(None, "LOW", "BLOCKER", "MEDIUM")], issue(), "critical"),
    "the worse of severity and impact": ([rule("MAJOR", "LOW")], issue(), "high"),
    "the worse of rule and issue": ([rule(None, "MEDIUM")], issue("INFO"), "medium"),
    "of the engine that is named": ([rule("MINOR"), rule("BLOCKER", engine="f")], issue(engineId="e"), "low"),
    "of the worst engine where none is named": ([rule("MINOR"), rule("BLOCKER", engine="f")], issue(), "critical"),
    "none at all": ([rule()], issue(), "high"),
    "a rule that is not described": ([rule("INFO", name="s")], issue(), "high"),
    "a word that nobody knows": ([rule("INFO")], issue("ODD"), "high"),
}


@pytest.mark.parametrize("name", LEVELS)
def test_the_worst_that_is_said_counts_wherever_the_rules_stand(name: str) -> None:
    rules, found, level = LEVELS[name]
    for document in ({"rules": rules, "issues": [found]}, {"issues": [found], "rules": rules}):
        seen = claim_of(json.dumps(document).encode()).evidence
        assert (seen["total"], seen[level]) == (1, 1)


def test_rules_without_issues_are_no_report() -> None:
    claim = claim_of(json.dumps({"rules": [rule("INFO")]}).encode())
    assert not claim.passed
    assert claim.evidence["complete"] is False
