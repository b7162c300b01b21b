"""What counts in a Semgrep report, and what it takes to pass."""

import json
from typing import Any

import pytest

from collector.formats import recognise
from collector.formats.claim import Claim
from tests.unit.formats.reading import claim_of

Json = dict[str, Any]


def read(*results: Json, **more: object) -> Claim:
    report = {"version": "1.2", "results": list(results), "errors": [], "paths": {"scanned": ["app.py"]}}
    return claim_of(json.dumps(report | more).encode())


def result(severity: object = "INFO", **extra: object) -> Json:
    return {
        "check_id": "eval",
        "path": "app.py",
        "start": {"line": 3},
        "extra": {"severity": severity, "message": "Bad", "lines": "eval('hunter2')", **extra},
    }


@pytest.mark.parametrize(
    ("word", "level"),
    [
        ("ERROR", "high"),
        ("WARNING", "medium"),
        ("INFO", "low"),
        ("CRITICAL", "critical"),
        ("HIGH", "high"),
        ("MEDIUM", "medium"),
        ("LOW", "low"),
        ("EXPERIMENT", "high"),
        (None, "high"),
    ],
)
def test_severity_of_a_result(word: object, level: str) -> None:
    claim = read(result(word))
    assert claim.evidence[level] == claim.evidence["total"] == 1
    assert claim.passed is (level not in {"critical", "high"})


def test_what_is_ignored_is_suppressed() -> None:
    claim = read(result("ERROR", is_ignored=True), result("INFO", is_ignored=False), result("INFO", is_ignored="yes"))
    assert claim.passed
    assert (claim.evidence["total"], claim.evidence["suppressed"]) == (2, 1)


def test_what_has_a_fix_is_fixable() -> None:
    assert read(result(fix="x"), result(fix=""), result()).evidence["fixable"] == 1


def test_a_finding_says_its_place_and_no_code() -> None:
    claim = read(result())
    assert claim.evidence["findings"] == [
        {"id": "eval", "severity": "low", "path": "app.py", "line": 3, "message": "Bad"},
    ]
    assert "hunter2" not in repr(claim)


NOT_ALL_SEEN: dict[str, Json] = {
    "an error": {"errors": [{"level": "error", "type": "Rule parse error"}]},
    "a file that was parsed in part": {"errors": [{"level": "warn", "type": ["PartialParsing", []]}]},
    "a file that took too long": {"errors": [{"level": "warn", "type": "Timeout"}]},
    "an error without a level": {"errors": [{"type": "Timeout"}]},
    "a rule that was skipped": {"skipped_rules": [{"rule_id": "x"}]},
    "no path that was scanned": {"paths": {"scanned": []}},
    "a path that is none": {"paths": {"scanned": [None]}},
    "no paths": {"paths": None},
    "no results": {"results": None},
}


@pytest.mark.parametrize("name", NOT_ALL_SEEN)
def test_what_nobody_scanned_is_not_passed(name: str) -> None:
    report: Json = {"version": "1", "results": [], "errors": [], "paths": {"scanned": ["a"]}} | NOT_ALL_SEEN[name]
    marks = {"errors": [{"level": "info"}]} if not report["paths"] else {}
    claim = claim_of(json.dumps(report | marks).encode())
    assert not claim.passed
    assert claim.evidence["complete"] is False


def test_a_scan_with_notes_only_passes() -> None:
    assert read(errors=[{"level": "info", "type": "Incompatible rule"}]).passed


@pytest.mark.parametrize(
    "data",
    [
        b'{"results":[],"errors":[],"paths":{}}',
        b'{"results":{"check_id":1},"errors":[]}',
        b'{"version":"1","results":[]}',
        b'{"check_id":"x"}',
    ],
)
def test_what_has_the_shape_by_chance_is_left_alone(data: bytes) -> None:
    assert recognise(data) is None
