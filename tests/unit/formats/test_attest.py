"""Our own `*.attest.json`: what it may say, and what is refused."""

import json
from typing import Any

import pytest

from collector.formats import Basis, ClaimType
from collector.formats.claim import Claim
from shared.errors import Code, MalformedError
from tests.unit.formats.reading import claim_of

DIGEST = "0f" * 32
WHOLE: dict[str, Any] = {"carnet": "attest/v1", "type": "CODE_REVIEW", "name": "Second pair of eyes", "passed": True}


def read(**fields: Any) -> Claim:  # noqa: ANN401
    return claim_of(json.dumps({**WHOLE, **fields}).encode())


def test_a_declared_claim_says_what_the_file_says() -> None:
    claim = read(evidence={"reviewers": 2, "by": {"team": "x"}}, subjects=[{"name": "a.whl", "sha256": DIGEST}])
    assert claim == Claim(
        type=ClaimType.CODE_REVIEW,
        name="Second pair of eyes",
        basis=Basis.DECLARED,
        passed=True,
        evidence={"reviewers": 2, "by": {"team": "x"}},
        subjects=(("a.whl", DIGEST),),
    )


def test_evidence_and_subjects_may_be_left_out() -> None:
    claim = read(passed=False)
    assert (claim.passed, claim.evidence, claim.subjects) == (False, {}, ())


def test_a_type_may_be_written_in_either_case() -> None:
    assert read(type="test_results").type is ClaimType.TEST_RESULTS


@pytest.mark.parametrize("count", [-1, 1.5, "three", None])
def test_a_count_that_is_none_is_left_to_the_judge(count: object) -> None:
    assert read(type="TEST_RESULTS", evidence={"failed": count}).evidence == {"failed": count}


@pytest.mark.parametrize("spelling", [DIGEST, DIGEST.upper(), f"sha256:{DIGEST}", f"SHA256:{DIGEST.upper()}"])
def test_a_digest_is_taken_in_any_common_spelling(spelling: str) -> None:
    assert read(subjects=[{"sha256": spelling}]).subjects == ((None, DIGEST),)


REFUSED: dict[str, dict[str, Any]] = {
    "another version": {"carnet": "attest/v2"},
    "a type of its own": {"type": "OPINION"},
    "a type that is no text": {"type": 1},
    "an empty name": {"name": ""},
    "a blank name": {"name": "  "},
    "a name of two lines": {"name": "a\nb"},
    "a name that is too long": {"name": "x" * 201},
    "passed as text": {"passed": "true"},
    "passed as number": {"passed": 1},
    "evidence as list": {"evidence": []},
    "a subject without a digest": {"subjects": [{"name": "x"}]},
    "a short digest": {"subjects": [{"sha256": "ab12"}]},
    "a digest with a line feed": {"subjects": [{"sha256": DIGEST + "\n"}]},
    "an all-zero digest": {"subjects": [{"sha256": "0" * 64}]},
    "a subject with more fields": {"subjects": [{"sha256": DIGEST, "sha1": "x"}]},
    "subjects as object": {"subjects": {"sha256": DIGEST}},
    "too many subjects": {"subjects": [{"sha256": DIGEST}] * 101},
    "an unknown field": {"pased": True},
}


@pytest.mark.parametrize("name", REFUSED)
def test_refuses_and_names_the_field(name: str) -> None:
    with pytest.raises(MalformedError) as refused:
        read(**REFUSED[name])
    assert refused.value.code is Code.BAD_SYNTAX
    assert f"/{next(iter(REFUSED[name]))}" in refused.value.detail


@pytest.mark.parametrize("missing", ["type", "name", "passed"])
def test_refuses_without_a_field_that_must_be_there(missing: str) -> None:
    fields = {key: value for key, value in WHOLE.items() if key != missing}
    with pytest.raises(MalformedError, match=f"/{missing}"):
        claim_of(json.dumps(fields).encode())


def test_more_values_than_a_statement_could_hold_are_refused() -> None:
    with pytest.raises(MalformedError) as refused:
        read(evidence={"x": [0] * 60_000})
    assert refused.value.code is Code.TOO_LARGE
