"""How the groups and vulnerabilities of OSV-Scanner are counted."""

import json

import pytest

from tests.unit.formats.reading import claim_of

JsonObject = dict[str, object]


def vulnerability(name: str, word: str | None = None) -> JsonObject:
    return {"id": name, "summary": "s", **({"database_specific": {"severity": word}} if word else {})}


def group(*ids: str, score: object = "") -> JsonObject:
    return {"ids": list(ids), "max_severity": score}


def report(**package: object) -> bytes:
    packages = [{"package": {"name": "p", "version": "1"}, **package}]
    return json.dumps({"results": [{"source": {"path": "x.lock"}, "packages": packages}]}).encode()


def read(data: bytes) -> tuple[object, ...]:
    claim = claim_of(data)
    seen = claim.evidence
    return seen["critical"], seen["high"], seen["medium"], seen["low"], seen["info"], claim.passed


PACKAGES: dict[str, tuple[bytes, tuple[object, ...]]] = {
    "a score": (report(groups=[group("A", score="9.8")]), (1, 0, 0, 0, 0, False)),
    "a score that is a number": (report(groups=[group("A", score=5)]), (0, 0, 1, 0, 0, True)),
    "two entries of one flaw": (
        report(vulnerabilities=[vulnerability("A"), vulnerability("B")], groups=[group("A", "B", score="3.1")]),
        (0, 0, 0, 1, 0, True),
    ),
    "groups in front": (
        report(groups=[group("A", score="3.1")], vulnerabilities=[vulnerability("A")]),
        (0, 0, 0, 1, 0, True),
    ),
    "the worst word where there is no score": (
        report(vulnerabilities=[vulnerability("A", "LOW"), vulnerability("B", "MODERATE")], groups=[group("A", "B")]),
        (0, 0, 1, 0, 0, True),
    ),
    "neither score nor word": (
        report(vulnerabilities=[vulnerability("A")], groups=[group("A")]),
        (0, 1, 0, 0, 0, False),
    ),
    "a score that is none": (report(groups=[group("A", score="n/a")]), (0, 1, 0, 0, 0, False)),
    "a score of nothing": (report(groups=[group("A", score="0.0")]), (0, 1, 0, 0, 0, False)),
    "a score below nothing": (report(groups=[group("A", score="-1.0")]), (0, 1, 0, 0, 0, False)),
    "a word that nobody knows": (
        report(vulnerabilities=[vulnerability("A", "ODD")], groups=[group("A")]),
        (0, 1, 0, 0, 0, False),
    ),
    "in no group": (
        report(vulnerabilities=[vulnerability("A", "LOW"), vulnerability("B")], groups=[]),
        (0, 1, 0, 1, 0, False),
    ),
    "without an id": (report(vulnerabilities=[{"summary": "s"}]), (0, 1, 0, 0, 0, False)),
    "a group without ids": (report(groups=[{}]), (0, 1, 0, 0, 0, False)),
    "a licence that is not allowed": (report(license_violations=["GPL-3.0"]), (0, 1, 0, 0, 0, False)),
    "a package without findings": (report(vulnerabilities=None, groups=None), (0, 0, 0, 0, 0, True)),
    "what a detector found": (
        b'{"results":[],"experimental_config":{},"experimental_generic_findings":[{"Adv":{"ID":{"Reference":"x"}}}]}',
        (0, 1, 0, 0, 0, False),
    ),
    "no results": (b'{"results":null,"experimental_config":{}}', (0, 0, 0, 0, 0, False)),
}


@pytest.mark.parametrize("name", PACKAGES)
def test_a_group_counts_once_by_the_worst_that_is_said(name: str) -> None:
    data, expected = PACKAGES[name]
    assert read(data) == expected
