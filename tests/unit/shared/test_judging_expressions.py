from __future__ import annotations

import threading
import time
from collections.abc import Mapping

import pytest

from collector.formats.fields import FIELDS as COLLECTED
from collector.formats.fields import Shape
from shared.encoding import JsonObject, JsonValue
from shared.errors import CarnetError
from shared.judging.expressions import MAX_CHARS, compile_expect, compile_where
from shared.judging.names import fields_of
from shared.judging.problems import PolicyError

TESTS, SCAN = "TEST_RESULTS", "SECURITY_SCAN"


def where(text: str, evidence: JsonObject, kind: str = TESTS, *, cut: tuple[str, ...] = ()) -> tuple[bool, str]:
    outcome = compile_where(text, kind).evaluate({"evidence": evidence, "group": {"size": 2}}, cut=cut)
    return outcome.met, outcome.reason


def refused(text: str, kind: str = TESTS) -> list[str]:
    with pytest.raises(PolicyError) as caught:
        compile_where(text, kind)
    return [str(one) for one in caught.value.problems]


@pytest.mark.parametrize(
    ("text", "evidence"),
    [
        ("evidence.failed == 0", {"failed": 0}),
        ("evidence.failed == 0", {"failed": 0.0}),
        ("evidence.failed == 0 && evidence.passed >= 10", {"failed": 0, "passed": 10}),
        ("evidence.durationSeconds < 60", {"durationSeconds": 59.5}),
        ("evidence.suites.all(suite, suite.failed == 0)", {"suites": [{"name": "a", "failed": 0}]}),
        ("group.size == 2", {}),
        (".evidence\n . // one\n failed == 0", {"failed": 0}),
        ("evidence.`failed` == 0", {"failed": 0}),
        ("true", {}),
    ],
)
def test_what_is_exactly_true_is_met(text: str, evidence: JsonObject) -> None:
    assert where(text, evidence) == (True, "")


@pytest.mark.parametrize(
    ("text", "evidence", "reason"),
    [
        ("evidence.failed == 0", {"failed": 3}, "evidence.failed == 0 is false: evidence.failed is 3"),
        ("evidence.failed == 0", {}, "evidence.failed is missing"),
        ("evidence.failed == 0", {"failed": None}, "evidence.failed is missing"),
        ("evidence.failed == 0 || true", {}, "evidence.failed is missing"),
        ("true || evidence.failed == 0", {}, "evidence.failed is missing"),
        ("evidence.failed == 0", {"failed": True}, "evidence.failed is not a whole number"),
        ("evidence.failed == 0", {"failed": "0"}, "evidence.failed is not a whole number"),
        ("evidence.failed == 0", {"failed": 0.5}, "evidence.failed is not a whole number"),
        ("evidence.suites.size() < 9", {"suites": [], "suitesOmitted": 4}, "evidence.suites was cut: 4 entries are"),
        ("evidence.suites.all(s, s.faild == 0)", {"suites": [{"failed": 0}]}, 'Key not found in map : "faild"'),
        ("evidence.suites[0].failed", {"suites": [{"failed": 1}]}, "is neither true nor false"),
        ("evidence.suites[0].name", {"suites": [{"name": "true"}]}, "is neither true nor false"),
        ("evidence.suites[0].failed == 0", {"suites": []}, "cannot be worked out"),
        ("evidence.passed / evidence.failed > 1", {"passed": 1, "failed": 0}, "divide by zero"),
    ],
)
def test_anything_else_is_not_met_and_says_why(text: str, evidence: JsonObject, reason: str) -> None:
    met, said = where(text, evidence)

    assert not met
    assert reason in said
    assert said.isprintable()


def test_only_what_was_worked_out_to_be_false_is_false() -> None:
    expression = compile_where("evidence.failed == 0", TESTS)

    assert expression.evaluate({"evidence": {"failed": 1}}).is_false
    assert not expression.evaluate({"evidence": {}}).is_false
    assert not expression.evaluate({"evidence": {"failed": 0}}).is_false


def test_a_field_that_the_disclosure_level_left_out_is_not_met_even_where_some_of_it_is_here() -> None:
    met, said = where("evidence.suites.all(s, s.failed == 0)", {"suites": []}, cut=("suites",))

    assert (met, said) == (False, "evidence.suites was left out by the collector's disclosure level")


def test_an_expression_touches_the_evidence_that_it_names_and_not_what_stands_in_its_literals() -> None:
    text = """evidence.tool != "evidence.high" && evidence.tool != r'\\d' && evidence.critical == 0 // evidence.low
              && evidence.tool != 'it\\'s evidence.medium' && evidence.rules.all(r, r.id != '''evidence.info''')"""

    assert compile_where(text, SCAN).touches == {"tool", "critical", "rules"}


def test_only_what_is_named_is_converted() -> None:
    assert where("evidence.failed == 0", {"failed": 0, "suites": [object()]})[0]  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("evidence.faild == 0", "line 1, column 1: there is no evidence.faild (did you mean evidence.failed?)"),
        ("evidence.failed == 0 &&\n  evidence.sucks == 1", "line 2, column 3: there is no evidence.sucks"),
        ("evidence.failed ==", "line 1, column 19: Syntax error: mismatched input '<EOF>'"),
        ("evidence.failed == '0'", "line 1, column 17: found no matching overload for '_==_' applied to '(int, str"),
        ("evidence.failed", "line 1, column 1: the expression gives int (it must give true or false)"),
        ("evidence['failed'] == 0", "line 1, column 1: there is no evidence "),
        ("evidence.critical == 0", "there is no evidence.critical"),
        ("rollback.available", "there is no rollback.available"),
        ("now() > 1", "there is no now"),
        ("true\n || has(evidence.failed)", "line 2, column 5: has(evidence.failed) is not taken"),
        ("has((.evidence.`failed`))", "line 1, column 1: has(evidence.failed) is not taken"),
        ("  ", "the expression is empty"),
        ("(" * 40 + "true" + ")" * 40, "line 1, column 1: the expression does not compile: Expression recursion limit"),
        ("true || " * 300 + "true", f"the expression has 2404 characters (at most {MAX_CHARS})"),
    ],
)
def test_what_does_not_compile_is_refused_where_it_is_wrong(text: str, problem: str) -> None:
    assert problem in refused(text)[0]


def test_an_expression_that_goes_on_for_too_long_is_stopped_and_not_met() -> None:
    tens = "[0,1,2,3,4,5,6,7,8,9]"
    text = f"{tens}.all(a, {tens}.all(b, {tens}.all(c, {tens}.all(d, {tens}.all(e, a + b + c + d + e >= 0)))))"

    began = time.monotonic()
    met, said = where(text, {})

    assert not met
    assert "Iteration budget exceeded" in said
    assert time.monotonic() - began < 2


def test_a_pattern_that_backtracks_elsewhere_ends_at_once() -> None:
    began = time.monotonic()

    assert not where("evidence.tool.matches('(a+)+$')", {"tool": "a" * 20_000 + "b"})[0]
    assert time.monotonic() - began < 2


@pytest.mark.parametrize("evil", ["\ud800", "a\x1b[31m\nb", "\x00"])
def test_no_text_in_the_evidence_reaches_a_terminal_or_breaks_out(evil: str) -> None:
    met, said = where("evidence.tool == 'x'", {"tool": evil})

    assert not met
    assert said.isprintable()


def expect(text: str, names: Mapping[str, JsonValue]) -> bool:
    return compile_expect(text).evaluate(names).met


@pytest.mark.parametrize(
    ("text", "names", "met"),
    [
        ("rollback.available", {"rollback": {"available": True}}, True),
        ("rollback.available", {"rollback": {"available": False}}, False),
        ("rollback.available", {"rollback": {}}, False),
        ("rollback.available", {"rollback": {"available": None}}, False),
        ("!rollback.available", {}, False),
        ("rollback.available", {"rollback": {"available": "true"}}, False),
        ("health.ready || !health.requireHealthyTarget", {"health": {"requireHealthyTarget": False}}, True),
        ("health.ready || !health.requireHealthyTarget", {"health": {"requireHealthyTarget": True}}, False),
        ("rollback.verified && rollback.signed", {"rollback": {"verified": True, "signed": False}}, False),
        ("evidence.TEST_RESULTS.failed == 0", {"evidence": {TESTS: {"failed": 0}}}, True),
        ("evidence.TEST_RESULTS.failed == 0 || true", {"evidence": {}}, False),
        ("evidence.TEST_RESULTS.signed", {"evidence": {TESTS: {"signed": True}}}, True),
        ("evidence.smoke.effectivePass", {"evidence": {"smoke": {"effectivePass": True}}}, True),
        ("evidence.smoke.metrics.p99 < 250", {"evidence": {"smoke": {"metrics": {"p99": 249.5}}}}, True),
        ("evidence.CODE_REVIEW.approvers.size() >= 2", {"evidence": {"CODE_REVIEW": {"approvers": ["a", "b"]}}}, True),
        ("evidence.CUSTOM.a.b == 1", {"evidence": {"CUSTOM": {"a": {"b": 1}}}}, True),
        ("context.change == 'CHG1'", {"context": {"change": "CHG1"}}, True),
        ("has(context.change)", {"context": {}}, False),
        ("service.name.startsWith('checkout-')", {"service": {"name": "checkout-api"}}, True),
    ],
)
def test_an_expectation_sees_the_request_and_the_evidence_by_type(
    text: str,
    names: Mapping[str, JsonValue],
    met: bool,  # noqa: FBT001
) -> None:
    assert expect(text, names) is met


@pytest.mark.parametrize(
    "text",
    [
        "rollback.availible",
        "evidence.TEST_RESULT.failed == 0",
        "evidence.TEST_RESULTS.faild == 0",
        "evidence.smoke.pased",
        "evidence.failed == 0",
        "request.context.x == 1",
    ],
)
def test_an_expectation_with_a_misspelt_name_is_refused(text: str) -> None:
    with pytest.raises(PolicyError, match="there is no"):
        compile_expect(text)


def test_what_an_expectation_touches_is_named_by_type() -> None:
    text = "evidence.TEST_RESULTS.failed == 0 && evidence.smoke.metrics.p99 < 3 && rollback.available"

    assert compile_expect(text).touches == {"TEST_RESULTS.failed", "smoke.metrics"}


def test_the_same_text_is_the_same_value_and_can_be_a_key() -> None:
    one, other = compile_expect("rollback.available"), compile_expect("rollback.available")

    assert one == other
    assert len({one, other, compile_expect("rollback.verified")}) == 2


def test_one_expression_serves_many_threads() -> None:
    expression = compile_where("evidence.failed == 0", TESTS)
    wrong: list[int] = []

    def ask(failed: int) -> None:
        wrong.extend(
            failed for _ in range(500) if expression.evaluate({"evidence": {"failed": failed}}).met is not (failed == 0)
        )

    threads = [threading.Thread(target=ask, args=(number % 2,)) for number in range(6)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(timeout=30)

    assert wrong == []


@pytest.mark.parametrize("kind", sorted(COLLECTED))
def test_every_field_that_a_collector_delivers_can_be_asked_for(kind: str) -> None:
    said = {
        name
        for name, field in COLLECTED[kind].items()  # type: ignore[index]
        if not name.endswith("Omitted") and field.shape is not Shape.DOCUMENT
    }
    known = fields_of(kind)

    # `typed` has turned the other names into these
    assert known is None or said - {"failures", "timeSeconds"} <= set(known)


def test_every_error_is_one_of_ours() -> None:
    for text in ("\x00", "é == 1", "'", '"""', "a" * 2000, "-" * 1999 + "1", "[" * 31, "{", "\ud800 == 1", "`"):
        with pytest.raises(CarnetError):
            compile_where(text, TESTS)
