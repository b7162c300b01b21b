"""How the artifacts of Syft's JSON are counted."""

import json
from typing import Any

import pytest

from collector.formats.claim import Claim
from shared.errors import Code, MalformedError
from tests.unit.formats.reading import claim_of

DIGEST = "ab" * 32
WHOLE = {
    "artifacts": [],
    "artifactRelationships": [],
    "descriptor": {"name": "syft", "version": "1.18.1"},
    "schema": {"version": "16.0.21"},
}


def read(**fields: Any) -> Claim:  # noqa: ANN401
    return claim_of(json.dumps(WHOLE | fields).encode())


@pytest.mark.parametrize(
    ("artifact", "listed"),
    [
        ({"name": "a", "version": "1", "purl": "pkg:npm/a@1"}, ["pkg:npm/a@1"]),
        ({"name": "a", "version": "1", "purl": ""}, ["a@1"]),
        ({"name": "a", "version": ""}, ["a"]),
        ({}, []),
    ],
)
def test_an_artifact_is_listed_by_its_package_url_else_by_its_name(artifact: object, listed: list[str]) -> None:
    claim = read(artifacts=[artifact])
    assert claim.evidence["componentCount"] == 1
    assert claim.evidence["components"] == listed


@pytest.mark.parametrize(
    ("licenses", "expected"),
    [
        (["MIT", "MIT", "Own"], {"MIT": 1, "Own": 1}),
        ([{"value": "mit", "spdxExpression": "MIT"}, {"value": "Own", "spdxExpression": ""}], {"MIT": 1, "Own": 1}),
        ([{"type": "declared"}, None, 1, ""], {}),
        (None, {}),
    ],
)
def test_a_licence_is_its_expression_else_as_it_was_found(licenses: object, expected: object) -> None:
    assert read(artifacts=[{"licenses": licenses}]).evidence["licenses"] == expected


@pytest.mark.parametrize(
    ("source", "subjects"),
    [
        ({"name": "f", "metadata": {"digests": [{"algorithm": "sha256", "value": DIGEST}]}}, (("f", DIGEST),)),
        ({"name": "f", "metadata": {"digests": [{"algorithm": "sha1", "value": DIGEST}]}}, ()),
        ({"target": {"repoDigests": [f"r.example/a@sha256:{DIGEST}", "x", 1]}}, (("r.example/a", DIGEST),)),
        ({"metadata": {"manifestDigest": f"sha256:{DIGEST}", "imageID": f"sha256:{DIGEST}"}}, ()),
        ({"target": "."}, ()),
        (None, ()),
    ],
)
def test_the_subject_is_what_was_looked_at(source: object, subjects: object) -> None:
    assert read(source=source).subjects == subjects


@pytest.mark.parametrize(
    "fields",
    [
        {"schema": {}},
        {"schema": {"version": "next"}},
        {"schema": None},
        {"descriptor": {"name": "other"}},
        {"descriptor": None},
    ],
)
def test_what_does_not_say_that_syft_made_it_by_a_schema_is_not_passed(fields: dict[str, Any]) -> None:
    assert read().passed
    assert not read(**fields).passed


@pytest.mark.parametrize("artifacts", [{}, "x", 1, None, [1], [[]], [None]])
def test_artifacts_of_another_shape_are_refused(artifacts: object) -> None:
    with pytest.raises(MalformedError) as refused:
        read(artifacts=artifacts)
    assert refused.value.code is Code.BAD_SYNTAX
