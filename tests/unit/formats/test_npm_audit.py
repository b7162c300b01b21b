"""How the advisories of npm audit are counted, and when a report says too little."""

import json

import pytest

from tests.unit.formats.reading import claim_of, format_of

JsonObject = dict[str, object]

GHSA = "https://github.com/advisories/GHSA-"


def via(severity: str, *, source: int = 1, url: str = "https://x/1", name: str = "a") -> JsonObject:
    return {"source": source, "name": name, "url": url, "severity": severity, "title": "t"}


def package(severity: str, *reasons: object, fix: object = False) -> JsonObject:
    return {"severity": severity, "via": list(reasons), "nodes": ["node_modules/a"], "fixAvailable": fix}


def report(packages: object, *, dependencies: int = 3, **totals: int) -> bytes:
    counted = {"metadata": {"vulnerabilities": totals, "dependencies": {"prod": 1, "total": dependencies}}}
    return json.dumps({"auditReportVersion": 2, "vulnerabilities": packages, **counted}).encode()


def read(data: bytes) -> tuple[object, ...]:
    claim = claim_of(data)
    seen = claim.evidence
    return seen["critical"], seen["high"], seen["medium"], seen["low"], claim.passed, "complete" not in seen


REPORTS: dict[str, tuple[bytes, tuple[object, ...]]] = {
    "no advisory": (report({}), (0, 0, 0, 0, True, True)),
    "one advisory": (report({"a": package("low", via("low"))}, low=1), (0, 0, 0, 1, True, True)),
    "a dependant is not one": (
        report({"a": package("low", via("low")), "b": package("low", "a")}, low=2),
        (0, 0, 0, 1, True, True),
    ),
    "one for two ranges of a package": (
        report({"a": package("low", via("low", source=1, url=GHSA + "1"), via("low", source=2, url=GHSA + "1"))}),
        (0, 0, 0, 1, True, True),
    ),
    "said twice, the worse counts": (
        report({"a": package("high", via("low", url=GHSA + "1"), via("high", url=GHSA + "1"))}),
        (0, 1, 0, 0, False, True),
    ),
    "one for two packages": (
        report({"a": package("low", via("low", url=GHSA + "1")), "b": package("low", via("low", name="b"))}),
        (0, 0, 0, 2, True, True),
    ),
    "a severity that nobody knows": (report({"a": package("odd", via("odd"))}), (0, 1, 0, 0, False, True)),
    "no severity": (report({"a": {"via": [{"source": 1}]}}), (0, 1, 0, 0, False, True)),
    "a package worse than its advisories": (
        report({"a": package("high", via("low"))}),
        (0, 0, 0, 1, False, False),
    ),
    "a package without advisories": (report({"a": package("low", "b")}), (0, 0, 0, 0, False, False)),
    "totals worse than the advisories": (report({}, high=1), (0, 0, 0, 0, False, False)),
    "no dependency": (report({}, dependencies=0), (0, 0, 0, 0, False, False)),
    "no metadata": (b'{"auditReportVersion":2,"vulnerabilities":{}}', (0, 0, 0, 0, False, False)),
    "no list": (
        b'{"auditReportVersion":2,"metadata":{"vulnerabilities":{},"dependencies":{"total":3}}}',
        (0, 0, 0, 0, False, False),
    ),
}


@pytest.mark.parametrize("name", REPORTS)
def test_advisories_are_counted_once_and_nothing_is_taken_for_granted(name: str) -> None:
    data, expected = REPORTS[name]
    assert read(data) == expected


@pytest.mark.parametrize(("fix", "fixable"), [(True, 1), ({"name": "a", "version": "2"}, 1), (False, 0), (None, 0)])
def test_a_fix_is_one_that_npm_could_install(fix: object, fixable: int) -> None:
    assert claim_of(report({"a": package("low", via("low"), fix=fix)})).evidence["fixable"] == fixable


@pytest.mark.parametrize("code", ["ENOAUDIT", "ENOLOCK", "EAUDITNOPJSON"])
def test_an_audit_that_failed_is_a_scan_that_failed(code: str) -> None:
    claim = claim_of(json.dumps({"error": {"code": code, "summary": "", "detail": ""}}).encode())
    assert not claim.passed
    assert claim.evidence["executionSuccessful"] is False


def test_an_advisory_is_named_by_its_ghsa_else_by_its_number() -> None:
    data = report(
        {"a": package("low", via("low", url=GHSA + "x"), via("low", source=77, url="https://x/advisories/77"))}
    )
    assert [rule["id"] for rule in claim_of(data).evidence["rules"]] == ["77", "GHSA-x"]  # type: ignore[index, union-attr, call-overload]


def test_it_is_recognised_by_its_version() -> None:
    assert format_of(report({})).key == "npm-audit"
