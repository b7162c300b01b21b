"""How SARIF results become findings by severity."""

import json
from typing import Any

import pytest

from collector.formats import Limits, Severity, Thresholds
from collector.formats.claim import Claim
from shared.errors import Code, MalformedError
from tests.unit.formats.reading import claim_of

Json = dict[str, Any]
LEVELS = ("critical", "high", "medium", "low", "info")


def run(*results: Json, rules: list[Json] | None = None, **more: Any) -> Json:  # noqa: ANN401
    driver = {"name": "Tool", "version": "1.2", "rules": rules or []}
    return {"results": list(results), "tool": {"driver": driver}, **more}


def read(*runs: Any, thresholds: Thresholds | None = None, limits: Limits | None = None) -> Claim:  # noqa: ANN401
    return claim_of(json.dumps({"version": "2.1.0", "runs": list(runs)}).encode(), thresholds, limits)


def found(claim: Claim) -> str:
    return " ".join(level for level in LEVELS for _ in range(int(str(claim.evidence[level]))))


def rule(name: str = "r", level: str | None = None, score: object = None) -> Json:
    made: Json = {"id": name}
    if level is not None:
        made["defaultConfiguration"] = {"level": level}
    if score is not None:
        made["properties"] = {"security-severity": score}
    return made


SEVERITIES: dict[str, tuple[str, Json, Json]] = {
    "score 9.8": ("critical", {}, rule(score="9.8")),
    "score 9.0": ("critical", {}, rule(score="9.0")),
    "score 8.9": ("high", {}, rule(score="8.9")),
    "score 7": ("high", {}, rule(score=7)),
    "score 6.9": ("medium", {}, rule(score="6.9")),
    "score 4": ("medium", {}, rule(score="4")),
    "score 3.9": ("low", {}, rule(score="3.9")),
    "score 0.1": ("low", {}, rule(score=0.1)),
    "score 0": ("info", {}, rule(score="0.0")),
    "score before level": ("low", {"level": "error"}, rule(score="2.0")),
    "score that is none": ("high", {"level": "error"}, rule(score="very")),
    "score NaN": ("high", {"level": "error"}, rule(score="nan")),
    "score below 0": ("medium", {}, rule(score="-1")),
    "the result's own score": ("critical", {"properties": {"security-severity": "9.1"}}, rule(score="2.0")),
    "level error": ("high", {"level": "error"}, rule()),
    "level warning": ("medium", {"level": "warning"}, rule()),
    "level note": ("low", {"level": "note"}, rule()),
    "level none": ("info", {"level": "none"}, rule()),
    "a level of its own": ("high", {"level": "catastrophe"}, rule()),
    "level before that of the rule": ("low", {"level": "note"}, rule(level="error")),
    "level of the rule": ("high", {}, rule(level="error")),
    "a level of the rule's own": ("high", {}, rule(level="catastrophe")),
    "nothing said": ("medium", {}, rule()),
    "kind fail": ("medium", {"kind": "fail"}, rule()),
    "a kind of its own": ("high", {"kind": "worse"}, rule(level="error")),
    "kind pass": ("", {"kind": "pass"}, rule(level="error")),
    "kind notApplicable": ("", {"kind": "notApplicable"}, rule(level="error")),
    "kind informational": ("info", {"kind": "informational"}, rule(level="error")),
    "kind open": ("info", {"kind": "open"}, rule(score="9.9")),
    "kind review, level none": ("info", {"kind": "review", "level": "none"}, rule(level="error")),
    "kind review, but a level": ("high", {"kind": "review", "level": "error"}, rule()),
    "baseline absent": ("", {"baselineState": "absent", "level": "error"}, rule()),
    "baseline unchanged": ("high", {"baselineState": "unchanged", "level": "error"}, rule()),
    "suppressed in the source": ("", {"suppressions": [{"kind": "inSource"}], "level": "error"}, rule()),
    "suppression accepted": ("", {"suppressions": [{"kind": "external", "status": "accepted"}]}, rule()),
    "suppression rejected": ("medium", {"suppressions": [{"status": "rejected"}]}, rule()),
    "suppression under review": ("medium", {"suppressions": [{}, {"status": "underReview"}]}, rule()),
    "a suppression of its own": ("medium", {"suppressions": [{"status": None}]}, rule()),
    "no suppression": ("medium", {"suppressions": []}, rule()),
}


@pytest.mark.parametrize("name", SEVERITIES)
@pytest.mark.parametrize("rules_first", [True, False])
def test_severity_of_a_result(name: str, rules_first: bool) -> None:  # noqa: FBT001
    expected, result, described = SEVERITIES[name]
    made = run({"ruleId": "r", **result}, rules=[rule("other", "error"), described])
    if rules_first:
        made = dict(reversed(made.items()))
    claim = read(made)
    assert found(claim) == expected
    assert claim.evidence["total"] == (1 if expected else 0)
    assert claim.evidence["suppressed"] == (1 if name.startswith("suppress") and not expected else 0)
    assert claim.evidence.get("undecided", 0) == (1 if name.startswith(("kind open", "kind review")) else 0)


RULES = [rule("a", "error"), rule("b", "note"), rule("c/d", "none")]

LOOKUPS: dict[str, tuple[str, Json]] = {
    "by id": ("low", {"ruleId": "b"}),
    "by index": ("low", {"ruleIndex": 1}),
    "by both": ("low", {"ruleId": "b", "ruleIndex": 1}),
    "by both that disagree": ("low", {"ruleId": "b", "ruleIndex": 0}),
    "by reference": ("low", {"rule": {"index": 1}}),
    "by reference with id": ("low", {"rule": {"id": "b"}}),
    "by an id with more behind": ("low", {"ruleId": "b/1/2"}),
    "by an id with more behind, and index": ("low", {"ruleId": "b/1", "ruleIndex": 1}),
    "by an id with a separator in it": ("info", {"ruleId": "c/d"}),
    "unknown": ("medium", {"ruleId": "z"}),
    "an index that is none": ("medium", {"ruleIndex": 99}),
    "index -1": ("medium", {"ruleIndex": -1}),
    "an index that is no number": ("medium", {"ruleIndex": "1"}),
    "by extension": ("info", {"ruleId": "x", "rule": {"index": 0, "toolComponent": {"index": 1}}}),
    "by id, in an extension": ("info", {"ruleId": "x"}),
}


@pytest.mark.parametrize("name", LOOKUPS)
def test_a_result_finds_its_rule(name: str) -> None:
    expected, result = LOOKUPS[name]
    made = run(result, rules=RULES)
    made["tool"]["extensions"] = [{"name": "e0", "rules": []}, {"name": "e1", "rules": [rule("x", "none")]}]
    assert found(read(made)) == expected


def test_rules_of_one_run_say_nothing_about_another() -> None:
    claim = read(run({"ruleId": "r"}, rules=[rule("r", "error")]), run({"ruleId": "r"}))
    assert found(claim) == "high medium"
    assert claim.evidence["runs"] == 2


def test_rules_are_listed_worst_first_and_cut_at_200() -> None:
    results = [{"ruleId": f"r{number:03}", "level": "note"} for number in range(250)]
    claim = read(run(*results, {"ruleId": "bad", "level": "error"}, {"ruleId": "r249", "level": "note"}))
    rules = claim.evidence["rules"]
    assert isinstance(rules, list)
    assert len(rules) == 200
    assert rules[:3] == [
        {"id": "bad", "severity": "high", "count": 1},
        {"id": "r249", "severity": "low", "count": 2},
        {"id": "r000", "severity": "low", "count": 1},
    ]
    assert claim.evidence["rulesOmitted"] == 51
    assert claim.evidence["total"] == 252


@pytest.mark.parametrize(
    ("fail_on", "level", "passed"),
    [
        (Severity.HIGH, "error", False),
        (Severity.HIGH, "warning", True),
        (Severity.CRITICAL, "error", True),
        (Severity.MEDIUM, "warning", False),
        (Severity.INFO, "none", False),
    ],
)
def test_it_passes_below_the_threshold(fail_on: Severity, level: str, passed: bool) -> None:  # noqa: FBT001
    assert read(run({"level": level}), thresholds=Thresholds(fail_on=fail_on)).passed is passed


NOTHING_SEEN: dict[str, tuple[list[Json], dict[str, object]]] = {
    "no run": ([], {"runs": 0}),
    "no results": ([{"tool": {"driver": {"name": "T"}}}], {"runsWithoutResults": 1}),
    "null for results": ([run() | {"results": None}], {"runsWithoutResults": 1}),
    "results in another file": (
        [run(externalPropertyFileReferences={"results": [{"location": {"uri": "x"}}]})],
        {"runsWithoutResults": 1},
    ),
    "one run of two": ([run(), {"tool": {"driver": {"name": "T"}}}], {"runsWithoutResults": 1, "runs": 2}),
    "the tool failed": ([run(invocations=[{"executionSuccessful": False}])], {"executionSuccessful": False}),
}


@pytest.mark.parametrize("name", NOTHING_SEEN)
def test_what_nobody_scanned_is_not_passed(name: str) -> None:
    runs, expected = NOTHING_SEEN[name]
    claim = read(*runs)
    assert not claim.passed
    assert claim.evidence.items() >= expected.items()


def test_a_scan_without_findings_passes() -> None:
    claim = read(run(invocations=[{"executionSuccessful": True}]))
    assert claim.passed
    assert (claim.name, claim.evidence["tool"], claim.evidence["toolVersion"]) == ("Tool", "Tool", "1.2")


@pytest.mark.parametrize(
    "document",
    [
        {"version": "2.1.0", "runs": {}},
        {"version": "2.1.0", "runs": None},
        {"version": "2.1.0", "runs": [1]},
        {"version": "2.1.0", "runs": [[]]},
        {"version": "2.1.0", "runs": [{"results": {}}]},
        {"version": "2.1.0", "runs": [{"results": "x"}]},
        {"version": "2.1.0", "runs": [{"results": [1]}]},
        {"version": "2.1.0", "runs": [{"results": [[]]}]},
        {"version": "2.0.0", "runs": []},
        {"$schema": "sarif", "runs": []},
        {"$schema": "sarif", "version": 2, "runs": []},
    ],
)
def test_what_has_not_the_shape_of_a_log_is_refused(document: object) -> None:
    with pytest.raises(MalformedError) as refused:
        claim_of(json.dumps(document).encode())
    assert refused.value.code is Code.BAD_SYNTAX


def test_more_rules_with_results_than_can_be_tracked_are_refused() -> None:
    with pytest.raises(MalformedError) as refused:
        read(run(*({"ruleId": f"r{number}"} for number in range(30))), limits=Limits(max_tracked=20))
    assert refused.value.code is Code.TOO_LARGE
