"""When a report of Checkov is complete, and how severe its checks are."""

import json

import pytest

from tests.unit.formats.reading import claim_of

JsonObject = dict[str, object]

CHECK: JsonObject = {"check_id": "CKV_1", "check_name": "n", "severity": None, "file_line_range": [3, 4]}


def report(
    *failed: JsonObject, passed: int = 0, errors: tuple[str, ...] = (), summary: JsonObject | None = None
) -> JsonObject:
    results: JsonObject = {"passed_checks": [CHECK] * passed, "failed_checks": failed, "parsing_errors": errors}
    return {"check_type": "terraform", "results": results, "summary": {"checkov_version": "3", **(summary or {})}}


def read(document: object) -> tuple[object, ...]:
    claim = claim_of(json.dumps(document).encode())
    return claim.evidence["total"], claim.passed, "complete" not in claim.evidence


REPORTS: dict[str, tuple[object, tuple[object, ...]]] = {
    "all passed": (report(passed=1), (0, True, True)),
    "all passed, as the summary says": (report(summary={"passed": 2}), (0, True, True)),
    "one failed": (report(CHECK, passed=1), (1, False, True)),
    "two reports, one failed": ([report(passed=1), report(CHECK)], (1, False, True)),
    "nothing was checked": (report(), (0, False, False)),
    "a file that was not parsed": (report(passed=1, errors=("x.tf",)), (0, False, False)),
    "a file that was not parsed, in another report": (
        [report(passed=1), report(errors=("x.tf",))],
        (0, False, False),
    ),
    "the summary says an error": (report(summary={"passed": 2, "parsing_errors": 1}), (0, False, False)),
    "failures that are not listed": (report(summary={"passed": 2, "failed": 1}), (0, False, False)),
    "no report": ({"passed": 0, "failed": 0, "checkov_version": "3"}, (0, False, False)),
}


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_passes_where_all_was_checked_and_nothing_failed(name: str) -> None:
    document, expected = REPORTS[name]
    assert read(document) == expected


@pytest.mark.parametrize(
    ("word", "level"), [("LOW", "low"), ("CRITICAL", "critical"), (None, "high"), ("ODD", "high"), (3, "high")]
)
def test_a_check_counts_by_its_severity_and_is_high_without_one(word: object, level: str) -> None:
    claim = claim_of(json.dumps(report({**CHECK, "severity": word})).encode())
    assert claim.evidence[level] == 1
