"""The tallies: what every format of a group has in common."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.formats import Limits, Severity, Thresholds
from collector.formats.coverage.tally import Sums
from collector.formats.coverage.tally import Tally as Coverage
from collector.formats.findings.severities import severity_of_score, severity_of_word
from collector.formats.findings.tally import Tally as Findings
from collector.formats.parts.tally import Tally as Parts
from collector.formats.testing.outcomes import Outcome, outcome_of
from collector.formats.testing.tally import Tally as Run
from shared.errors import Code, MalformedError

FAILED, PASSED = Outcome.FAILED, Outcome.PASSED


@pytest.mark.parametrize("word", ["passed", "OK", " Success "])
def test_a_word_for_passed_is_known_in_either_case(word: str) -> None:
    assert outcome_of(word) is PASSED


@pytest.mark.parametrize("word", ["", "inconclusive", "timeout", None, 5, True, "pass!"])
def test_an_outcome_that_is_not_known_counts_as_failed(word: object) -> None:
    assert outcome_of(word) is FAILED


def test_cases_are_counted_by_suite_in_any_order() -> None:
    tally = Run(Limits())
    for suite, name, outcome in (("a", "1", PASSED), ("b", "1", FAILED), ("a", "2", Outcome.SKIPPED)):
        tally.case(suite, name, outcome, seconds=0.5, message="m", text="t")
    tally.case("b", "b", Outcome.ERROR)
    tally.case("b", "2", Outcome.FLAKY)
    claim = tally.claim("T")
    assert claim.name == "T"
    assert not claim.passed
    assert claim.evidence == {
        "totalTests": 5,
        "passed": 2,
        "failed": 1,
        "errors": 1,
        "skipped": 1,
        "flaky": 1,
        "durationSeconds": 1.5,
        "suites": [
            {"name": "a", "tests": 2, "failed": 0, "errors": 0, "skipped": 1},
            {"name": "b", "tests": 3, "failed": 1, "errors": 1, "skipped": 0},
        ],
        "failedTests": ["1", "b"],
        "failedCases": [
            {"name": "1", "suite": "b", "message": "m", "text": "t"},
            {"name": "b", "suite": "b"},
        ],
    }


@pytest.mark.parametrize("reruns", [True, False])
def test_reruns_are_one_flaky_case_only_where_the_format_says_that_they_are_reruns(*, reruns: bool) -> None:
    tally = Run(Limits(), reruns=reruns)
    for outcome in (FAILED, Outcome.ERROR, PASSED):
        tally.case("s", "t", outcome)
    tally.case("other", "t", PASSED)
    claim = tally.claim("T")
    expected = (2, 0, 0, 1) if reruns else (2, 1, 1, 0)
    assert tuple(claim.evidence[key] for key in ("passed", "failed", "errors", "flaky")) == expected
    assert claim.passed is reruns


def test_no_case_and_skipped_cases_alone_are_not_passed() -> None:
    tally = Run(Limits())
    tally.suite("empty")
    assert not tally.claim("T").passed
    tally.case("s", "t", Outcome.SKIPPED)
    assert not tally.claim("T").passed


@pytest.mark.parametrize(
    ("declared", "kept"),
    [
        ({"tests": 2, "failures": 1, "errors": None}, None),
        ({"tests": 1}, {"tests": 1}),
        ({"failures": 0}, {"failures": 0}),
        ({"tests": 2, "skipped": 3}, {"tests": 2, "skipped": 3}),
    ],
)
def test_declared_totals_are_kept_where_they_contradict(
    declared: dict[str, int | None], kept: dict[str, int] | None
) -> None:
    tally = Run(Limits())
    tally.case("s", "t", PASSED)
    tally.case("s", "u", FAILED)
    tally.declare(**declared)
    assert tally.claim("T").evidence.get("declaredTotals") == kept


def test_a_million_suites_and_failures_take_little_memory() -> None:
    tally = Run(Limits(max_tracked=1_000), reruns=True)
    tracemalloc.start()
    for number in range(100_000):
        tally.case(f"suite {number}", "t", FAILED, message="m" * 10_000, text="x" * 10_000)
    evidence = tally.claim("T").evidence
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert evidence["failed"] == 100_000
    assert evidence["failedTestsOmitted"] == 99_800
    assert peak < 5 * 1024 * 1024


@pytest.mark.parametrize(
    ("score", "expected"),
    [
        (9.8, Severity.CRITICAL),
        ("7.0", Severity.HIGH),
        (4, Severity.MEDIUM),
        (0.1, Severity.LOW),
        (0, Severity.INFO),
        (-1, Severity.HIGH),
        (float("nan"), Severity.HIGH),
        ("n/a", Severity.HIGH),
        (None, Severity.HIGH),
        (True, Severity.HIGH),
    ],
)
def test_a_score_that_cannot_be_read_is_high(score: object, expected: Severity) -> None:
    assert severity_of_score(score) is expected


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("CRITICAL", Severity.CRITICAL),
        ("Moderate", Severity.MEDIUM),
        ("note", Severity.LOW),
        ("Negligible", Severity.INFO),
        ("UNKNOWN", Severity.HIGH),
        ("urgent", Severity.HIGH),
        (None, Severity.HIGH),
    ],
)
def test_a_severity_that_is_not_known_is_high(word: object, expected: Severity) -> None:
    assert severity_of_word(word) is expected


def test_findings_are_counted_by_rule_and_the_worst_rules_come_first() -> None:
    tally = Findings(Limits())
    tally.finding("low", Severity.LOW, fixable=True, path="a.py", line=3, message="m")
    tally.finding("bad", Severity.MEDIUM, fixable=False)
    claim = tally.claim("S", Thresholds())
    assert claim.passed
    assert claim.evidence == {
        "critical": 0,
        "high": 0,
        "medium": 1,
        "low": 1,
        "info": 0,
        "total": 2,
        "suppressed": 0,
        "fixable": 1,
        "rules": [
            {"id": "bad", "severity": "medium", "count": 1},
            {"id": "low", "severity": "low", "count": 1},
        ],
        "findings": [
            {"id": "low", "severity": "low", "path": "a.py", "line": 3, "message": "m"},
            {"id": "bad", "severity": "medium"},
        ],
    }
    assert not tally.claim("S", Thresholds(fail_on=Severity.LOW)).passed


@pytest.mark.parametrize("field", ["complete", "succeeded"])
def test_a_scan_that_is_not_whole_has_not_passed(field: str) -> None:
    tally = Findings(Limits())
    assert tally.claim("S", Thresholds()).passed
    setattr(tally, field, False)
    claim = tally.claim("S", Thresholds())
    assert not claim.passed
    assert claim.evidence["complete" if field == "complete" else "executionSuccessful"] is False


def test_too_many_rules_are_refused() -> None:
    tally = Findings(Limits(max_tracked=10))
    for number in range(10):
        tally.finding(str(number), Severity.LOW)
    with pytest.raises(MalformedError) as refused:
        tally.finding("another", Severity.LOW)
    assert refused.value.code is Code.TOO_LARGE


def test_a_line_counts_once_and_is_covered_if_it_was_ever_hit() -> None:
    tally = Coverage(Limits())
    for file, number, hit in (("a", 1, False), ("a", 64, False), ("b", 1, True), ("a", 1, True), ("a", 10**15, False)):
        tally.line(file, number, hit=hit, branches_covered=1, branches=2)
    tally.line("a", 1, hit=False, branches_covered=2, branches=2)
    tally.line("a", None, hit=True)
    tally.summed("c", Sums(9, 5))
    evidence = tally.claim("C", Thresholds()).evidence
    assert (evidence["linesCovered"], evidence["linesTotal"]) == (8, 10)
    assert (evidence["branchesCovered"], evidence["branchesTotal"]) == (5, 8)
    assert evidence["files"] == [
        {"path": "a", "covered": 2, "total": 4},
        {"path": "b", "covered": 1, "total": 1},
        {"path": "c", "covered": 5, "total": 5},
    ]


def test_files_past_the_five_hundredth_count_and_are_not_listed() -> None:
    tally = Coverage(Limits(max_tracked=100))
    for number in range(600):
        tally.line(f"{number}.py", 1, hit=True)
    evidence = tally.claim("C", Thresholds()).evidence
    assert (evidence["linesTotal"], evidence["filesOmitted"]) == (600, 100)


def test_nearly_all_is_never_called_all() -> None:
    tally = Coverage(Limits(), declared_rate=0.999999)
    assert tally.claim("C", Thresholds(min_coverage=100)).evidence["coverage"] == 99.99
    assert not tally.claim("C", Thresholds(min_coverage=100)).passed


def test_parts_are_listed_by_package_url_else_by_name_and_version() -> None:
    tally = Parts(Limits())
    tally.component(purl="pkg:npm/a@1", name="a", version="1", licenses=["MIT", "MIT"])
    tally.component(name="b", version="2", licenses=["MIT"])
    tally.component(name="c")
    tally.component()
    tally.product("p", "AB" * 32)
    tally.product("q", "no digest")
    claim = tally.claim("P", spelling="spdx", version="2.3", passed=True)
    assert claim.evidence == {
        "format": "spdx",
        "specVersion": "2.3",
        "componentCount": 4,
        "components": ["pkg:npm/a@1", "b@2", "c"],
        "licenses": {"MIT": 2},
    }
    assert claim.subjects == (("p", "ab" * 32),)


@pytest.mark.parametrize("seconds", [1e300, float("inf"), float("nan")])
def test_a_duration_that_no_run_can_have_is_left_out(seconds: float) -> None:
    tally = Run(Limits())
    tally.case("a", "1", PASSED, seconds=seconds)
    assert "durationSeconds" not in tally.claim("T").evidence


@given(
    st.lists(st.dictionaries(st.sampled_from([0, 1, 2, 63, 64, 65, 127, 128, 10**9]), st.booleans()), max_size=4),
    st.sampled_from([1, 3, 1_000]),
)
def test_many_lines_count_as_each_of_them_does(records: list[dict[int, bool]], most: int) -> None:
    limits = Limits(max_tracked=most)
    at_once, one_by_one = Coverage(limits), Coverage(limits)
    for number, lines in enumerate(records):
        file = f"file {number % 2}"
        at_once.lines(file, lines)
        for line, hit in lines.items():
            one_by_one.line(file, line, hit=hit)
    if most == 1_000:
        assert at_once.claim("LCOV", Thresholds()) == one_by_one.claim("LCOV", Thresholds())
    else:  # what is forgotten may count again, and never less
        total = at_once.claim("LCOV", Thresholds()).evidence["linesTotal"]
        assert isinstance(total, int)
        assert total >= len({(number % 2, line) for number, lines in enumerate(records) for line in lines})
