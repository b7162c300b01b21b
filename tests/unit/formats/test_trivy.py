"""What counts in a Trivy report, and what it takes to pass."""

import json
from typing import Any

import pytest

from collector.formats.claim import Claim
from tests.unit.formats.reading import claim_of

Json = dict[str, Any]
COUNTS = ("critical", "high", "medium", "low", "info", "suppressed")


def read(*results: Json) -> Claim:
    return claim_of(json.dumps({"SchemaVersion": 2, "ArtifactName": "x", "Results": list(results)}).encode())


def counts(claim: Claim) -> Json:
    return {name: claim.evidence[name] for name in COUNTS if claim.evidence[name]}


COUNTED: dict[str, tuple[Json, Json]] = {
    "a critical vulnerability": ({"critical": 1}, {"Vulnerabilities": [{"Severity": "CRITICAL"}]}),
    "an unknown severity": ({"high": 1}, {"Vulnerabilities": [{"Severity": "UNKNOWN"}]}),
    "no severity": ({"high": 1}, {"Vulnerabilities": [{}]}),
    "a severity that is no word": ({"high": 1}, {"Vulnerabilities": [{"Severity": {"LOW": "LOW"}}]}),
    "a failed check": ({"low": 1}, {"Misconfigurations": [{"Severity": "LOW", "Status": "FAIL"}]}),
    "a check that passed": ({}, {"Misconfigurations": [{"Severity": "HIGH", "Status": "PASS"}]}),
    "a check with an exception": ({"suppressed": 1}, {"Misconfigurations": [{"Status": "EXCEPTION"}]}),
    "a check of a status of its own": ({"medium": 1}, {"Misconfigurations": [{"Severity": "MEDIUM", "Status": "?"}]}),
    "a check without a status": ({"medium": 1}, {"Misconfigurations": [{"Severity": "MEDIUM"}]}),
    "a secret": ({"critical": 1}, {"Secrets": [{"Severity": "CRITICAL"}]}),
    "licences": ({"high": 1, "low": 1}, {"Licenses": [{"Severity": "UNKNOWN"}, {"Severity": "LOW"}]}),
    "what somebody accepted": (
        {"suppressed": 1},
        {"ExperimentalModifiedFindings": [{"Status": "ignored", "Finding": {"Severity": "HIGH"}}]},
    ),
    "nothing": ({}, {"Target": "x", "Vulnerabilities": None}),
}


@pytest.mark.parametrize("name", COUNTED)
def test_what_counts(name: str) -> None:
    expected, result = COUNTED[name]
    claim = read(result)
    assert counts(claim) == expected
    assert claim.passed == (not expected.keys() & {"critical", "high"})


def test_what_has_a_fixed_version_is_fixable() -> None:
    vulnerabilities = [{"FixedVersion": "1.2"}, {"FixedVersion": ""}, {}, {"FixedVersion": 3}]
    assert read({"Vulnerabilities": vulnerabilities}).evidence["fixable"] == 1


@pytest.mark.parametrize("results", [[], None])
def test_a_report_without_results_is_not_passed(results: object) -> None:
    claim = claim_of(json.dumps({"SchemaVersion": 2, "ArtifactName": "x", "Results": results}).encode())
    assert not claim.passed
    assert claim.evidence["complete"] is False


def test_the_match_of_a_secret_is_kept_nowhere() -> None:
    secret = {"RuleID": "r", "Severity": "LOW", "Title": "A key", "StartLine": 3, "Match": "hunter2", "Code": {}}
    secret["Code"] = {"Lines": [{"Content": "hunter2", "Number": 3}]}
    claim = read({"Target": ".env", "Secrets": [secret]})
    assert claim.evidence["findings"] == [
        {"id": "r", "severity": "low", "path": ".env", "line": 3, "message": "A key"},
    ]
    assert "hunter2" not in repr(claim)


def test_a_finding_says_its_package_and_target() -> None:
    vulnerability = {
        "VulnerabilityID": "CVE-1",
        "Severity": "LOW",
        "PkgName": "p",
        "InstalledVersion": "1",
        "Title": "T",
    }
    claim = read({"Target": "first"}, {"Target": "second", "Vulnerabilities": [vulnerability]})
    assert claim.evidence["findings"] == [{"id": "CVE-1", "severity": "low", "path": "second", "message": "p 1 T"}]
