"""How the parts of a CycloneDX document are counted."""

import json
from typing import Any

import pytest

from collector.formats.claim import Claim
from shared.errors import Code, MalformedError
from tests.unit.formats.reading import claim_of

DIGEST = "AB" * 32


def read(**fields: Any) -> Claim:  # noqa: ANN401
    return claim_of(json.dumps({"bomFormat": "CycloneDX", "specVersion": "1.6", **fields}).encode())


def test_nested_components_count_and_the_product_does_not() -> None:
    claim = read(
        metadata={"component": {"name": "product", "components": [{"name": "inside"}]}},
        components=[{"name": "a", "components": [{"name": "b", "components": [{"name": "c"}]}]}, {"name": "d"}],
        services=[{"name": "s"}],
    )
    assert claim.evidence["componentCount"] == 4


def test_lists_inside_of_a_component_that_are_called_components_are_not_parts() -> None:
    claim = read(components=[{"name": "a", "evidence": {"components": [{"name": "x"}]}}])
    assert claim.evidence["componentCount"] == 1


def test_package_urls_are_listed_up_to_2000() -> None:
    claim = read(components=[{"purl": f"pkg:npm/p{number}@1"} for number in range(2_010)])
    listed = claim.evidence["components"]
    assert isinstance(listed, list)
    assert len(listed) == 2_000
    assert listed[0] == "pkg:npm/p0@1"
    assert claim.evidence["componentsOmitted"] == 10


def test_licences_count_once_for_each_component() -> None:
    claim = read(
        components=[
            {"licenses": [{"license": {"id": "MIT"}}, {"license": {"id": "MIT"}}, {"license": {"name": "Own"}}]},
            {"licenses": [{"license": {"id": "MIT"}}], "components": [{"licenses": [{"expression": "MIT OR ISC"}]}]},
        ]
    )
    assert claim.evidence["licenses"] == {"MIT": 2, "Own": 1, "MIT OR ISC": 1}


def test_licences_are_cut_at_200() -> None:
    claim = read(components=[{"licenses": [{"license": {"name": f"L{number}"}}]} for number in range(230)])
    assert claim.evidence["licensesOmitted"] == 30


@pytest.mark.parametrize(
    ("hashes", "expected"),
    [
        ([{"alg": "SHA-256", "content": DIGEST}], (("product", DIGEST.lower()),)),
        (
            [{"alg": "SHA-1", "content": "00" * 20}, {"content": DIGEST, "alg": "SHA-256"}],
            (("product", DIGEST.lower()),),
        ),
        ([{"alg": "SHA-512", "content": DIGEST}], ()),
        ([{"alg": "SHA-256", "content": "short"}], ()),
        ([{"alg": "SHA-256"}, {"content": DIGEST}], ()),
        ([], ()),
    ],
)
def test_the_subject_is_the_product_by_its_sha256(hashes: list[object], expected: object) -> None:
    assert read(metadata={"component": {"hashes": hashes, "name": "product"}}).subjects == expected


@pytest.mark.parametrize(
    ("tools", "expected"),
    [
        ([{"vendor": "v", "name": "old", "version": "1"}, {"name": "other"}], ("old", "1")),
        ({"components": [{"name": "new", "version": "2"}, {"name": "other", "version": "3"}]}, ("new", "2")),
        ({"services": [{"name": "service"}]}, (None, None)),
        ([], (None, None)),
    ],
)
def test_the_tool_is_the_first_one_named(tools: object, expected: object) -> None:
    seen = read(metadata={"tools": tools}).evidence
    assert (seen.get("tool"), seen.get("toolVersion")) == expected


@pytest.mark.parametrize("version", ["1.2", "1.3", "1.4", "1.5", "1.6", "1.7"])
def test_known_versions_are_well_formed(version: str) -> None:
    assert read(specVersion=version).passed


@pytest.mark.parametrize("version", ["1.1", "2.0", "", None, 1.6])
def test_another_version_is_not_passed(version: object) -> None:
    assert not read(specVersion=version).passed


def test_a_schema_alone_is_not_well_formed() -> None:
    assert not claim_of(b'{"$schema":"http://cyclonedx.org/schema/bom-1.6.schema.json","specVersion":"1.6"}').passed


@pytest.mark.parametrize("components", [{}, "x", 1, None, [1], [[]], [{"components": [None]}]])
def test_components_of_another_shape_are_refused(components: object) -> None:
    with pytest.raises(MalformedError) as refused:
        read(components=components)
    assert refused.value.code is Code.BAD_SYNTAX
