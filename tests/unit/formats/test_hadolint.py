"""How the remarks of Hadolint are counted, and what is not taken for them."""

import json

import pytest

from collector.formats import HEAD_BYTES, recognise
from tests.unit.formats.reading import claim_of


def remark(**changed: object) -> dict[str, object]:
    return {"code": "DL3008", "column": 1, "file": "Dockerfile", "level": "info", "line": 2, "message": "m"} | changed


def key_of(data: bytes) -> str | None:
    found = recognise(data[:HEAD_BYTES])
    return found.format.key if found else None


@pytest.mark.parametrize(
    ("level", "counted"),
    [("error", "high"), ("warning", "medium"), ("info", "info"), ("style", "info"), ("odd", "high"), (None, "high")],
)
def test_a_remark_counts_by_its_level(level: object, counted: str) -> None:
    assert claim_of(json.dumps([remark(level=level)]).encode()).evidence[counted] == 1


def test_a_file_that_was_not_parsed_is_not_complete() -> None:
    claim = claim_of(json.dumps([remark(code="DL1000")]).encode())
    assert not claim.passed
    assert claim.evidence["complete"] is False


def test_a_large_report_is_recognised_wherever_the_head_is_cut() -> None:
    for spaces in range(len(json.dumps(remark()))):
        assert key_of(b"[" + b" " * spaces + json.dumps([remark()] * 1_000).encode()[1:]) == "hadolint"


@pytest.mark.parametrize(
    "data",
    [
        b"[]",
        json.dumps([remark(code=2086, endLine=3)]).encode(),
        json.dumps([remark(code=2086)]).encode(),
        json.dumps([remark(code="E501")]).encode(),
        b'[{"code":"DL3008"}]',
    ],
)
def test_what_another_linter_writes_is_left_alone(data: bytes) -> None:
    assert key_of(data) is None
