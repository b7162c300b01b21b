"""What in a claim speaks against it, a sentence for each: it counts against the claim and never for it."""

import pytest

from shared.encoding import JsonObject, JsonValue
from shared.judging.contradictions import Kind, contradictions, typed
from shared.predicates import ClaimType

TESTS, COVERAGE, SCAN = ClaimType.TEST_RESULTS, ClaimType.COVERAGE, ClaimType.SECURITY_SCAN
SBOM, BUILD, CUSTOM = ClaimType.SBOM, ClaimType.BUILD_PROVENANCE, ClaimType.CUSTOM
GREEN: JsonObject = {"totalTests": 4, "passed": 3, "failed": 0, "errors": 0, "skipped": 1}
HUNDRED: JsonObject = {"coverage": 100, "linesCovered": 10, "linesTotal": 10}
CLEAN: JsonObject = {"critical": 0, "high": 1, "medium": 0, "low": 2, "info": 0, "total": 3}
SECONDS = ("2026-03-02T17:00:00Z", "2026-03-02T17:01:00Z")
MINUTE: JsonObject = {"startedAt": SECONDS[0], "completedAt": SECONDS[1]}
FAILING_SUITE: list[JsonValue] = [{"name": "a", "failed": 1, "errors": 0}]

ROWS: list[tuple[str, ClaimType, JsonObject, list[tuple[Kind, str]]]] = [
    ("tests that add up say nothing against it", TESTS, GREEN, []),
    ("no evidence says nothing against it", TESTS, {}, []),
    ("what is missing is missing, not zero", TESTS, {"totalTests": 4, "passed": 3}, []),
    ("null is missing", TESTS, {"totalTests": None, "failed": None}, []),
    ("a count of 4.0 is 4", TESTS, {**GREEN, "totalTests": 4.0}, []),
    ("passed with a failure", TESTS, {"failed": 1}, [(Kind.PASSED_WITH_FAILURES, "failed")]),
    ("passed with an error", TESTS, {"errors": 2}, [(Kind.PASSED_WITH_FAILURES, "errors")]),
    ("passed with failed tests listed", TESTS, {"failedTests": ["a"]}, [(Kind.PASSED_WITH_FAILURES, "failedTests")]),
    (
        "a failure with its list counts once",
        TESTS,
        {"failed": 1, "failedTests": ["a"]},
        [(Kind.PASSED_WITH_FAILURES, "failed")],
    ),
    ("passed, and there was no test", TESTS, {"totalTests": 0}, [(Kind.NOTHING_RAN, "totalTests")]),
    ("passed, and no test passed", TESTS, {"totalTests": 1, "passed": 0, "skipped": 1}, [(Kind.NOTHING_RAN, "passed")]),
    ("the parts are more than the total", TESTS, {"totalTests": 3, "passed": 4}, [(Kind.TOTALS, "totalTests")]),
    ("all parts are fewer than the total", TESTS, {**GREEN, "totalTests": 5}, [(Kind.TOTALS, "totalTests")]),
    ("the report declares other totals", TESTS, {"declaredTotals": {"tests": 9}}, [(Kind.TOTALS, "declaredTotals")]),
    (
        "a suite has more failures than the total",
        TESTS,
        {"failed": 0, "suites": FAILING_SUITE},
        [(Kind.TOTALS, "failed")],
    ),
    ("passed, and a suite failed", TESTS, {"suites": FAILING_SUITE}, [(Kind.PASSED_WITH_FAILURES, "suites")]),
    ("a negative count", TESTS, {"failed": -1}, [(Kind.NO_COUNT, "failed")]),
    ("half a test", TESTS, {"skipped": 0.5}, [(Kind.NO_COUNT, "skipped")]),
    ("a count in words", TESTS, {"passed": "4"}, [(Kind.NO_COUNT, "passed")]),
    ("a count that is true", TESTS, {"passed": True}, [(Kind.NO_COUNT, "passed")]),
    ("a count beyond 2^53", TESTS, {"passed": 1e300}, [(Kind.NO_COUNT, "passed")]),
    ("two names of one field that differ", TESTS, {"failures": 1, "failed": 0}, [(Kind.TOTALS, "failed")]),
    (
        "a duration that its times do not have",
        TESTS,
        {**MINUTE, "durationSeconds": 5},
        [(Kind.DURATION, "durationSeconds")],
    ),
    ("a duration that is off by less than a second", TESTS, {**MINUTE, "durationSeconds": 60.9}, []),
    (
        "an end before its start",
        CUSTOM,
        {"startedAt": SECONDS[1], "completedAt": SECONDS[0]},
        [(Kind.DURATION, "completedAt")],
    ),
    ("times that are none", CUSTOM, {"startedAt": "yesterday", "completedAt": SECONDS[0]}, []),
    ("a report that could not be read to its end", TESTS, {"unreadable": "bad_xml"}, [(Kind.INCOMPLETE, "unreadable")]),
    ("a report that says it is not complete", SCAN, {"complete": False}, [(Kind.INCOMPLETE, "complete")]),
    ("a tool that failed", SCAN, {"executionSuccessful": False}, [(Kind.INCOMPLETE, "executionSuccessful")]),
    ("coverage that adds up", COVERAGE, HUNDRED, []),
    ("coverage that is rounded", COVERAGE, {"coverage": 66.67, "linesCovered": 2, "linesTotal": 3}, []),
    ("coverage above 100", COVERAGE, {"coverage": 100.1}, [(Kind.OUT_OF_RANGE, "coverage")]),
    ("coverage below 0", COVERAGE, {"coverage": -1}, [(Kind.OUT_OF_RANGE, "coverage")]),
    ("coverage in words", COVERAGE, {"coverage": "87"}, [(Kind.OUT_OF_RANGE, "coverage")]),
    ("coverage that its lines do not have", COVERAGE, {**HUNDRED, "coverage": 90}, [(Kind.TOTALS, "coverage")]),
    ("no lines at all", COVERAGE, {"coverage": 100, "linesCovered": 0, "linesTotal": 0}, []),
    (
        "more lines covered than there are",
        COVERAGE,
        {"linesCovered": 3, "linesTotal": 2},
        [(Kind.TOTALS, "linesCovered")],
    ),
    (
        "more branches covered than there are",
        COVERAGE,
        {"branchesCovered": 3, "branchesTotal": 2},
        [(Kind.TOTALS, "branchesCovered")],
    ),
    ("findings that add up", SCAN, CLEAN, []),
    ("a critical finding", SCAN, {"critical": 1}, [(Kind.PASSED_WITH_FAILURES, "critical")]),
    ("findings that do not add up", SCAN, {**CLEAN, "total": 2}, [(Kind.TOTALS, "total")]),
    ("more findings than the total", SCAN, {"high": 3, "total": 2}, [(Kind.TOTALS, "total")]),
    ("a list of parts that was cut", SBOM, {"componentCount": 3, "components": ["a"]}, []),
    (
        "more parts than their count",
        SBOM,
        {"componentCount": 1, "components": ["a", "b"]},
        [(Kind.TOTALS, "componentCount")],
    ),
    ("a size that is none", BUILD, {"size": -5}, [(Kind.NO_COUNT, "size")]),
    ("a type that has no fields of its own", CUSTOM, {"failed": 5, "passed": "x"}, []),
]
ONLY_OF_PASSED = {Kind.PASSED_WITH_FAILURES, Kind.NOTHING_RAN, Kind.INCOMPLETE}


@pytest.mark.parametrize(("kind", "evidence", "found"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_what_speaks_against_a_claim_that_passed(
    kind: ClaimType, evidence: JsonObject, found: list[tuple[Kind, str]]
) -> None:
    assert [one[:2] for one in contradictions(kind, evidence, passed=True)] == found


@pytest.mark.parametrize(("kind", "evidence", "found"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_a_claim_that_failed_is_only_held_against_what_contradicts_itself(
    kind: ClaimType, evidence: JsonObject, found: list[tuple[Kind, str]]
) -> None:
    expected = [one for one in found if one[0] not in ONLY_OF_PASSED]
    assert [one[:2] for one in contradictions(kind, evidence, passed=False)] == expected


def test_a_detail_quotes_no_text_of_the_sender() -> None:
    told = contradictions(TESTS, {"passed": "hunter2 " * 9, "failed": -1}, passed=True)
    assert told
    assert not any("hunter2" in one.detail for one in told)


@pytest.mark.parametrize(
    ("said", "counted"),
    [
        ({"failures": 4, "timeSeconds": 2.5}, {"failed": 4, "durationSeconds": 2.5}),
        ({"failures": 4, "failed": 4}, {"failed": 4}),
        ({"failures": 4, "failed": 3}, {"failures": 4, "failed": 3}),
        ({"myOwn": {"failures": 4}}, {"myOwn": {"failures": 4}}),
    ],
    ids=["other names", "both names, the same", "both names, different", "not below the top"],
)
def test_other_names_of_fields_count_as_the_fields(said: JsonObject, counted: JsonObject) -> None:
    assert typed(TESTS, said) == counted


def test_other_types_keep_their_names() -> None:
    assert typed(CUSTOM, {"failures": 4}) == {"failures": 4}
