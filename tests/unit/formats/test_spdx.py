"""How the packages of an SPDX 2 document are counted, in each of its spellings."""

import json
from typing import Any

import pytest

from collector.formats.claim import Claim
from shared.errors import Code, MalformedError
from tests.unit.formats.reading import claim_of

DIGEST = "AB" * 32
DESCRIBES = {"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": "SPDXRef-a"}
PURL = {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": "pkg:npm/a@1"}


def read(**fields: Any) -> Claim:  # noqa: ANN401
    return claim_of(json.dumps({"spdxVersion": "SPDX-2.3", "SPDXID": "SPDXRef-DOCUMENT", **fields}).encode())


@pytest.mark.parametrize(
    ("package", "listed"),
    [
        ({"name": "a", "versionInfo": "1", "externalRefs": [{"referenceType": "cpe23Type"}, PURL]}, ["pkg:npm/a@1"]),
        ({"externalRefs": [PURL | {"referenceType": "http://spdx.org/rdf/references/purl"}]}, ["pkg:npm/a@1"]),
        ({"name": "a", "versionInfo": "1", "externalRefs": []}, ["a@1"]),
        ({"name": "a", "externalRefs": None}, ["a"]),
        ({"name": 1}, []),
    ],
)
def test_a_package_is_listed_by_its_package_url_else_by_its_name(package: object, listed: list[str]) -> None:
    claim = read(packages=[package], files=[{"fileName": "x"}], snippets=[{"name": "y"}])
    assert claim.evidence["componentCount"] == 1
    assert claim.evidence["components"] == listed


@pytest.mark.parametrize(
    ("concluded", "declared", "licenses"),
    [
        ("MIT", "ISC", {"MIT": 1}),
        ("NOASSERTION", "ISC", {"ISC": 1}),
        ("NONE", "ISC", {"ISC": 1}),
        (None, "MIT OR ISC", {"MIT OR ISC": 1}),
        ("NOASSERTION", "NONE", {}),
        (None, None, {}),
    ],
)
def test_the_licence_is_the_concluded_one_else_the_declared_one(
    concluded: str | None, declared: str | None, licenses: object
) -> None:
    claim = read(packages=[{"licenseConcluded": concluded, "licenseDeclared": declared}])
    assert claim.evidence["licenses"] == licenses


@pytest.mark.parametrize(
    ("creators", "expected"),
    [
        (["Organization: o-1", "Tool: syft-1.13.0", "Tool: other-2"], ("syft", "1.13.0")),
        (["Tool: sbom-tool-v2"], ("sbom-tool", "v2")),
        (["Tool: x-2go-1.0-rc.1"], ("x-2go", "1.0-rc.1")),
        (["Tool: syft-[not provided]"], ("syft-[not provided]", None)),
        (["Person: Tool: x", 1], (None, None)),
        (None, (None, None)),
    ],
)
def test_the_tool_is_the_first_one_of_the_creators(creators: object, expected: object) -> None:
    seen = read(creationInfo={"creators": creators, "created": "2026-01-02T03:04:05Z"}).evidence
    assert (seen.get("tool"), seen.get("toolVersion")) == expected
    assert seen["reportedAt"] == "2026-01-02T03:04:05.000000Z"


@pytest.mark.parametrize(
    ("fields", "subjects"),
    [
        ({"documentDescribes": ["SPDXRef-a"]}, (("a", DIGEST.lower()),)),
        ({"relationships": [DESCRIBES]}, (("a", DIGEST.lower()),)),
        ({"relationships": [DESCRIBES | {"relationshipType": "CONTAINS"}]}, ()),
        ({"relationships": [DESCRIBES | {"spdxElementId": "SPDXRef-b"}]}, ()),
        ({"documentDescribes": ["SPDXRef-b"]}, ()),
        ({}, ()),
    ],
)
def test_the_subject_is_the_package_that_the_document_describes(fields: dict[str, Any], subjects: object) -> None:
    checksums = [{"algorithm": "SHA1", "checksumValue": "0" * 40}, {"algorithm": "SHA256", "checksumValue": DIGEST}]
    assert read(packages=[{"SPDXID": "SPDXRef-a", "name": "a", "checksums": checksums}], **fields).subjects == subjects


@pytest.mark.parametrize("version", ["SPDX-2.2", "SPDX-2.3"])
def test_known_versions_are_well_formed(version: str) -> None:
    assert read(spdxVersion=version).passed


@pytest.mark.parametrize("version", ["SPDX-2.1", "SPDX-3.0", "2.3", "", None, 2.3])
def test_another_version_is_not_passed(version: object) -> None:
    assert not read(spdxVersion=version).passed


@pytest.mark.parametrize("packages", [{}, "x", 1, None, [1], [[]], [None]])
def test_packages_of_another_shape_are_refused(packages: object) -> None:
    with pytest.raises(MalformedError) as refused:
        read(packages=packages)
    assert refused.value.code is Code.BAD_SYNTAX


HEAD = "SPDXVersion: SPDX-2.3\nSPDXID: SPDXRef-DOCUMENT\n"


def read_tags(*lines: str) -> Claim:
    return claim_of((HEAD + "\n".join(lines) + "\n").encode())


def test_tags_are_said_of_the_package_that_they_follow() -> None:
    claim = read_tags(
        "# a comment: PackageName",
        "Creator: Tool: maker-7",
        "Created: 2026-01-02T03:04:05Z",
        "Relationship: SPDXRef-DOCUMENT DESCRIBES SPDXRef-a",
        "PackageName: a",
        "SPDXID: SPDXRef-a",
        "PackageVersion: 1",
        f"PackageChecksum: SHA256: {DIGEST}",
        "PackageLicenseConcluded: NOASSERTION",
        "PackageLicenseDeclared: MIT",
        "ExternalRef: SECURITY cpe23Type cpe:2.3:a:b:c",
        "PackageName: <text>b</text>",
        "ExternalRef: PACKAGE-MANAGER purl pkg:npm/b@2",
        "FileName: ./c",
        "SPDXID: SPDXRef-c",
        "LicenseConcluded: ISC",
        "PackageName: d",
    )
    assert claim.evidence["components"] == ["a@1", "pkg:npm/b@2", "d"]
    assert claim.evidence["licenses"] == {"MIT": 1}
    assert (claim.evidence["tool"], claim.evidence["toolVersion"]) == ("maker", "7")
    assert claim.evidence["reportedAt"] == "2026-01-02T03:04:05.000000Z"
    assert claim.subjects == (("a", DIGEST.lower()),)
    assert claim.passed


def test_what_stands_in_a_text_of_several_lines_is_no_tag() -> None:
    claim = read_tags("PackageComment: <text>one", "PackageName: x", "no tag at all", "end</text>", "PackageName: y")
    assert claim.evidence["components"] == ["y"]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("no tag", Code.BAD_SYNTAX),
        (": value", Code.BAD_SYNTAX),
        ("Package Name: x", Code.BAD_SYNTAX),
        ("PackageComment: <text>never closed", Code.TRUNCATED),
    ],
)
def test_a_line_without_a_tag_and_a_text_without_an_end_are_refused(line: str, code: Code) -> None:
    with pytest.raises(MalformedError) as refused:
        read_tags("PackageName: x", line)
    assert refused.value.code is code


@pytest.mark.parametrize("version", ["SPDX-2.1", "SPDX-3.0", "2.3", ""])
def test_tags_of_another_version_are_not_passed(version: str) -> None:
    assert not claim_of(f"SPDXVersion: {version}\nPackageName: a\n".encode()).passed
