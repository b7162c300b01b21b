"""How the results of a TRX file are counted."""

import pytest

from tests.unit.formats.reading import claim_of

OUTCOMES = ("passed", "failed", "errors", "skipped")
PASSED = "<UnitTestResult testName='t' outcome='Passed'/>"
COMPLETED = "<ResultSummary outcome='Completed'/>"


def report(results: str, summary: str = COMPLETED) -> bytes:
    return (
        "<TestRun xmlns='http://microsoft.com/schemas/VisualStudio/TeamTest/2010'>"
        f"<Results>{results}</Results>{summary}</TestRun>"
    ).encode()


def counts(data: bytes) -> tuple[object, ...]:
    seen = claim_of(data).evidence
    return tuple(seen[name] for name in OUTCOMES)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("Passed", "passed"),
        ("Failed", "failed"),
        ("Warning", "failed"),
        ("Completed", "failed"),
        ("InProgress", "failed"),
        ("Pending", "failed"),
        ("Splendid", "failed"),
        ("NotExecuted", "skipped"),
        ("Inconclusive", "skipped"),
        ("Error", "errors"),
        ("Timeout", "errors"),
        ("Aborted", "errors"),
        ("Disconnected", "errors"),
        ("NotRunnable", "errors"),
        ("PassedButRunAborted", "errors"),
        ("", "errors"),
    ],
)
def test_a_result_ends_as_its_word_says(word: str, expected: str) -> None:
    data = report(f"<UnitTestResult testName='t' outcome='{word}'/>")
    assert counts(data) == tuple(int(name == expected) for name in OUTCOMES)


def test_an_outcome_that_is_not_written_is_an_error() -> None:
    assert counts(report("<UnitTestResult testName='t'/>")) == (0, 0, 1, 0)


def test_results_of_all_kinds_count() -> None:
    kinds = ("UnitTestResult", "GenericTestResult", "WebTestResult", "ManualTestResult", "TestResult")
    assert counts(report("".join(f"<{kind} outcome='Passed'/>" for kind in kinds))) == (5, 0, 0, 0)


@pytest.mark.parametrize(
    ("outer", "inner", "expected"),
    [
        ("Passed", ("Passed", "Passed"), (2, 0, 0, 0)),
        ("Failed", ("Passed", "Failed"), (1, 1, 0, 0)),
        ("Passed", ("Passed", "Failed"), (1, 1, 0, 0)),
        ("Failed", ("Passed", "Passed"), (2, 1, 0, 0)),
        ("Failed", (), (0, 1, 0, 0)),
        ("Passed", (), (0, 0, 0, 0)),
    ],
)
def test_inner_results_count_in_place_of_what_holds_them(
    outer: str, inner: tuple[str, ...], expected: tuple[int, ...]
) -> None:
    rows = "".join(f"<UnitTestResult outcome='{word}'/>" for word in inner)
    counters = "<ResultSummary outcome='Completed'><Counters total='9' failed='0'/></ResultSummary>"
    data = report(f"<UnitTestResult outcome='{outer}'><InnerResults>{rows}</InnerResults></UnitTestResult>", counters)
    assert counts(data) == expected
    assert "declaredTotals" not in claim_of(data).evidence


@pytest.mark.parametrize(
    "summary",
    [
        "<ResultSummary outcome='Failed'/>",
        "<ResultSummary outcome='Aborted'/>",
        "<ResultSummary outcome='Warning'/>",
        "<ResultSummary/>",
        "<ResultSummary outcome='Completed'><RunInfos><RunInfo outcome='Error'/></RunInfos></ResultSummary>",
        "<ResultSummary outcome='Failed'><Counters total='1' failed='0'/></ResultSummary>",
    ],
)
def test_a_run_that_failed_without_a_failed_result_is_an_error_more(summary: str) -> None:
    evidence = claim_of(report(PASSED, summary)).evidence
    assert tuple(evidence[name] for name in OUTCOMES) == (1, 0, 1, 0)
    assert "declaredTotals" not in evidence


def test_a_run_that_failed_for_a_result_is_none() -> None:
    assert counts(report("<UnitTestResult outcome='Failed'/>", "<ResultSummary outcome='Failed'/>")) == (0, 1, 0, 0)


def test_totals_that_the_results_do_not_explain_are_kept() -> None:
    summary = "<ResultSummary outcome='Completed'><Counters total='3' failed='1' timeout='1'/></ResultSummary>"
    assert claim_of(report(PASSED, summary)).evidence["declaredTotals"] == {"tests": 3, "failures": 2}


def test_nothing_that_ran_has_not_passed() -> None:
    assert not claim_of(report("")).passed
    assert not claim_of(report("<UnitTestResult outcome='NotExecuted'/>")).passed


def test_a_failure_tells_its_message_and_stack_and_no_output() -> None:
    data = report(
        "<UnitTestResult testName='t' outcome='Failed'><Output><StdOut>secret</StdOut><ErrorInfo><Message>m</Message>"
        "<StackTrace>s</StackTrace></ErrorInfo><TextMessages><Message>log</Message></TextMessages></Output>"
        "</UnitTestResult>"
    )
    assert claim_of(data).evidence["failedCases"] == [{"name": "t", "message": "m", "text": "s"}]


@pytest.mark.parametrize(
    ("duration", "expected"), [("00:00:01.5000000", 1.5), ("1.02:03:04", 93_784.0), ("90", None), ("", None)]
)
def test_durations_are_clock_times(duration: str, expected: float | None) -> None:
    data = report(f"<UnitTestResult outcome='Passed' duration='{duration}'/>")
    assert claim_of(data).evidence.get("durationSeconds") == expected
