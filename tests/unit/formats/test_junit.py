"""How JUnit's dialects are counted."""

import io

import pytest

from collector.formats import Limits, Thresholds
from collector.formats.claim import Claim
from collector.formats.testing import junit
from shared.errors import Code, MalformedError
from tests.unit.formats.reading import claim_of


def suite(*cases: str, attributes: str = "") -> str:
    return f"<testsuite name='s' {attributes}>{''.join(cases)}</testsuite>"


def case(name: str, inside: str = "", attributes: str = "") -> str:
    return f"<testcase classname='c' name='{name}' {attributes}>{inside}</testcase>"


def read(*suites: str, attributes: str = "") -> Claim:
    return claim_of(f"<testsuites {attributes}>{''.join(suites)}</testsuites>".encode())


def counts(claim: Claim) -> tuple[object, ...]:
    return tuple(claim.evidence[key] for key in ("passed", "failed", "errors", "skipped", "flaky"))


PASS, FAIL, ERROR, SKIP = "", "<failure/>", "<error/>", "<skipped/>"

OUTCOMES: dict[str, tuple[str, str, tuple[int, int, int, int]]] = {
    "nothing inside": ("", "", (1, 0, 0, 0)),
    "a failure": (FAIL, "", (0, 1, 0, 0)),
    "an error": (ERROR, "", (0, 0, 1, 0)),
    "skipped": (SKIP, "", (0, 0, 0, 1)),
    "ignored": ("<ignored/>", "", (0, 0, 0, 1)),
    "disabled": ("<disabled/>", "", (0, 0, 0, 1)),
    "three failures": (FAIL * 3, "", (0, 1, 0, 0)),
    "a failure and an error": (FAIL + ERROR, "", (0, 0, 1, 0)),
    "an error and a failure": (ERROR + FAIL, "", (0, 0, 1, 0)),
    "skipped and a failure": (SKIP + FAIL, "", (0, 1, 0, 0)),
    "output only": (
        "<system-out>failure</system-out><system-err><![CDATA[<failure/>]]></system-err>",
        "",
        (1, 0, 0, 0),
    ),
    "a failure inside of the output": ("<system-out><failure/></system-out>", "", (1, 0, 0, 0)),
    "every attempt failed (Surefire)": ("<failure/><rerunFailure/><rerunFailure/>", "", (0, 1, 0, 0)),
    "failed, then an error on the rerun": ("<failure/><rerunError/>", "", (0, 0, 1, 0)),
    "status disabled": ("", "status='disabled'", (0, 0, 0, 1)),
    "status notrun (GoogleTest)": ("", "status='notrun' result='suppressed'", (0, 0, 0, 1)),
    "status run, result completed": ("", "status='run' result='completed'", (1, 0, 0, 0)),
    "status failed without a failure": ("", "status='FAILED'", (0, 1, 0, 0)),
    "status passed with a failure": (FAIL, "status='passed'", (0, 1, 0, 0)),
    "a status of its own": ("", "status='5'", (1, 0, 0, 0)),
}


@pytest.mark.parametrize("name", OUTCOMES)
def test_a_case_counts_once_as_the_worst_that_it_holds(name: str) -> None:
    inside, attributes, expected = OUTCOMES[name]
    claim = read(suite(case("t", inside, attributes)))
    assert counts(claim)[:4] == expected
    assert claim.evidence["totalTests"] == 1
    assert claim.passed == (expected == (1, 0, 0, 0))


ATTEMPTS: dict[str, tuple[list[str], tuple[int, int, int, int, int]]] = {
    "failed, then passed": ([FAIL, PASS], (1, 0, 0, 0, 1)),
    "failed twice, then passed": ([FAIL, ERROR, PASS], (1, 0, 0, 0, 1)),
    "never passed": ([FAIL, FAIL, ERROR], (0, 2, 1, 0, 0)),
    "all passed (parameters)": ([PASS, PASS, PASS], (3, 0, 0, 0, 0)),
    "passed, then failed": ([PASS, FAIL], (1, 1, 0, 0, 0)),
    "passed, failed, passed": ([PASS, FAIL, PASS], (2, 1, 0, 0, 0)),
    "failed, passed, passed": ([FAIL, PASS, PASS], (2, 1, 0, 0, 0)),
    "failed, passed, failed": ([FAIL, PASS, FAIL], (1, 2, 0, 0, 0)),
    "failed, passed, failed, passed": ([FAIL, PASS, FAIL, PASS], (2, 2, 0, 0, 0)),
    "failed, skipped, passed": ([FAIL, SKIP, PASS], (1, 1, 0, 1, 0)),
    "skipped, then passed": ([SKIP, PASS], (1, 0, 0, 1, 0)),
}


@pytest.mark.parametrize("name", ATTEMPTS)
def test_only_failures_that_one_pass_ends_are_attempts_of_one_test(name: str) -> None:
    outcomes, expected = ATTEMPTS[name]
    claim = read(suite(*(case("t", inside) for inside in outcomes)))
    assert counts(claim) == expected
    assert claim.passed == (expected[1] == expected[2] == 0)
    failed = claim.evidence["failedTests"]
    assert isinstance(failed, list)
    assert len(failed) == expected[1] + expected[2]


def test_attempts_may_be_apart_but_only_in_one_suite_of_one_place() -> None:
    assert counts(read(suite(case("t", FAIL), case("u"), case("t")))) == (2, 0, 0, 0, 1)
    assert counts(read(suite(case("t", FAIL)), suite(case("t")))) == (1, 1, 0, 0, 0)
    other_line = read(suite(case("t", FAIL, "file='a' line='1'"), case("t", "", "file='a' line='2'")))
    assert counts(other_line) == (1, 1, 0, 0, 0)


def test_what_surefire_calls_flaky_is_flaky_and_counts_as_passed() -> None:
    claim = read(suite(case("t", "<flakyFailure/><flakyError/>"), case("u", "<flakyFailure/><failure/>")))
    assert counts(claim) == (1, 1, 0, 0, 1)


def test_no_case_is_not_passed() -> None:
    claim = read(suite())
    assert not claim.passed
    assert claim.evidence["totalTests"] == 0
    assert claim.evidence["suites"] == [{"name": "s", "tests": 0, "failed": 0, "errors": 0, "skipped": 0}]


def test_skipped_cases_alone_are_not_passed() -> None:
    assert not read(suite(case("t", SKIP))).passed


def test_a_suite_that_broke_counts_as_one_case_with_its_name() -> None:
    claim = read(suite(case("t"), "<error message='set-up'/>"))
    assert counts(claim) == (1, 0, 1, 0, 0)
    assert claim.evidence["failedTests"] == ["s"]


def test_nested_suites_count_for_themselves() -> None:
    inner = "<testsuite name='inner'>" + case("t", FAIL) + "</testsuite>"
    claim = claim_of(f"<testsuite name='outer'>{inner}{case('u')}</testsuite>".encode())
    assert claim.evidence["suites"] == [
        {"name": "inner", "tests": 1, "failed": 1, "errors": 0, "skipped": 0},
        {"name": "outer", "tests": 1, "failed": 0, "errors": 0, "skipped": 0},
    ]


def test_cases_without_a_suite_are_counted() -> None:
    assert counts(read(case("t"), case("u", FAIL))) == (1, 1, 0, 0, 0)


def test_lists_are_cut_at_200_and_say_how_many_are_left_out() -> None:
    claim = read(*(suite(case(f"t{number}", FAIL)) for number in range(230)))
    for field in ("suites", "failedTests"):
        listed = claim.evidence[field]
        assert isinstance(listed, list)
        assert len(listed) == 200
        assert claim.evidence[f"{field}Omitted"] == 30
    assert claim.evidence["failed"] == 230


def test_a_test_is_named_by_class_and_name() -> None:
    claim = claim_of(
        b"<testsuite><testcase classname='a.B' name='c'><failure/></testcase>"
        b"<testcase name='d'><failure/></testcase>"
        b"<testcase classname='e f' name='e f'><failure/></testcase></testsuite>"
    )
    assert claim.evidence["failedTests"] == ["a.B.c", "d", "e f"]


@pytest.mark.parametrize(
    ("root", "outer", "inner", "expected"),
    [
        ("", "", "", None),
        ("time='5'", "time='4'", "time='3'", 5.0),
        ("", "time='1,234.5'", "time='3'", 1234.5),
        ("time='x'", "time='nan'", "time='4.5e-05'", 4.5e-05),
        ("time='-1'", "", "time='0,25'", 0.25),
    ],
)
def test_the_duration_is_the_outermost_that_is_declared(
    root: str, outer: str, inner: str, expected: float | None
) -> None:
    claim = read(suite(case("t", "", inner), attributes=outer), attributes=root)
    assert claim.evidence.get("durationSeconds") == expected


DECLARED: dict[str, tuple[str, str, list[str], dict[str, int] | None]] = {
    "agrees": ("", "tests='2' failures='1'", [PASS, FAIL], None),
    "nothing declared": ("", "", [PASS, FAIL], None),
    "no numbers": ("", "tests='many' failures=''", [PASS], None),
    "more tests than cases": ("", "tests='3' failures='0'", [PASS], {"tests": 3, "failures": 0}),
    "fewer failures than cases": ("", "tests='1' failures='0'", [FAIL], {"tests": 1, "failures": 0}),
    "failures counted by element": ("", "tests='1' failures='2'", [FAIL * 2], None),
    "attempts counted": ("", "tests='2' failures='1'", [FAIL, PASS], None),
    "skipped beside the tests": ("", "tests='1' skipped='1'", [PASS, SKIP], None),
    "skips and disabled": ("", "tests='2' skips='1' disabled='1'", [SKIP, "<disabled/>"], None),
    "the root disagrees": ("tests='9'", "tests='1'", [PASS], {"tests": 9}),
    "the suite disagrees": ("tests='1'", "tests='9'", [PASS], {"tests": 9}),
}


@pytest.mark.parametrize("name", DECLARED)
def test_declared_totals_are_kept_only_where_they_contradict(name: str) -> None:
    root, own, outcomes, expected = DECLARED[name]
    cases = [case("t", inside) for inside in outcomes]
    claim = read(suite(*cases, attributes=own), attributes=root)
    assert claim.evidence.get("declaredTotals") == expected


def test_totals_of_several_suites_are_added() -> None:
    claim = read(suite(case("t"), attributes="tests='1'"), suite(case("u"), attributes="tests='2'"))
    assert claim.evidence["declaredTotals"] == {"tests": 3}


@pytest.mark.parametrize(
    ("data", "tool", "version"),
    [
        ("<testsuites name='pytest tests'><testsuite name='pytest'/></testsuites>", "pytest", None),
        ("<testsuites name='jest tests'/>", "Jest", None),
        ("<testsuites name='Mocha Tests'/>", "Mocha", None),
        ("<testsuites name='AllTests'/>", "GoogleTest", None),
        (
            "<testsuite><properties><property name='go.version' value='go1.22 linux/amd64'/></properties></testsuite>",
            "go test",
            "go1.22 linux/amd64",
        ),
        ("<testsuite name='com.acme.Secret'/>", None, None),
    ],
)
def test_the_tool_is_known_by_its_marks_and_names_the_claim(data: str, tool: str | None, version: str | None) -> None:
    claim = claim_of(data.encode())
    assert (claim.evidence.get("tool"), claim.evidence.get("toolVersion")) == (tool, version)
    assert claim.name == (tool or "JUnit")


def test_another_root_is_refused() -> None:
    with pytest.raises(MalformedError) as refused:
        junit.read(io.BytesIO(b"<testcase><testsuites/></testcase>"), Thresholds(), Limits())
    assert refused.value.code is Code.BAD_SYNTAX
