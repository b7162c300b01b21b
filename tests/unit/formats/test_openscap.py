"""How the results of XCCDF rules are counted."""

import pytest

from tests.unit.formats.reading import claim_of

NAMESPACE = "http://checklists.nist.gov/xccdf/1.2"


def rule(result: str, severity: str = "severity='low'") -> str:
    return f"<rule-result idref='r' {severity}><result>{result}</result></rule-result>"


def report(*rules: str) -> bytes:
    return f"<Benchmark xmlns='{NAMESPACE}'><TestResult>{''.join(rules)}</TestResult></Benchmark>".encode()


def read(data: bytes) -> tuple[object, ...]:
    claim = claim_of(data)
    seen = claim.evidence
    return seen["high"], seen["low"], seen.get("undecided", 0), claim.passed, "complete" not in seen


RESULTS: dict[str, tuple[tuple[str, ...], tuple[object, ...]]] = {
    "pass": ((rule("pass"),), (0, 0, 0, True, True)),
    "fixed": ((rule("fixed"),), (0, 0, 0, True, True)),
    "fail": ((rule("fail"),), (0, 1, 0, True, True)),
    "fail without a severity": ((rule("fail", ""),), (1, 0, 0, False, True)),
    "fail of unknown severity": ((rule("fail", "severity='unknown'"),), (1, 0, 0, False, True)),
    "error": ((rule("error"),), (1, 0, 0, False, True)),
    "unknown": ((rule("unknown"),), (1, 0, 0, False, True)),
    "a word that nobody knows": ((rule("odd"),), (1, 0, 0, False, True)),
    "no result": (("<rule-result severity='low'/>",), (1, 0, 0, False, True)),
    "not checked, beside one that passed": ((rule("notchecked"), rule("pass")), (0, 0, 1, True, True)),
    "nothing checked": ((rule("notchecked"), rule("notapplicable"), rule("notselected")), (0, 0, 1, False, False)),
    "only information": ((rule("informational"),), (0, 0, 0, False, False)),
    "no rule": ((), (0, 0, 0, False, False)),
}


@pytest.mark.parametrize("name", RESULTS)
def test_a_rule_counts_by_its_result(name: str) -> None:
    rules, expected = RESULTS[name]
    assert read(report(*rules)) == expected


def test_an_error_is_no_milder_than_its_rule() -> None:
    assert claim_of(report(rule("error", "severity='critical'"))).evidence["critical"] == 1


def test_a_result_inside_of_an_override_is_not_that_of_the_rule() -> None:
    override = "<override><result>pass</result></override>"
    assert read(report(f"<rule-result severity='low'>{override}<result>fail</result></rule-result>"))[1] == 1


@pytest.mark.parametrize("root", ["Benchmark", "TestResult"])
def test_a_document_without_results_is_not_passed(root: str) -> None:
    claim = claim_of(f"<{root} xmlns='{NAMESPACE}'><Rule id='r' severity='low'/></{root}>".encode())
    assert not claim.passed
    assert claim.evidence["complete"] is False
