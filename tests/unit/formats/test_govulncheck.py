"""How the findings of govulncheck are counted, and what shows that a scan came to its end."""

import io
import json

import pytest

from collector.formats import Limits, Thresholds
from collector.formats.findings import govulncheck
from shared.errors import Code, MalformedError
from tests.unit.formats.reading import claim_of

JsonObject = dict[str, object]

CHECKING: JsonObject = {"progress": {"message": "Checking the code against the vulnerabilities..."}}
FETCHING: JsonObject = {"progress": {"message": "Fetching vulnerabilities from the database..."}}
REQUIRED: JsonObject = {"module": "m", "version": "v1.0.0"}
IMPORTED: JsonObject = {**REQUIRED, "package": "m/p"}
CALLED: JsonObject = {**IMPORTED, "function": "F"}


def config(level: str | None = "symbol") -> JsonObject:
    return {"config": {"protocol_version": "v1.0.0", **({"scan_level": level} if level else {})}}


def finding(osv: str, *frames: JsonObject) -> JsonObject:
    return {"finding": {"osv": osv, "trace": list(frames)}}


def stream(*messages: JsonObject) -> bytes:
    return "\n".join(json.dumps(message, indent=2) for message in messages).encode()


def read(data: bytes) -> tuple[object, ...]:
    claim = claim_of(data)
    seen = claim.evidence
    return seen["high"], seen["medium"], seen["low"], claim.passed, "complete" not in seen


STREAMS: dict[str, tuple[bytes, tuple[object, ...]]] = {
    "nothing found": (stream(config(), FETCHING, CHECKING), (0, 0, 0, True, True)),
    "required": (stream(config(), CHECKING, finding("A", REQUIRED)), (0, 0, 1, True, True)),
    "imported": (stream(config(), CHECKING, finding("A", REQUIRED), finding("A", IMPORTED)), (0, 1, 0, True, True)),
    "called, at all levels": (
        stream(config(), CHECKING, *(finding("A", frame) for frame in (REQUIRED, IMPORTED, CALLED, CALLED))),
        (1, 0, 0, False, True),
    ),
    "the most exact first": (
        stream(config(), CHECKING, finding("A", CALLED), finding("A", REQUIRED)),
        (1, 0, 0, False, True),
    ),
    "three vulnerabilities": (
        stream(config(), CHECKING, finding("A", CALLED), finding("B", IMPORTED), finding("C", REQUIRED)),
        (1, 1, 1, False, True),
    ),
    "a finding without a trace": (stream(config(), CHECKING, finding("A")), (1, 0, 0, False, True)),
    "a scan of modules": (stream(config("module"), CHECKING, finding("A", REQUIRED)), (1, 0, 0, False, True)),
    "a scan of packages": (stream(config("package"), CHECKING, finding("A", IMPORTED)), (1, 0, 0, False, True)),
    "no level": (stream(config(None), CHECKING, finding("A", REQUIRED)), (1, 0, 0, False, True)),
    "only the configuration": (stream(config()), (0, 0, 0, False, False)),
    "the database did not answer": (stream(config(), FETCHING), (0, 0, 0, False, False)),
    "a query": (stream(config(), {"osv": {"id": "A"}}), (0, 0, 0, False, False)),
    "an array": (json.dumps([config(), CHECKING, finding("A", CALLED)]).encode(), (1, 0, 0, False, True)),
    "a line each": (
        "\n".join(json.dumps(message) for message in (config(), CHECKING)).encode(),
        (0, 0, 0, True, True),
    ),
}


@pytest.mark.parametrize("name", STREAMS)
def test_a_vulnerability_counts_once_at_its_most_exact_level(name: str) -> None:
    data, expected = STREAMS[name]
    assert read(data) == expected


@pytest.mark.parametrize("behind", [b"[]", b"1", b"[{}]", b'{"finding":1}', b'{"finding":null}'])
def test_what_is_no_message_is_refused(behind: bytes) -> None:
    with pytest.raises(MalformedError) as refused:
        claim_of(stream(config(), CHECKING) + b"\n" + behind)
    assert refused.value.code is Code.BAD_SYNTAX


@pytest.mark.parametrize("behind", [b"{}", b"[]"])
def test_nothing_may_follow_an_array_of_messages(behind: bytes) -> None:
    with pytest.raises(MalformedError) as refused:
        claim_of(json.dumps([config(), CHECKING]).encode() + behind)
    assert refused.value.code is Code.BAD_SYNTAX


def test_a_stream_cut_within_a_message_is_truncated() -> None:
    messages = [config(), CHECKING, finding("A", CALLED)]
    data = stream(*messages)
    between = {len(stream(*messages[:number])) for number in range(1, len(messages) + 1)}
    for end in range(1, len(data)):
        if end not in between and end - 1 not in between:  # the line feed behind a message
            with pytest.raises(MalformedError) as refused:
                read_as_govulncheck(data[:end])
            assert refused.value.code is Code.TRUNCATED


def read_as_govulncheck(data: bytes) -> None:
    """Read what is too short to be recognised."""
    govulncheck.read(io.BytesIO(data), Thresholds(), Limits())
