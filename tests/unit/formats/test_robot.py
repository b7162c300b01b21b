"""How the tests and suites of Robot Framework are counted."""

import pytest

from tests.unit.formats.reading import claim_of

OUTCOMES = ("passed", "failed", "errors", "skipped")
GENERATOR = "generator='Robot 7.0 (Python 3.12.1 on linux)'"


def status(word: str, message: str = "") -> str:
    return f"<status status='{word}'>{message}</status>"


def case(word: str, inside: str = "") -> str:
    return f"<test name='t'>{inside}{status(word)}</test>"


def report(inside: str, suite: str = status("PASS"), statistics: str = "") -> bytes:
    return f"<robot {GENERATOR}><suite name='S'>{inside}{suite}</suite>{statistics}</robot>".encode()


def totals(**numbers: int) -> str:
    said = "".join(f" {name}='{number}'" for name, number in numbers.items())
    return f"<statistics><total><stat{said}>All Tests</stat></total><suite><stat pass='9'>S</stat></suite></statistics>"


def counts(data: bytes) -> tuple[object, ...]:
    seen = claim_of(data).evidence
    return tuple(seen[name] for name in OUTCOMES)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("PASS", "passed"),
        ("FAIL", "failed"),
        ("SKIP", "skipped"),
        ("NOT RUN", "skipped"),
        ("NOT SET", "failed"),
        ("PERHAPS", "failed"),
        ("", "failed"),
    ],
)
def test_a_test_ends_as_its_status_says(word: str, expected: str) -> None:
    assert counts(report(case(word))) == tuple(int(name == expected) for name in OUTCOMES)


@pytest.mark.parametrize("inside", ["", "<status/>", f"<kw name='k'>{status('PASS')}</kw>"])
def test_a_test_without_a_status_of_its_own_has_failed(inside: str) -> None:
    assert counts(report(f"<test name='t'>{inside}</test>")) == (0, 1, 0, 0)


def test_the_worst_status_counts() -> None:
    assert counts(report(case("PASS", status("FAIL")))) == (0, 1, 0, 0)


def test_keywords_are_no_tests() -> None:
    keyword = f"<kw name='k'><kw name='j'>{status('FAIL')}</kw>{status('FAIL')}</kw>"
    assert counts(report(case("PASS", keyword) + keyword)) == (1, 0, 0, 0)


def test_a_test_that_is_not_critical_counts() -> None:
    assert counts(report("<test name='t'><status status='FAIL' critical='no'/></test>")) == (0, 1, 0, 0)


@pytest.mark.parametrize("suite", [status("FAIL", "Suite teardown failed"), status("DOUBTFUL"), ""])
def test_a_suite_that_failed_without_a_failed_test_is_an_error_more(suite: str) -> None:
    statistics = totals(**{"pass": 0, "fail": 1})
    evidence = claim_of(report(case("PASS"), suite, statistics)).evidence
    assert tuple(evidence[name] for name in OUTCOMES) == (1, 0, 1, 0)
    assert "declaredTotals" not in evidence


def test_a_suite_that_failed_for_a_test_in_it_is_none() -> None:
    inner = f"<suite name='I'>{case('FAIL')}{status('FAIL')}</suite>"
    assert counts(report(inner, status("FAIL"))) == (0, 1, 0, 0)


def test_totals_that_the_tests_do_not_explain_are_kept() -> None:
    assert "declaredTotals" not in claim_of(report(case("PASS"), statistics=totals(**{"pass": 1, "fail": 0}))).evidence
    contradicted = claim_of(report(case("PASS"), statistics=totals(**{"pass": 1, "fail": 2, "skip": 0}))).evidence
    assert contradicted["declaredTotals"] == {"tests": 3, "failures": 2, "skipped": 0}


def test_a_failure_tells_full_names_and_its_message() -> None:
    data = report(f"<suite name='I'><test name='t'>{status('FAIL', 'no &amp; no')}</test>{status('FAIL')}</suite>")
    assert claim_of(data).evidence["failedCases"] == [{"name": "S.I.t", "suite": "S.I", "message": "no & no"}]


@pytest.mark.parametrize("inside", ["", case("SKIP")])
def test_nothing_that_ran_has_not_passed(inside: str) -> None:
    assert not claim_of(report(inside)).passed


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ("elapsed='1.5'", 1.5),
        ("starttime='20240228 23:59:59.500' endtime='20240229 00:00:01.000'", 1.5),
        ("starttime='20240230 00:00:00.000' endtime='20240301 00:00:00.000'", None),
        ("starttime='N/A' endtime='N/A'", None),
    ],
)
def test_the_duration_is_that_of_the_outermost_suite(times: str, expected: float | None) -> None:
    data = report(case("PASS"), f"<status status='PASS' {times}/>")
    assert claim_of(data).evidence.get("durationSeconds") == expected
