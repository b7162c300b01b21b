"""How the JSON reports of test tools are counted: Jest, pytest-json-report, CTRF, Cucumber."""

import json
from collections.abc import Mapping

import pytest

from collector.formats import Limits
from collector.formats.claim import Claim
from shared.errors import Code, MalformedError
from tests.unit.formats.reading import claim_of

Counts = tuple[int, int, int, int, int]


def read(document: object, limits: Limits | None = None) -> Claim:
    return claim_of(json.dumps(document).encode(), limits=limits)


def counts(claim: Claim) -> tuple[object, ...]:
    return tuple(claim.evidence[key] for key in ("passed", "failed", "errors", "skipped", "flaky"))


def check(document: object, expected: Counts) -> None:
    claim = read(document)
    assert counts(claim) == expected
    assert claim.passed == (expected[0] > 0 and expected[1] == expected[2] == 0)


def jest(*files: object, **more: object) -> dict[str, object]:
    return {"numTotalTestSuites": len(files), "success": True, "testResults": list(files)} | more


def jest_file(*tests: str | Mapping[str, object], status: str | None = "passed") -> dict[str, object]:
    results = [test if isinstance(test, Mapping) else {"fullName": "t", "status": test} for test in tests]
    file: dict[str, object] = {"assertionResults": results, "name": "a.test.js"}
    return file if status is None else file | {"status": status}


RETRIED = {"status": "passed", "invocations": 2}
KEPT = {"status": "passed", "failureMessages": ["the first try"]}

JEST: dict[str, tuple[dict[str, object], Counts]] = {
    "passed": (jest(jest_file("passed")), (1, 0, 0, 0, 0)),
    "failed": (jest(jest_file("failed", status="failed"), success=False), (0, 1, 0, 0, 0)),
    "skipped": (jest(jest_file("passed", "pending", "todo", "skipped", "disabled")), (1, 0, 0, 4, 0)),
    "nothing but skipped": (jest(jest_file("pending")), (0, 0, 0, 1, 0)),
    "no tests": (jest(), (0, 0, 0, 0, 0)),
    "no list of files": ({"numTotalTests": 4, "success": True}, (0, 0, 0, 0, 0)),
    "a word that is not known": (jest(jest_file("won")), (0, 1, 0, 0, 0)),
    "no word": (jest(jest_file({"title": "t"})), (0, 1, 0, 0, 0)),
    "a retry (Jest)": (jest(jest_file(RETRIED)), (1, 0, 0, 0, 1)),
    "a retry (Vitest)": (jest(jest_file(KEPT)), (1, 0, 0, 0, 1)),
    "a retry that failed": (jest(jest_file(RETRIED | {"status": "failed"}, status="failed")), (0, 1, 0, 0, 0)),
    "a file that did not run": (jest(jest_file("passed"), jest_file(status="failed")), (1, 0, 1, 0, 0)),
    "a file whose set-up failed": (jest(jest_file("passed", "skipped", status="failed")), (1, 0, 1, 1, 0)),
    "a file that failed with its test": (jest(jest_file("failed", status="failed")), (0, 1, 0, 0, 0)),
    "a file with a word that is not known": (jest(jest_file("passed", status="won")), (1, 0, 1, 0, 0)),
    "a file without a word": (jest(jest_file("passed", status=None)), (1, 0, 1, 0, 0)),
    "a focused file": (jest(jest_file("passed", "pending", status="focused")), (1, 0, 0, 1, 0)),
    "a run that did not succeed": (jest(jest_file("passed"), success=False), (1, 0, 1, 0, 0)),
    "a run that does not say so": (jest(jest_file("passed"), success=None), (1, 0, 1, 0, 0)),
    "a run that was interrupted": (jest(jest_file("passed"), wasInterrupted=True), (1, 0, 1, 0, 0)),
    "failures that no test has": (jest(jest_file("passed"), numFailedTests=1), (1, 0, 1, 0, 0)),
    "suites that failed": (jest(jest_file("passed"), numRuntimeErrorTestSuites=1), (1, 0, 1, 0, 0)),
}


@pytest.mark.parametrize("name", JEST)
def test_jest(name: str) -> None:
    check(*JEST[name])


def test_totals_of_jest_that_the_tests_explain_are_no_contradiction() -> None:
    said = {"numFailedTests": 0, "numPendingTests": 1, "numTodoTests": 1}
    files = jest_file("passed", "pending", "todo"), jest_file(status="failed")
    assert "declaredTotals" not in read(jest(*files, numTotalTests=3, **said)).evidence
    assert read(jest(*files, numTotalTests=7, **said)).evidence["declaredTotals"] == {
        "tests": 8,
        "failures": 0,
        "skipped": 2,
    }


def pytest_test(outcome: str | None, *stages: str) -> dict[str, object]:
    names = ("setup", "call", "teardown")
    done = {name: {"outcome": stage} for name, stage in zip(names, stages, strict=False)}
    return {"nodeid": "test_a.py::test_x", "outcome": outcome, **done}


def pytest_run(*tests: object, exitcode: object = 0, **more: object) -> dict[str, object]:
    return {"created": 1.5, "duration": 2, "exitcode": exitcode, "root": "/", "tests": list(tests), **more}


WELL = ("passed", "passed", "passed")
BROKEN = [{"nodeid": "test_b.py", "outcome": "failed"}]

PYTEST: dict[str, tuple[dict[str, object], Counts]] = {
    "passed": (pytest_run(pytest_test("passed", *WELL)), (1, 0, 0, 0, 0)),
    "failed": (pytest_run(pytest_test("failed", "passed", "failed", "passed"), exitcode=1), (0, 1, 0, 0, 0)),
    "skipped": (pytest_run(pytest_test("skipped", "skipped")), (0, 0, 0, 1, 0)),
    "xfailed": (pytest_run(pytest_test("xfailed", "passed", "skipped", "passed")), (0, 0, 0, 1, 0)),
    "xpassed": (pytest_run(pytest_test("xpassed", *WELL)), (1, 0, 0, 0, 0)),
    "rerun": (pytest_run(pytest_test("rerun", *WELL)), (1, 0, 0, 0, 1)),
    "rerun that failed": (pytest_run(pytest_test("rerun", "passed", "failed", "passed")), (0, 1, 0, 0, 0)),
    "rerun of which nothing is said": (pytest_run(pytest_test("rerun")), (0, 1, 0, 0, 0)),
    "set-up failed": (pytest_run(pytest_test("error", "failed"), exitcode=1), (0, 0, 1, 0, 0)),
    "tear-down failed": (pytest_run(pytest_test("passed", "passed", "passed", "failed")), (0, 0, 1, 0, 0)),
    "call failed, and the test says passed": (pytest_run(pytest_test("passed", "passed", "failed")), (0, 1, 0, 0, 0)),
    "a word that is not known": (pytest_run(pytest_test("won", *WELL)), (0, 1, 0, 0, 0)),
    "no word": (pytest_run(pytest_test(None, *WELL)), (0, 1, 0, 0, 0)),
    "nothing collected": (pytest_run(exitcode=5), (0, 0, 0, 0, 0)),
    "a module that was not collected": (pytest_run(exitcode=2, collectors=BROKEN), (0, 0, 1, 0, 0)),
    "a threshold of a plugin": (pytest_run(pytest_test("passed", *WELL), exitcode=1), (1, 0, 1, 0, 0)),
    "no exit code": (pytest_run(pytest_test("passed", *WELL), exitcode=None), (1, 0, 1, 0, 0)),
    "false for an exit code": (pytest_run(pytest_test("passed", *WELL), exitcode=False), (1, 0, 1, 0, 0)),
}


@pytest.mark.parametrize("name", PYTEST)
def test_pytest_json_report(name: str) -> None:
    check(*PYTEST[name])


def test_a_report_that_leaves_its_tests_out_is_refused() -> None:
    document = pytest_run(summary={"passed": 4, "total": 4})
    del document["tests"]
    with pytest.raises(MalformedError, match="there are no tests in it") as refused:
        read(document)
    assert refused.value.code is Code.BAD_SYNTAX


def ctrf(*tests: Mapping[str, object], **summary: object) -> dict[str, object]:
    return {
        "reportFormat": "CTRF",
        "results": {"tool": {"name": "x"}, "summary": {"tests": len(tests)} | summary, "tests": list(tests)},
    }


CTRF: dict[str, tuple[dict[str, object], Counts]] = {
    "passed": (ctrf({"status": "passed"}), (1, 0, 0, 0, 0)),
    "failed": (ctrf({"status": "failed"}, failed=1), (0, 1, 0, 0, 0)),
    "skipped and pending": (ctrf({"status": "skipped"}, {"status": "pending"}), (0, 0, 0, 2, 0)),
    "other": (ctrf({"status": "other"}), (0, 1, 0, 0, 0)),
    "other, timed out": (ctrf({"status": "other", "rawStatus": "timedOut"}), (0, 1, 0, 0, 0)),
    "other, passed": (ctrf({"status": "other", "rawStatus": "passed"}), (0, 1, 0, 0, 0)),
    "other, todo": (ctrf({"status": "other", "rawStatus": "todo"}), (0, 0, 0, 1, 0)),
    "failed, todo": (ctrf({"status": "failed", "rawStatus": "todo"}), (0, 1, 0, 0, 0)),
    "no word": (ctrf({"name": "t"}), (0, 1, 0, 0, 0)),
    "flaky": (ctrf({"status": "passed", "flaky": True}), (1, 0, 0, 0, 1)),
    "retried": (ctrf({"status": "passed", "retries": 2}), (1, 0, 0, 0, 1)),
    "neither": (ctrf({"status": "passed", "flaky": False, "retries": 0}), (1, 0, 0, 0, 0)),
    "flaky and failed": (ctrf({"status": "failed", "flaky": True}), (0, 1, 0, 0, 0)),
    "no tests": (ctrf(), (0, 0, 0, 0, 0)),
    "failures that no test has": (ctrf({"status": "passed"}, failed=1), (1, 0, 1, 0, 0)),
    "no summary": (ctrf({"status": "passed"}, tests=None), (1, 0, 1, 0, 0)),
}


@pytest.mark.parametrize("name", CTRF)
def test_ctrf(name: str) -> None:
    check(*CTRF[name])


def test_suites_of_ctrf_are_a_text_or_a_list() -> None:
    tests = {"status": "passed", "suite": "a"}, {"status": "passed", "suite": ["b", "c"]}
    suites = read(ctrf(*tests)).evidence["suites"]
    assert isinstance(suites, list)
    assert [suite["name"] for suite in suites if isinstance(suite, dict)] == ["a", "b"]


def step(word: str | None, **more: object) -> dict[str, object]:
    return ({} if word is None else {"result": {"status": word}}) | more


def scenario(*steps: str | None, **more: object) -> dict[str, object]:
    return {"type": "scenario", "name": "s", "steps": [step(word) for word in steps]} | more


def background(*steps: str | None) -> dict[str, object]:
    return scenario(*steps, type="background")


def hook(word: str) -> list[object]:
    return [{"result": {"status": "passed"}}, {"result": {"status": word}}]


def feature(*elements: object, **more: object) -> list[object]:
    return [{"keyword": "Feature", "name": "f", "elements": list(elements)} | more]


NOT_WELL = ["failed", "undefined", "pending", "ambiguous", "untested", "unknown", ""]

CUCUMBER: dict[str, tuple[list[object], Counts]] = {
    "passed": (feature(scenario("passed", "passed")), (1, 0, 0, 0, 0)),
    **{word: (feature(scenario("passed", word, "skipped")), (0, 1, 0, 0, 0)) for word in NOT_WELL},
    "skipped": (feature(scenario("passed", "skipped")), (0, 0, 0, 1, 0)),
    "no steps": (feature(scenario()), (0, 0, 0, 1, 0)),
    "no steps, but hooks": (feature(scenario(steps=[step("passed", hidden=True)])), (0, 0, 0, 1, 0)),
    "a step that was not run": (feature(scenario("passed", None)), (0, 1, 0, 0, 0)),
    "a step that was not run in a scenario that passed": (
        feature(scenario("passed", None, status="passed")),
        (0, 1, 0, 0, 0),
    ),
    "a step that was not run in a scenario that was skipped": (feature(scenario(None, status="skipped")),
                                                               (0, 0, 0, 1, 0)),
    "a scenario that says that it failed": (feature(scenario("passed", status="failed")), (0, 1, 0, 0, 0)),
    "a hook before": (feature(scenario("passed", before=hook("failed"))), (0, 0, 1, 0, 0)),
    "a hook after": (feature(scenario("passed", after=hook("failed"))), (0, 0, 1, 0, 0)),
    "a hook without a result": (feature(scenario("passed", after=[{}])), (0, 1, 0, 0, 0)),
    "a hook that skips": (feature(scenario("skipped", before=hook("skipped"))), (0, 0, 0, 1, 0)),
    "a hook of a step": (feature(scenario(steps=[step("passed", after=hook("failed"))])), (0, 0, 1, 0, 0)),
    "a hidden hook": (feature(scenario(steps=[step("passed"), step("failed", hidden=True)])), (0, 0, 1, 0, 0)),
    "a background": (feature(background("passed"), scenario("passed")), (1, 0, 0, 0, 0)),
    "a background that broke": (feature(background("failed"), scenario("skipped"), scenario("passed")),
                                (1, 1, 0, 0, 0)),
    "a background behind all scenarios": (feature(scenario("passed"), background("failed")), (1, 0, 1, 0, 0)),
    "a background that only says its steps": (feature(background(None), scenario("passed")), (1, 0, 0, 0, 0)),
    "rows of an outline": (feature(scenario("failed"), scenario("passed")), (1, 1, 0, 0, 0)),
    "a feature that failed without a scenario": (feature(scenario("passed"), status="failed"), (1, 0, 1, 0, 0)),
    "a feature that failed with one": (feature(scenario("failed"), status="failed"), (0, 1, 0, 0, 0)),
    "no scenarios": (feature(), (0, 0, 0, 0, 0)),
}  # fmt: skip


@pytest.mark.parametrize("name", CUCUMBER)
def test_cucumber(name: str) -> None:
    check(*CUCUMBER[name])


SHAPES: dict[str, tuple[object, str]] = {
    "jest: files": (jest() | {"testResults": {}}, "/testResults is not an array"),
    "jest: a file": (jest("x"), "/testResults/* is not an object"),
    "jest: tests": (jest({"assertionResults": None}), "/testResults/*/assertionResults is not an array"),
    "jest: a test": (jest({"assertionResults": [7]}), "/testResults/*/assertionResults/* is not an object"),
    "pytest: tests": (pytest_run() | {"tests": 3}, "/tests is not an array"),
    "pytest: a test": (pytest_run([]), "/tests/* is not an object"),
    "ctrf: results": ({"reportFormat": "CTRF", "results": []}, "/results is not an object"),
    "ctrf: tests": ({"reportFormat": "CTRF", "results": {"tests": {}}}, "/results/tests is not an array"),
    "cucumber: a scenario": (feature("x"), "/*/elements/* is not an object"),
    "cucumber: steps": (feature(scenario(steps={})), "/*/elements/*/steps is not an array"),
}


@pytest.mark.parametrize("name", SHAPES)
def test_a_list_of_another_shape_is_refused_with_its_place(name: str) -> None:
    document, detail = SHAPES[name]
    with pytest.raises(MalformedError) as refused:
        read(document)
    assert (refused.value.code, refused.value.detail) == (Code.BAD_SYNTAX, detail)


LARGE = {
    "tests of a file": jest(jest_file(*["passed"] * 20)),
    "scenarios of a feature": feature(*[scenario("passed")] * 20),
}


@pytest.mark.parametrize("name", LARGE)
def test_more_than_can_be_held_is_refused(name: str) -> None:
    with pytest.raises(MalformedError) as refused:
        read(LARGE[name], Limits(max_tracked=10))
    assert refused.value.code is Code.TOO_LARGE


def test_more_values_in_one_test_than_make_sense_are_refused() -> None:
    with pytest.raises(MalformedError) as refused:
        read(jest(jest_file({"status": "passed", "failureMessages": ["x"] * 1_001})))
    assert refused.value.code is Code.TOO_LARGE
