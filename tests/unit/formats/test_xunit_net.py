"""How the tests and errors of xUnit.net are counted."""

import pytest

from tests.unit.formats.reading import claim_of

OUTCOMES = ("passed", "failed", "errors", "skipped")


def report(tests: str, attributes: str = "total='1'", errors: str = "") -> bytes:
    inside = f"<errors>{errors}</errors><collection name='C'>{tests}</collection>"
    return f"<assemblies><assembly name='a.dll' {attributes}>{inside}</assembly></assemblies>".encode()


def counts(data: bytes) -> tuple[object, ...]:
    seen = claim_of(data).evidence
    return tuple(seen[name] for name in OUTCOMES)


@pytest.mark.parametrize(
    ("inside", "expected"),
    [
        ("result='Pass'>", "passed"),
        ("result='Fail'>", "failed"),
        ("result='Skip'>", "skipped"),
        ("result='NotRun'>", "skipped"),
        ("result='Passable'>", "failed"),
        (">", "failed"),
        ("result='Pass'><failure/>", "failed"),
        ("result='Skip'><failure/>", "failed"),
    ],
)
def test_a_test_ends_as_its_word_and_its_failure_say(inside: str, expected: str) -> None:
    assert counts(report(f"<test name='t' {inside}</test>")) == tuple(int(name == expected) for name in OUTCOMES)


def test_a_clean_up_that_failed_is_an_error_more() -> None:
    error = (
        "<error type='test-class-cleanup' name='N.C'><failure><message>m</message><stack-trace>s</stack-trace>"
        "</failure></error>"
    )
    data = report("<test name='t' result='Pass'/>", "total='1' failed='0' errors='1'", error)
    assert counts(data) == (1, 0, 1, 0)
    evidence = claim_of(data).evidence
    assert "declaredTotals" not in evidence
    assert evidence["failedCases"] == [{"name": "N.C", "suite": "a.dll", "message": "m", "text": "s"}]


def test_an_error_that_is_declared_and_not_there_is_a_contradiction() -> None:
    evidence = claim_of(report("<test name='t' result='Pass'/>", "total='1' failed='0' errors='1'")).evidence
    assert evidence["declaredTotals"] == {"tests": 2, "failures": 0, "errors": 1}


def test_the_failure_of_a_class_of_v1_is_an_error() -> None:
    data = b"<assembly total='1'><class name='K'><failure/><test name='t' type='K' result='Pass'/></class></assembly>"
    assert counts(data) == (1, 0, 1, 0)


def test_totals_of_assemblies_are_added() -> None:
    one = "<assembly total='{0}' skipped='1' not-run='1' time='1.5'>{1}</assembly>"
    tests = "<test result='Pass'/><test result='Skip'/><test result='NotRun'/>"
    data = f"<assemblies>{one.format(3, tests)}{one.format(3, tests)}</assemblies>".encode()
    evidence = claim_of(data).evidence
    assert counts(data) == (2, 0, 0, 4)
    assert evidence["durationSeconds"] == 3.0
    assert "declaredTotals" not in evidence


@pytest.mark.parametrize("data", [b"<assemblies/>", b"<assemblies><assembly total='0'/></assemblies>"])
def test_nothing_that_ran_has_not_passed(data: bytes) -> None:
    assert not claim_of(data).passed


def test_version_3_says_when_it_ran() -> None:
    data = b"<assemblies start-rtf='2024-05-01T10:00:00.1234567+02:00'><assembly test-framework='xUnit.net v3 1.2.3'/>"
    evidence = claim_of(data + b"</assemblies>").evidence
    assert (evidence["tool"], evidence["toolVersion"]) == ("xUnit.net", "1.2.3")
    assert evidence["reportedAt"] == "2024-05-01T08:00:00.123456Z"
