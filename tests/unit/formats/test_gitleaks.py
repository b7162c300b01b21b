"""What counts in a Gitleaks report, and that no secret is kept."""

import io
import json
from typing import Any

import pytest

from collector.formats import Limits, Severity, Thresholds, recognise
from collector.formats.claim import Claim
from collector.formats.findings import gitleaks
from tests.unit.formats.reading import claim_of

SECRET = "hunter2"
LEAK = {
    "RuleID": "generic-api-key",
    "Description": "A key",
    "StartLine": 3,
    "Match": f"key = {SECRET}",
    "Secret": SECRET,
    "File": "app.py",
    "Author": SECRET,
    "Message": SECRET,
    "Fingerprint": "app.py:generic-api-key:3",
}


def read(*leaks: Any, thresholds: Thresholds | None = None) -> Claim:  # noqa: ANN401
    return claim_of(json.dumps(leaks).encode(), thresholds)


@pytest.mark.parametrize(
    ("tags", "level"),
    [
        ([], "high"),
        (["key", "AWS"], "high"),
        (["critical"], "critical"),
        (["Low"], "low"),
        (["severity:medium"], "medium"),
        (["severity: info", "aws"], "info"),
        (["low", "critical", "medium"], "critical"),
        (["lowish", 1, None, {"low": "low"}], "high"),
        ("low", "high"),
        (None, "high"),
    ],
)
def test_severity_of_a_leak(tags: object, level: str) -> None:
    claim = read(LEAK | {"Tags": tags})
    assert claim.evidence[level] == claim.evidence["total"] == 1
    assert claim.passed is (level not in {"critical", "high"})


def test_tags_of_version_7_are_one_text() -> None:
    claim = read({"rule": "r", "offender": SECRET, "line": SECRET, "file": "f", "lineNumber": 2, "tags": "aws, medium"})
    assert claim.evidence["findings"] == [{"id": "r", "severity": "medium", "path": "f", "line": 2}]
    assert SECRET not in repr(claim)


def test_a_secret_is_kept_nowhere() -> None:
    claim = read(LEAK, {"RuleID": "r", "Secret": SECRET})
    assert claim.evidence["findings"] == [
        {"id": "generic-api-key", "severity": "high", "path": "app.py", "line": 3, "message": "A key"},
        {"id": "r", "severity": "high"},
    ]
    assert SECRET not in repr(claim)


def test_a_leak_without_a_rule_counts() -> None:
    assert read(LEAK, {}).evidence["high"] == 2


def test_it_passes_below_the_threshold() -> None:
    assert read(LEAK, thresholds=Thresholds(fail_on=Severity.CRITICAL)).passed


def test_an_empty_array_is_of_no_format_and_is_not_passed() -> None:
    assert recognise(b"[]\n") is None
    assert not gitleaks.read(io.BytesIO(b"[]"), Thresholds(), Limits()).passed
