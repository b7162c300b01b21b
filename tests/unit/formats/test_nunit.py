"""How the cases and suites of NUnit 2 and 3 are counted."""

import pytest

from tests.unit.formats.reading import claim_of

OUTCOMES = ("passed", "failed", "errors", "skipped")


def nunit_2(cases: str, attributes: str = "") -> bytes:
    return f"<test-results total='1' {attributes}><test-suite name='S'>{cases}</test-suite></test-results>".encode()


def nunit_3(cases: str, run: str = "result='Passed'", suite: str = "result='Passed'") -> bytes:
    return f"<test-run {run}><test-suite fullname='S' {suite}>{cases}</test-suite></test-run>".encode()


def counts(data: bytes) -> tuple[object, ...]:
    seen = claim_of(data).evidence
    return tuple(seen[name] for name in OUTCOMES)


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ("executed='True' success='True'", "passed"),
        ("executed='True' success='False'", "failed"),
        ("executed='False'", "skipped"),
        ("executed='True' result='Success' success='True'", "passed"),
        ("executed='True' result='Success' success='False'", "failed"),
        ("executed='False' result='Success'", "skipped"),
        ("executed='True' result='Failure' success='False'", "failed"),
        ("executed='True' result='Error' success='False'", "errors"),
        ("executed='True' result='Inconclusive' success='False'", "skipped"),
        ("executed='False' result='Ignored'", "skipped"),
        ("executed='False' result='Skipped'", "skipped"),
        ("executed='False' result='NotRunnable'", "errors"),
        ("executed='True' result='Cancelled' success='False'", "errors"),
        ("executed='True' result='Fine' success='True'", "failed"),
        ("executed='True'", "failed"),
        ("", "failed"),
    ],
)
def test_a_case_of_nunit_2_ends_as_its_words_say(attributes: str, expected: str) -> None:
    assert counts(nunit_2(f"<test-case name='t' {attributes}/>")) == tuple(int(name == expected) for name in OUTCOMES)


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ("result='Passed'", "passed"),
        ("result='Failed'", "failed"),
        ("result='Failed' label='Error'", "errors"),
        ("result='Failed' label='Invalid'", "errors"),
        ("result='Failed' label='Cancelled'", "errors"),
        ("result='Failed:Error(Child)'", "failed"),
        ("result='Skipped' label='Ignored'", "skipped"),
        ("result='Skipped' label='Explicit'", "skipped"),
        ("result='Inconclusive'", "skipped"),
        ("result='Warning'", "skipped"),
        ("result='Well'", "failed"),
        ("", "failed"),
    ],
)
def test_a_case_of_nunit_3_ends_as_its_words_say(attributes: str, expected: str) -> None:
    seen = counts(nunit_3(f"<test-case fullname='t' {attributes}/>"))
    assert seen == tuple(int(name == expected) for name in OUTCOMES)


def test_a_case_with_a_failure_has_not_passed_whatever_it_says() -> None:
    assert counts(nunit_3("<test-case result='Passed'><failure/></test-case>")) == (0, 1, 0, 0)


@pytest.mark.parametrize(
    "data",
    [
        nunit_3("<test-case result='Passed'/>", suite="result='Failed' site='TearDown'"),
        nunit_3("<test-case result='Passed'/>", suite="result='Failed' site='Parent'"),
        nunit_3("<test-case result='Passed'/>", run="result='Failed'"),
        nunit_3("<test-case result='Passed'/>", run="result='Failed'", suite="result='Failed'"),
        nunit_3("<test-case result='Passed'/><failure/>"),
        nunit_3("<test-case result='Passed'/>", run=""),
        nunit_2("<test-case success='True'/><test-suite result='Error' success='False'/>"),
    ],
)
def test_a_suite_that_failed_without_a_failed_case_is_an_error_more(data: bytes) -> None:
    assert counts(data) == (1, 0, 1, 0)
    assert not claim_of(data).passed


def test_a_suite_that_failed_for_a_case_in_it_is_none() -> None:
    data = nunit_3("<test-case result='Failed'/>", run="result='Failed'", suite="result='Failed' site='Child'")
    assert counts(data) == (0, 1, 0, 0)


def test_the_fault_of_a_suite_does_not_contradict_the_totals() -> None:
    run = "result='Failed' total='1' failed='0'"
    evidence = claim_of(nunit_3("<test-case result='Passed'/>", run, "result='Failed'")).evidence
    assert "declaredTotals" not in evidence


@pytest.mark.parametrize(
    ("data", "declared"),
    [
        (nunit_3("<test-case result='Passed'/>", "result='Passed' total='2' failed='1'"), {"tests": 2, "failures": 1}),
        (nunit_2("<test-case success='True'/>", "not-run='0' errors='1'"), {"tests": 1, "errors": 1}),
    ],
)
def test_totals_that_the_cases_do_not_explain_are_kept(data: bytes, declared: dict[str, int]) -> None:
    seen = claim_of(data).evidence["declaredTotals"]
    assert isinstance(seen, dict)
    assert {name: seen[name] for name in declared} == declared


def test_nothing_that_ran_has_not_passed() -> None:
    assert not claim_of(b"<test-run result='Passed' total='0'/>").passed
    assert not claim_of(nunit_2("<test-case executed='False' result='Ignored'/>")).passed


def test_a_failure_tells_its_message_and_stack_and_no_output() -> None:
    data = nunit_3(
        "<test-case fullname='N.C.t' classname='N.C' result='Failed'><reason><message>no</message></reason><failure>"
        "<message><![CDATA[expected 1]]></message><stack-trace>at N.C.t()</stack-trace></failure>"
        "<output>secret</output></test-case>"
    )
    assert claim_of(data).evidence["failedCases"] == [
        {"name": "N.C.t", "suite": "N.C", "message": "expected 1", "text": "at N.C.t()"}
    ]
