"""What a parsing child may answer, and that nothing else is taken for an answer."""

from __future__ import annotations

import dataclasses

import pytest

from collector.formats import Basis, Claim, ClaimType
from collector.parsing.answers import ChildError, Why, decode, encode_claim, encode_error, encode_failure
from collector.parsing.frames import MAX_ANSWER_BYTES
from shared.encoding import JsonObject, JsonValue, compact
from shared.errors import FILE_CODES, Code, MalformedError

DIGEST = "ab" * 32
KEY = "trivy"
CLAIM = Claim(
    type=ClaimType.SECURITY_SCAN,
    name="Trivy \u00e9\u2603",
    basis=Basis.MEASURED,
    passed=False,
    evidence={"total": 3, "score": 9.75, "flag": True, "none": None, "rows": [{"name": "x"}], "by": {"a b": 1}},
    subjects=((None, DIGEST), ("app", DIGEST)),
)
GOOD: JsonObject = {
    "type": "SECURITY_SCAN", "name": "n", "basis": "measured", "passed": True, "evidence": {},
    "subjects": [[None, DIGEST]],
}  # fmt: skip
WRONG: dict[str, list[JsonValue]] = {
    "type": ["sbom", "", 1, None, []],
    "name": [None, 1, ["n"]],
    "basis": ["certain", None],
    "passed": [1, "true", None],
    "evidence": [None, [], "x"],
    "subjects": [
        None, {}, [1], [[]], [["n"]], [["n", DIGEST, 1]], [["n", DIGEST.upper()]], [["n", "ab"]], [[1, DIGEST]],
    ],
}  # fmt: skip


def test_a_claim_comes_back_as_it_was() -> None:
    assert decode(encode_claim(CLAIM), KEY) == CLAIM


def test_every_field_of_a_claim_is_carried() -> None:
    assert {one.name for one in dataclasses.fields(Claim)} == set(GOOD)


def test_evidence_as_deep_as_a_file_may_be_comes_back() -> None:
    deep: JsonValue = 1
    for _ in range(98):
        deep = [deep]
    claim = dataclasses.replace(CLAIM, evidence={"deep": deep})
    assert decode(encode_claim(claim), KEY) == claim


@pytest.mark.parametrize("code", sorted(FILE_CODES))
@pytest.mark.parametrize("hint", [None, "do this"])
def test_an_error_about_the_file_comes_back_as_it_was(code: Code, hint: str | None) -> None:
    with pytest.raises(MalformedError) as caught:
        decode(encode_error(MalformedError(code, "line 3: wrong", hint)), KEY)
    assert (caught.value.code, caught.value.detail, caught.value.hint) == (code, "line 3: wrong", hint)


def test_a_claim_too_long_to_be_handed_on_is_an_error_about_the_file() -> None:
    claim = dataclasses.replace(CLAIM, evidence={"text": "x" * MAX_ANSWER_BYTES})
    answer = encode_claim(claim)
    assert len(answer) < MAX_ANSWER_BYTES
    with pytest.raises(MalformedError) as caught:
        decode(answer, KEY)
    assert caught.value.code is Code.TOO_LARGE


@pytest.mark.parametrize("why", [Why.MEMORY, Why.BUG])
def test_a_failure_comes_back_with_its_place(why: Why) -> None:
    with pytest.raises(ChildError) as caught:
        decode(encode_failure(why, "TypeError in junit.py:7"), KEY)
    assert (caught.value.why, caught.value.detail) == (why, "TypeError in junit.py:7")


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"\x80\x04K\x01.",
        b'{"type":"SBOM"',
        b'{"type":"SBOM","type":"SBOM"}',
        compact({**GOOD, "more": 1}),
        compact({name: value for name, value in GOOD.items() if name != "passed"}),
        *(compact({**GOOD, name: value}) for name, values in WRONG.items() for value in values),
        compact(GOOD).replace(b"{}", b'{"x":NaN}'),
        compact(GOOD).replace(b"{}", b'{"x":9007199254740993}'),
        compact(GOOD).replace(b"{}", b'{"x":"\\ud800"}'),
        compact({"code": "bad_signature", "detail": "x", "hint": None}),
        compact({"code": ["truncated"], "detail": "x", "hint": None}),
        compact({"code": "truncated", "detail": None, "hint": None}),
        compact({"code": "truncated", "detail": "x", "hint": 1}),
        compact({"failed": "too_slow", "where": ""}),
        compact({"failed": ["bug"], "where": ""}),
        compact({"failed": "bug", "where": 1}),
    ],
)  # fmt: skip
def test_what_is_not_exactly_an_answer_is_none(answer: bytes) -> None:
    with pytest.raises(ChildError) as caught:
        decode(answer, KEY)
    assert caught.value.why is Why.NONSENSE


@pytest.mark.parametrize(
    ("key", "kind", "basis"),
    [
        ("trivy", ClaimType.TEST_RESULTS, Basis.MEASURED),
        ("trivy", ClaimType.SECURITY_SCAN, Basis.CARRIED),
        ("junit-xml", ClaimType.BUILD_PROVENANCE, Basis.MEASURED),
        ("attest", ClaimType.TEST_RESULTS, Basis.MEASURED),
        ("dsse", ClaimType.TEST_RESULTS, Basis.MEASURED),
        ("openvex", ClaimType.VEX, Basis.MEASURED),
        ("no-format", ClaimType.SECURITY_SCAN, Basis.MEASURED),
    ],
)
def test_a_claim_that_no_file_of_the_format_makes_is_no_answer(key: str, kind: ClaimType, basis: Basis) -> None:
    with pytest.raises(ChildError) as caught:
        decode(encode_claim(dataclasses.replace(CLAIM, type=kind, basis=basis)), key)
    assert caught.value.why is Why.NONSENSE


@pytest.mark.parametrize("number", [2**53 + 1, float("inf"), float("nan")])
def test_numbers_that_cannot_be_written_are_an_error_about_the_file(number: float) -> None:
    claim = dataclasses.replace(CLAIM, evidence={"total": 1, "declaredTotals": {"tests": number}})
    with pytest.raises(MalformedError) as caught:
        decode(encode_claim(claim), KEY)
    assert caught.value.code is Code.BAD_SYNTAX
