"""What counts in Dependency-Check's reports, the same in JSON and in XML, and what it takes to pass."""

import json
from typing import Any

import pytest

from collector.formats import recognise
from collector.formats.claim import Claim
from tests.unit.formats.reading import claim_of

Json = dict[str, Any]
TIME = "2025-01-02T03:04:05.123456789Z"


def vulnerability(severity: str | None = None, v2: object = None, v3: object = None, name: str = "CVE-1") -> Json:
    scores = {"cvssv2": {"score": v2, "severity": "LOW"}, "cvssv3": {"baseScore": v3, "baseSeverity": "LOW"}}
    return {"source": "NVD", "name": name, "severity": severity, **scores, "references": [{"name": "x"}]}


def as_json(*found: Json, suppressed: int = 0, dependencies: int = 1, exceptions: int = 0) -> bytes:
    one = {"fileName": "a.jar", "vulnerabilities": list(found), "suppressedVulnerabilities": [{}] * suppressed}
    scan = {"engineVersion": "12.1.0", "analysisExceptions": [{"exception": {"message": "x"}}] * exceptions}
    made = {"scanInfo": scan, "projectInfo": {"reportDate": TIME}, "dependencies": [one] * dependencies}
    return json.dumps({"reportSchema": "1.1"} | made).encode()


def tag(name: str, value: object) -> str:
    return "" if value is None else f"<{name}>{value}</{name}>"


def as_xml(*found: Json, suppressed: int = 0, dependencies: int = 1, exceptions: int = 0) -> bytes:
    body = "".join(
        "<vulnerability source='NVD'>"
        + tag("name", one["name"])
        + tag("severity", one["severity"])
        + f"<cvssV2>{tag('score', one['cvssv2']['score'])}<severity>LOW</severity></cvssV2>"
        + f"<cvssV3>{tag('baseScore', one['cvssv3']['baseScore'])}<baseSeverity>LOW</baseSeverity></cvssV3>"
        + "<references><reference><name>x</name></reference></references></vulnerability>"
        for one in found
    )
    body += "<suppressedVulnerability><name>y</name><severity>HIGH</severity></suppressedVulnerability>" * suppressed
    one = f"<dependency><fileName>a.jar</fileName><vulnerabilities>{body}</vulnerabilities></dependency>"
    failed = (
        "<analysisExceptions>" + "<exception><message>x</message></exception>" * exceptions + "</analysisExceptions>"
    )
    scan = f"<scanInfo><engineVersion>12.1.0</engineVersion>{failed}</scanInfo>"
    project = f"<projectInfo><name>p</name><reportDate>{TIME}</reportDate></projectInfo>"
    namespace = "https://jeremylong.github.io/DependencyCheck/dependency-check.4.1.xsd"
    whole = f"{scan}{project}<dependencies>{one * dependencies}</dependencies>"
    return f"<analysis xmlns='{namespace}'>{whole}</analysis>".encode()


SPELLINGS = pytest.mark.parametrize("spelt", [as_json, as_xml])


@SPELLINGS
@pytest.mark.parametrize(
    ("word", "v2", "v3", "level"),
    [
        ("CRITICAL", None, None, "critical"),
        ("HIGH", None, None, "high"),
        ("MEDIUM", 9.9, 9.9, "medium"),
        ("moderate", None, None, "medium"),
        ("low", None, None, "low"),
        ("Unknown", None, 1.0, "high"),
        ("0.0", None, None, "high"),
        (None, 4.3, 3.7, "medium"),
        (None, 5, 9.8, "critical"),
        (None, None, 3.7, "low"),
        (None, None, 0, "info"),
        (None, None, "very", "high"),
        ("", None, 3.7, "low"),
        (None, None, None, "high"),
    ],
)
def test_severity_of_a_vulnerability(spelt: Any, word: str | None, v2: object, v3: object, level: str) -> None:  # noqa: ANN401
    claim: Claim = claim_of(spelt(vulnerability(word, v2, v3)))
    assert claim.evidence[level] == claim.evidence["total"] == 1
    assert claim.passed is (level not in {"critical", "high"})


@SPELLINGS
def test_a_vulnerability_says_its_file(spelt: Any) -> None:  # noqa: ANN401
    claim: Claim = claim_of(spelt(vulnerability("LOW"), vulnerability("LOW", name="GHSA-1")))
    assert claim.evidence["findings"] == [
        {"id": "CVE-1", "severity": "low", "path": "a.jar"},
        {"id": "GHSA-1", "severity": "low", "path": "a.jar"},
    ]


@SPELLINGS
def test_what_is_suppressed_does_not_count(spelt: Any) -> None:  # noqa: ANN401
    claim: Claim = claim_of(spelt(suppressed=2))
    assert claim.passed
    assert (claim.evidence["total"], claim.evidence["suppressed"]) == (0, 2)


@SPELLINGS
def test_a_report_says_its_version_and_time(spelt: Any) -> None:  # noqa: ANN401
    evidence = claim_of(spelt()).evidence
    assert (evidence["tool"], evidence["toolVersion"]) == ("Dependency-Check", "12.1.0")
    assert evidence["reportedAt"] == "2025-01-02T03:04:05.123456Z"


@SPELLINGS
@pytest.mark.parametrize("failed", [{"dependencies": 0}, {"exceptions": 1}])
def test_what_nobody_looked_at_is_not_passed(spelt: Any, failed: dict[str, int]) -> None:  # noqa: ANN401
    claim: Claim = claim_of(spelt(**failed))
    assert not claim.passed
    assert claim.evidence["complete"] is False


@pytest.mark.parametrize(
    "data", [b"<analysis xmlns='urn:x'><scanInfo/></analysis>", b'{"dependencies":[{"name":"x"}]}']
)
def test_another_analysis_is_left_alone(data: bytes) -> None:
    assert recognise(data) is None
