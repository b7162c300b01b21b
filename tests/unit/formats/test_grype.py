"""What counts in a Grype report, and what it takes to pass."""

import json
from typing import Any

import pytest

from collector.formats.claim import Claim
from tests.unit.formats.reading import claim_of

Json = dict[str, Any]
GRYPE = {"name": "grype", "version": "0.94.0"}


def read(*matches: Json, **more: object) -> Claim:
    return claim_of(json.dumps({"matches": list(matches), "descriptor": GRYPE} | more).encode())


def match(severity: object = "Low", **vulnerability: object) -> Json:
    found = {"id": "CVE-1", "severity": severity, **vulnerability}
    place = {"name": "p", "version": "1", "locations": [{"path": "/lib/p"}, {"path": "/lib/q"}]}
    return {"vulnerability": found, "relatedVulnerabilities": [{"severity": "Critical"}], "artifact": place}


@pytest.mark.parametrize(
    ("word", "level"),
    [
        ("Critical", "critical"),
        ("High", "high"),
        ("Medium", "medium"),
        ("Low", "low"),
        ("Negligible", "info"),
        ("Unknown", "high"),
        ("", "high"),
        (None, "high"),
        (["Low"], "high"),
    ],
)
def test_severity_of_a_match(word: object, level: str) -> None:
    claim = read(match(word))
    assert claim.evidence[level] == claim.evidence["total"] == 1
    assert claim.passed is (level not in {"critical", "high"})


def test_what_is_fixed_somewhere_is_fixable() -> None:
    states = ("fixed", "not-fixed", "wont-fix", "unknown", "", None)
    found = [match(fix={"state": state, "versions": []}) for state in states]
    claim = read(*found, match(fixedInVersion="2.0"), match(fixedInVersion=""), match())
    assert claim.evidence["fixable"] == 2


def test_ignored_matches_are_suppressed() -> None:
    claim = read(match(), ignoredMatches=[match("Critical") | {"appliedIgnoreRules": [{}]}] * 3)
    assert claim.passed
    assert (claim.evidence["total"], claim.evidence["suppressed"]) == (1, 3)


def test_a_finding_says_its_package_and_place() -> None:
    assert read(match()).evidence["findings"] == [
        {"id": "CVE-1", "severity": "low", "path": "/lib/p", "message": "p 1"},
    ]


def test_a_scan_without_matches_passes() -> None:
    claim = read()
    assert claim.passed
    assert (claim.name, claim.evidence["tool"], claim.evidence["toolVersion"]) == ("Grype", "Grype", "0.94.0")


@pytest.mark.parametrize(
    "database",
    [
        {"status": {"valid": False}},
        {"status": {"valid": True, "error": "too old"}},
        {"valid": False},
        {"error": "checksum differs"},
    ],
)
def test_a_database_that_was_not_valid_is_not_passed(database: Json) -> None:
    claim = read(descriptor=GRYPE | {"db": database})
    assert not claim.passed
    assert claim.evidence["executionSuccessful"] is False


def test_no_list_of_matches_is_not_passed() -> None:
    claim = read(matches=None)
    assert not claim.passed
    assert claim.evidence["complete"] is False
