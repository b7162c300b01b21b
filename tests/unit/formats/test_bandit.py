"""What counts in a Bandit report, and what it takes to pass."""

import json
from typing import Any

import pytest

from collector.formats.claim import Claim
from tests.unit.formats.reading import claim_of

Json = dict[str, Any]
SEEN = {"_totals": {"loc": 10, "nosec": 0, "skipped_tests": 0}, "app.py": {"loc": 10, "nosec": 4}}


def read(*results: Json, **more: object) -> Claim:
    report = {"errors": [], "generated_at": "2024-01-02T03:04:05Z", "metrics": SEEN, "results": list(results)}
    return claim_of(json.dumps(report | more).encode())


@pytest.mark.parametrize(
    ("word", "level"),
    [("HIGH", "high"), ("MEDIUM", "medium"), ("LOW", "low"), ("UNDEFINED", "high"), (None, "high"), (1, "high")],
)
def test_severity_of_a_result(word: object, level: str) -> None:
    claim = read({"test_id": "B1", "issue_severity": word})
    assert claim.evidence[level] == claim.evidence["total"] == 1
    assert claim.passed is (level != "high")


def test_a_finding_says_its_place() -> None:
    found = {"test_id": "B301", "issue_severity": "LOW", "issue_text": "Bad", "filename": "app.py", "line_number": 7}
    assert read(found).evidence["findings"] == [
        {"id": "B301", "severity": "low", "path": "app.py", "line": 7, "message": "Bad"},
    ]


def test_a_password_is_kept_nowhere() -> None:
    found = {"issue_severity": "LOW", "issue_text": "Possible hardcoded password: 'hunter2'", "code": "x = 'hunter2'"}
    assert "hunter2" not in repr(read(*(found | {"test_id": test} for test in ("B105", "B106", "B107"))))


def test_what_nosec_skipped_is_suppressed() -> None:
    claim = read(metrics={"_totals": {"loc": 1, "nosec": 2, "skipped_tests": 3}})
    assert claim.passed
    assert claim.evidence["suppressed"] == 5


NOTHING_SEEN: dict[str, Json] = {
    "a file that could not be read": {"errors": [{"filename": "x.py", "reason": "syntax error"}]},
    "no line of code": {"metrics": {"_totals": {"loc": 0}}},
    "no totals": {"metrics": {"app.py": {"loc": 10}}},
    "no metrics": {"metrics": None},
    "a count that is none": {"metrics": {"_totals": {"loc": "10"}}},
    "a truth for a count": {"metrics": {"_totals": {"loc": True}}},
    "no results": {"results": None},
}


@pytest.mark.parametrize("name", NOTHING_SEEN)
def test_what_nobody_scanned_is_not_passed(name: str) -> None:
    assert read().passed
    claim = read(**NOTHING_SEEN[name])
    assert not claim.passed
    assert claim.evidence["complete"] is False
