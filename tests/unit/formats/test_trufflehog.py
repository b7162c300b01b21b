"""What counts in TruffleHog's output, and that no secret is kept."""

import json
from typing import Any

import pytest

from collector.formats.claim import Claim
from shared.errors import Code, MalformedError
from tests.unit.formats.reading import claim_of

Json = dict[str, Any]
SECRET = "hunter2"
FOUND: Json = {
    "SourceMetadata": {"Data": {"Git": {"file": "keys", "line": 4, "email": SECRET}}},
    "DetectorName": "AWS",
    "DetectorDescription": "A cloud",
    "Verified": False,
    "Raw": SECRET,
    "RawV2": SECRET,
    "Redacted": SECRET,
    "ExtraData": {"account": SECRET},
}


def read(*lines: Json) -> Claim:
    return claim_of(b"".join(json.dumps(line).encode() + b"\n" for line in lines))


@pytest.mark.parametrize(
    ("verified", "level"),
    [(True, "critical"), (False, "high"), (None, "high"), ("true", "high"), (1, "high")],
)
def test_severity_of_a_secret(verified: object, level: str) -> None:
    claim = read(FOUND | {"Verified": verified})
    assert claim.evidence[level] == claim.evidence["total"] == 1
    assert not claim.passed


def test_a_secret_is_kept_nowhere() -> None:
    claim = read(FOUND)
    assert claim.evidence["findings"] == [
        {"id": "AWS", "severity": "high", "path": "keys", "line": 4, "message": "A cloud"},
    ]
    assert SECRET not in repr(claim)


@pytest.mark.parametrize(
    "metadata", [None, 1, [], {}, {"Data": None}, {"Data": {}}, {"Data": {"Git": 1}}, {"Data": {"Git": {"file": 1}}}]
)
def test_a_secret_at_no_place_counts(metadata: object) -> None:
    claim = read(FOUND, FOUND | {"SourceMetadata": metadata, "DetectorDescription": None})
    assert claim.evidence["high"] == 2
    assert claim.evidence["findings"][1] == {"id": "AWS", "severity": "high"}  # type: ignore[index]


@pytest.mark.parametrize("line", [{}, {"level": "info", "msg": "finished"}, FOUND | {"DetectorName": 2}])
def test_a_line_that_is_no_secret_is_refused(line: Json) -> None:
    with pytest.raises(MalformedError, match="line 2") as refused:
        read(FOUND, line)
    assert refused.value.code is Code.BAD_SYNTAX
