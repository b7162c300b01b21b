"""What counts in a Snyk report, and what it takes to pass."""

import json
from typing import Any

import pytest

from collector.formats import Severity, Thresholds, recognise
from collector.formats.claim import Claim
from tests.unit.formats.reading import claim_of

Json = dict[str, Any]


def project(*found: Json, ok: object = None, **more: object) -> Json:
    said = ok if ok is not None else not found
    return {"vulnerabilities": list(found), "ok": said, "dependencyCount": 3} | more


def issue(severity: object = "low", **more: object) -> Json:
    return {"id": "SNYK-1", "severity": severity, "packageName": "p", "version": "1", "title": "Bad"} | more


def read(report: object, fail_on: Severity = Severity.HIGH) -> Claim:
    return claim_of(json.dumps(report).encode(), Thresholds(fail_on=fail_on))


@pytest.mark.parametrize(
    ("words", "level"),
    [
        ({"severity": "critical"}, "critical"),
        ({"severity": "high"}, "high"),
        ({"severity": "medium"}, "medium"),
        ({"severity": "low"}, "low"),
        ({"severity": "high", "severityWithCritical": "critical"}, "critical"),
        ({"severity": "medium", "severityWithCritical": "low"}, "medium"),
        ({"severity": "new"}, "high"),
        ({"severity": None}, "high"),
        ({"severity": ["low"]}, "high"),
    ],
)
def test_severity_of_a_vulnerability(words: Json, level: str) -> None:
    claim = read(project(issue() | words))
    assert claim.evidence[level] == claim.evidence["total"] == 1
    assert claim.passed is (level not in {"critical", "high"})


def test_what_can_be_upgraded_or_patched_is_fixable() -> None:
    fixes: tuple[Json, ...] = (
        {"isUpgradable": True},
        {"isPatchable": True},
        {"isUpgradable": False, "isPatchable": "yes"},
        {},
    )
    assert read(project(*(issue(**fix) for fix in fixes))).evidence["fixable"] == 2


def test_what_is_filtered_is_suppressed() -> None:
    claim = read(project(filtered={"ignore": [issue("high")], "patch": [issue("critical")]}))
    assert claim.passed
    assert (claim.evidence["total"], claim.evidence["suppressed"]) == (0, 2)


def test_issues_of_all_projects_and_their_applications_count() -> None:
    image = project(issue(), applications=[project(issue("medium")), project()])
    assert read([image, project(issue("medium"))]).evidence["medium"] == 2
    assert read(image).evidence["total"] == 2


def test_an_issue_of_infrastructure_says_its_file() -> None:
    found = [issue("medium", lineNumber=7), issue("high", isIgnored=True)]
    claim = read({"vulnerabilities": [], "targetFile": "a.tf", "ok": False, "infrastructureAsCodeIssues": found})
    assert claim.passed
    assert claim.evidence["suppressed"] == 1
    assert claim.evidence["findings"] == [
        {"id": "SNYK-1", "severity": "medium", "path": "a.tf", "line": 7, "message": "Bad"},
    ]


ERROR = {"ok": False, "error": "no target", "path": "/x"}

NOT_PASSED: dict[str, object] = {
    "an error": ERROR,
    "a project that failed": [project(), ERROR],
    "an error beside a list": project() | {"error": "x"},
    "not ok, and nothing found": project(ok=False),
    "not ok, and all is ignored": project(ok=False, filtered={"ignore": [issue()]}),
    "an application that is not ok": project(applications=[project(ok=False)]),
    "an application that does not say": project(applications=[project(ok="yes")]),
    "no list": {"ok": True, "error": None, "dependencyCount": 3},
    "a list that is none": project(vulnerabilities=None),
    "no dependencies": project(dependencyCount=0),
    "no dependencies anywhere": [project(dependencyCount=0), project(dependencyCount=None)],
}


@pytest.mark.parametrize("name", NOT_PASSED)
def test_what_was_not_tested_is_not_passed(name: str) -> None:
    assert not read(NOT_PASSED[name]).passed


@pytest.mark.parametrize(
    "report",
    [project(), [project(), project(dependencyCount=0)], project(issue("medium")), project(issue(), ok=True)],
)
def test_a_test_without_serious_issues_passes(report: object) -> None:
    assert read(report).passed


@pytest.mark.parametrize(
    ("threshold", "fail_on", "passed"),
    [
        ("high", Severity.HIGH, True),
        ("high", Severity.CRITICAL, True),
        ("low", Severity.MEDIUM, True),
        ("high", Severity.MEDIUM, False),
        ("critical", Severity.HIGH, False),
        (None, Severity.LOW, True),
    ],
)
def test_what_was_left_out_of_the_report_is_not_passed(threshold: object, fail_on: Severity, passed: bool) -> None:  # noqa: FBT001
    assert read(project(severityThreshold=threshold), fail_on).passed is passed


MANY = [issue(isUpgradable=True, description="x" * 5_000)] * 50


@pytest.mark.parametrize(
    ("report", "key"),
    [
        (project(*MANY), "snyk"),
        ([project(*MANY)], "snyk"),
        ({"infrastructureAsCodeIssues": [], "ok": True}, "snyk"),
        ({"ok": True}, None),
        ({"ok": "yes", "vulnerabilities": []}, None),
        ({"vulnerabilities": []}, None),
        ([{"name": "x", "vulnerabilities": []}], None),
    ],
)
def test_it_is_recognised_by_what_only_snyk_writes(report: object, key: str | None) -> None:
    found = recognise(json.dumps(report).encode())
    assert (found and found.format.key) == key
