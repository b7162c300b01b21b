"""How the packages of an SPDX 3.0 graph are counted."""

import io
import json
from typing import Any

import pytest

from collector.formats import Limits
from collector.formats.claim import Claim, Thresholds
from collector.formats.parts import spdx3
from shared.errors import Code, MalformedError
from tests.unit.formats.reading import claim_of

DIGEST = "ab" * 32
CREATION = {
    "@id": "_:c",
    "type": "CreationInfo",
    "specVersion": "3.0.1",
    "created": "2026-01-02T03:04:05Z",
    "createdUsing": ["urn:t"],
}
PACKAGE = {"type": "software_Package", "spdxId": "urn:p", "name": "p"}


def document(graph: object) -> bytes:
    return json.dumps({"@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld", "@graph": graph}).encode()


def read(*elements: dict[str, Any]) -> Claim:
    return claim_of(document([*elements, CREATION]))


def expression(identity: str, said: str) -> dict[str, Any]:
    kind = "simplelicensing_LicenseExpression"
    return {"type": kind, "spdxId": identity, "simplelicensing_licenseExpression": said}


def relation(kind: str, to: str, of: str = "urn:p") -> dict[str, Any]:
    return {"type": "Relationship", "relationshipType": kind, "from": of, "to": [to]}


@pytest.mark.parametrize(
    ("fields", "listed"),
    [
        ({"software_packageUrl": "pkg:npm/p@1", "software_packageVersion": "1"}, ["pkg:npm/p@1"]),
        (
            {"externalIdentifier": [{"externalIdentifierType": "packageUrl", "identifier": "pkg:npm/p@2"}]},
            ["pkg:npm/p@2"],
        ),
        ({"externalIdentifier": [{"externalIdentifierType": "cpe23", "identifier": "cpe:2.3"}]}, ["p"]),
        ({"software_packageVersion": "3"}, ["p@3"]),
    ],
)
def test_a_package_is_listed_by_its_package_url_else_by_its_name(fields: dict[str, Any], listed: list[str]) -> None:
    claim = read(PACKAGE | fields, {"type": "software_File", "name": "f"}, {"type": "Person", "name": "q"})
    assert claim.evidence["components"] == listed
    assert claim.evidence["componentCount"] == 1


MIT, ISC, NONE = expression("urn:mit", "MIT"), expression("urn:isc", "ISC"), expression("urn:none", "NOASSERTION")


@pytest.mark.parametrize(
    ("relations", "licenses"),
    [
        ([relation("hasConcludedLicense", "urn:mit"), relation("hasDeclaredLicense", "urn:isc")], {"MIT": 1}),
        ([relation("hasConcludedLicense", "urn:none"), relation("hasDeclaredLicense", "urn:isc")], {"ISC": 1}),
        ([relation("hasDeclaredLicense", "https://spdx.org/licenses/Zlib")], {"Zlib": 1}),
        ([relation("hasDeclaredLicense", "urn:mit", of="urn:file")], {}),
        ([relation("contains", "urn:mit")], {}),
    ],
)
def test_the_licence_of_a_package_is_found_in_any_order(relations: list[dict[str, Any]], licenses: object) -> None:
    assert read(*relations, PACKAGE, MIT, ISC, NONE).evidence["licenses"] == licenses
    assert read(MIT, ISC, NONE, PACKAGE, *relations).evidence["licenses"] == licenses


def test_version_time_and_tool_are_those_of_the_document() -> None:
    other = {"@id": "_:d", "type": "CreationInfo", "specVersion": "3.0.0", "created": "2025-01-01T00:00:00Z"}
    tool = {"type": "Tool", "spdxId": "urn:t", "name": "maker"}
    seen = read(other, tool, {"type": "SpdxDocument", "creationInfo": "_:c"}).evidence
    assert (seen["specVersion"], seen["tool"], seen["reportedAt"]) == ("3.0.1", "maker", "2026-01-02T03:04:05.000000Z")
    assert read(other, tool, {"type": "SpdxDocument", "creationInfo": other}).evidence["specVersion"] == "3.0.0"
    assert read(other, tool).evidence["specVersion"] == "3.0.0"


@pytest.mark.parametrize(("roots", "subjects"), [(["urn:p"], (("p", DIGEST),)), (["urn:q", 1], ()), (None, ())])
def test_the_subject_is_the_package_that_is_a_root_element(roots: object, subjects: object) -> None:
    package = PACKAGE | {
        "verifiedUsing": [{"algorithm": "sha1", "hashValue": "0"}, {"algorithm": "sha256", "hashValue": DIGEST}]
    }
    assert read({"type": "software_Sbom", "rootElement": roots}, package).subjects == subjects


@pytest.mark.parametrize("version", ["3.1.0", "2.3", "", None, 3.0])
def test_another_version_is_not_passed(version: object) -> None:
    assert claim_of(document([CREATION])).passed
    assert not claim_of(document([CREATION | {"specVersion": version}])).passed


def test_a_graph_without_a_word_on_its_creation_is_not_passed() -> None:
    assert not claim_of(document([PACKAGE])).passed


@pytest.mark.parametrize("graph", [{}, "x", 1, None, [1], [[]], [None]])
def test_a_graph_of_another_shape_is_refused(graph: object) -> None:
    with pytest.raises(MalformedError) as refused:
        claim_of(document(graph))
    assert refused.value.code is Code.BAD_SYNTAX


def test_no_more_elements_are_held_than_the_limit() -> None:
    packages = [PACKAGE | {"spdxId": f"urn:{number}"} for number in range(11)]
    with pytest.raises(MalformedError) as refused:
        spdx3.read(io.BytesIO(document(packages)), Thresholds(), Limits(max_tracked=10))
    assert refused.value.code is Code.TOO_LARGE
