"""What one side writes on the wire the other reads back, byte by byte where it is signed."""

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared import joining, problems, wire
from shared.encoding import b64encode, digest_text
from shared.errors import CarnetError, Code, MalformedError, TryLaterError
from shared.joining import EnrolAnswer
from shared.wire import Result
from tests.helpers.build import collected_run, heartbeat_envelope, keyring, receipt_for, root_signer

ENTRIES = [envelope.to_bytes() for envelope in collected_run(3)]
BEAT = heartbeat_envelope().to_bytes()


def refusal(body: bytes) -> MalformedError:
    with pytest.raises(MalformedError) as refused:
        wire.parse_batch(body)
    return refused.value


@pytest.mark.parametrize("count", [1, 2, 99, 100])
@pytest.mark.parametrize("beat", [None, BEAT], ids=["without heartbeat", "with heartbeat"])
def test_a_batch_is_read_as_the_entries_that_were_put_in(count: int, beat: bytes | None) -> None:
    entries = (ENTRIES * 34)[:count]
    found = wire.parse_batch(wire.emit_batch("col_ci07", "batch_1", entries, beat))
    assert found.entries == tuple(entries)
    assert (found.collector_id, found.batch_id, found.heartbeat) == ("col_ci07", "batch_1", beat)


def test_a_batch_is_plain_json_with_the_documented_members() -> None:
    fields = json.loads(wire.emit_batch("col_ci07", "batch_1", ENTRIES, BEAT))
    assert list(fields) == ["collectorId", "batchId", "heartbeat", "attestations"]
    assert fields["attestations"] == [json.loads(entry) for entry in ENTRIES]


@pytest.mark.parametrize("count", [0, 101, 1000])
def test_a_batch_of_none_or_more_than_a_hundred_is_refused_whole(count: int) -> None:
    error = refusal(wire.emit_batch("col_ci07", "batch_1", [b"{}"] * count, None))
    assert problems.status_of(error) == 400
    assert "100" in str(error.hint)


def test_an_entry_that_is_no_envelope_stays_an_entry_between_its_neighbours() -> None:
    strange = [b"null", b'"text"', b'{"a":1,"a":2}', b"[[[]]]", b"NaN", b'{ "payload" : 1 }']
    entries = [ENTRIES[0], *strange, ENTRIES[1]]
    assert wire.parse_batch(wire.emit_batch("col_ci07", "batch_1", entries, None)).entries == tuple(entries)


def test_the_digest_of_a_batch_is_that_of_its_entries_in_order_and_nothing_else() -> None:
    def made(batch_id: str, entries: list[bytes], beat: bytes | None = None) -> bytes:
        return wire.parse_batch(wire.emit_batch("col_ci07", batch_id, entries, beat)).digest

    assert made("batch_1", ENTRIES) == made("batch_2", ENTRIES) == made("batch_1", ENTRIES, BEAT)
    assert made("batch_1", ENTRIES) != made("batch_1", ENTRIES[::-1])
    assert made("batch_1", ENTRIES) != made("batch_1", ENTRIES[:2])
    spaced = wire.parse_batch(b'{"attestations":[ ' + ENTRIES[0] + b' ],"batchId":"b","collectorId":"c"}')
    assert spaced.digest == made("b", ENTRIES[:1])
    # Two entries are not one that reads like both.
    assert made("b", [b"1", b"2"]) != made("b", [b"[1,2]"])


BAD_BATCHES: dict[str, tuple[dict[str, Any], Code]] = {
    "an unknown member": ({"extra": 1}, Code.UNKNOWN_FIELD),
    "a member by its Python name": ({"collector_id": "col_ci07"}, Code.UNKNOWN_FIELD),
    "a collector that is null": ({"collectorId": None}, Code.INVALID_FIELD),
    "a collector that is a number": ({"collectorId": 1}, Code.INVALID_FIELD),
    "a collector that is empty": ({"collectorId": ""}, Code.INVALID_FIELD),
    "a collector with a slash": ({"collectorId": "col/../x"}, Code.INVALID_FIELD),
    "a collector with a line end": ({"collectorId": "col_1\n"}, Code.INVALID_FIELD),
    "a collector of 101 characters": ({"collectorId": "c" * 101}, Code.INVALID_FIELD),
    "a batch id that is a list": ({"batchId": ["b"]}, Code.INVALID_FIELD),
    "a batch id with a letter beyond ASCII": ({"batchId": "bätch"}, Code.INVALID_FIELD),
    "attestations that are no list": ({"attestations": {}}, Code.BAD_JSON),
    "attestations that are null": ({"attestations": None}, Code.BAD_JSON),
}


@pytest.mark.parametrize(("change", "code"), [pytest.param(*case, id=name) for name, case in BAD_BATCHES.items()])
def test_a_batch_is_strict_about_its_own_members(change: dict[str, Any], code: Code) -> None:
    good = {"collectorId": "col_ci07", "batchId": "batch_1", "attestations": [{}]}
    assert wire.parse_batch(json.dumps(good).encode()).entries == (b"{}",)
    assert refusal(json.dumps(good | change).encode()).code is code


@pytest.mark.parametrize("missing", ["collectorId", "batchId", "attestations"])
def test_a_batch_without_a_member_is_refused(missing: str) -> None:
    fields = {"collectorId": "col_ci07", "batchId": "batch_1", "attestations": [{}]}
    del fields[missing]
    assert refusal(json.dumps(fields).encode()).code in (Code.INVALID_FIELD, Code.BAD_JSON)


def test_a_doubled_member_of_a_batch_is_refused() -> None:
    body = b'{"collectorId":"a","batchId":"b","attestations":[{}],"attestations":[{}]}'
    assert refusal(body).code is Code.DUPLICATE_KEY


def test_an_answer_carries_the_exact_bytes_of_the_receipt_and_counts_its_results() -> None:
    envelopes = collected_run(3)
    receipt = receipt_for(envelopes).to_bytes()
    results = [
        Result(index=0, attestation_id=digest_text(envelopes[0].id), status="accepted"),
        Result(index=1, attestation_id=digest_text(envelopes[1].id), status="duplicate"),
        Result(index=2, status="refused", code="unknown_key", detail="why", hint="what to do"),
    ]
    body = wire.emit_answer("batch_1", results, receipt)
    fields = json.loads(body)
    assert [fields[kind] for kind in ("accepted", "duplicate", "held", "refused")] == [1, 1, 0, 1]
    assert wire.parse_answer(body) == (receipt, tuple(results))


@pytest.mark.parametrize(
    "results", ["", ',"results":[1]', ',"results":[{"status":"accepted"}]', ',"results":[{"a":1,"a":1}]']
)
def test_only_the_receipt_of_an_answer_counts(results: str) -> None:
    found, read = wire.parse_answer(b'{"receipt":{"x": 1}' + results.encode() + b',"new":"field"}')
    assert found == b'{"x": 1}'
    assert read == ()


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b"[]", b'{"receipt":null}', b'{"results":[]}', b"\xff"])
def test_an_answer_without_a_receipt_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedError):
        wire.parse_answer(body)


def test_all_versions_of_a_keyring_travel_as_their_exact_bytes() -> None:
    versions = [keyring().to_bytes(), keyring(version=2, previous=keyring().id).to_bytes()]
    found = joining.parse_keyring(joining.emit_keyring(versions, root_signer().public.spki))
    assert found.versions == tuple(versions)
    assert found.root_spki == root_signer().public.spki


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'{"rootKey":"AAAA"}',
        b'{"rootKey":"AAAA","versions":[]}',
        b'{"rootKey":1,"versions":[1]}',
        b'{"rootKey":"A","versions":[1]}',
        b'{"rootKey":"AB==","versions":[1]}',
        '{"rootKey":"é","versions":[1]}'.encode(),
        b'{"versions":[1]}',
    ],
)
def test_a_keyring_answer_that_lacks_something_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedError) as refused:
        joining.parse_keyring(body)
    assert refused.value.code is Code.INVALID_FIELD


def test_an_enrolment_travels_both_ways() -> None:
    assert joining.parse_enrol_request(joining.emit_enrol_request("ci-07 é", BEAT)) == ("ci-07 é", BEAT)
    for answer in (EnrolAnswer("col_1", "enrolled", BEAT), EnrolAnswer("col_1", "waiting", None)):
        assert joining.parse_enrol_answer(joining.emit_enrol_answer(answer)) == answer


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{}", Code.INVALID_FIELD),
        (b'{"name":"a"}', Code.INVALID_FIELD),
        (b'{"request":{}}', Code.INVALID_FIELD),
        (b'{"name":null,"request":{}}', Code.INVALID_FIELD),
        (b'{"name":"","request":{}}', Code.INVALID_FIELD),
        (b'{"name":"a\\u0000b","request":{}}', Code.INVALID_FIELD),
        (b'{"name":"a\\u001b[2Jb","request":{}}', Code.INVALID_FIELD),
        (b'{"name":"' + b"a" * 201 + b'","request":{}}', Code.INVALID_FIELD),
        (b'{"name":"a","request":{},"more":1}', Code.UNKNOWN_FIELD),
        (b'{"name":"a","name":"b","request":{}}', Code.DUPLICATE_KEY),
        (b'{"name":"a","request":{}', Code.BAD_JSON),
    ],
)
def test_a_request_to_enrol_is_strict(body: bytes, code: Code) -> None:
    with pytest.raises(MalformedError) as refused:
        joining.parse_enrol_request(body)
    assert refused.value.code is code


@pytest.mark.parametrize(
    "body",
    [b"{}", b'{"id":"col_1"}', b'{"id":1,"status":"enrolled"}', b'{"id":"../x","status":"enrolled"}', b"<html>"],
)
def test_an_enrolment_answer_cannot_bring_an_id_that_is_none(body: bytes) -> None:
    with pytest.raises(MalformedError):
        joining.parse_enrol_answer(body)


_PROBLEM = st.fixed_dictionaries(
    {},
    optional={
        "title": st.text(max_size=5) | st.none(),
        "status": st.integers(0, 999) | st.text(max_size=3),
        "detail": st.text(max_size=600),
        "code": st.sampled_from([code.value for code in Code]) | st.text(max_size=9),
        "hint": st.text(max_size=600) | st.none() | st.integers(),
        "requestId": st.text(max_size=9),
        "error": st.text(max_size=9),
    },
)


@given(
    st.integers(0, 999),
    st.binary(max_size=200) | _PROBLEM.map(lambda fields: json.dumps(fields).encode()),
    st.none() | st.floats() | st.integers(-(10**30), 10**30).map(float),
)
@settings(max_examples=1000)
def test_any_answer_becomes_an_error_that_can_be_shown(status: int, body: bytes, retry_after: float | None) -> None:
    error = problems.error_for(status, body, retry_after)
    assert isinstance(error, CarnetError)
    assert str(status) in error.detail
    assert len(str(error)) < 1200
    assert str(error).isprintable()
    if isinstance(error, TryLaterError) and error.delay_seconds is not None:
        assert 0 <= error.delay_seconds <= problems.MAX_RETRY_AFTER_SECONDS


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"detail":' * 50_000,
        b"9" * 100_000,
        "{}".encode("utf-16"),
        b"\xef\xbb\xbf{}",
        b'{"detail":"\\ud800"}',
        b"<html><title>Maintenance</title>",
        b"",
    ],
    ids=["brackets", "objects", "digits", "utf-16", "mark", "half a pair", "html", "empty"],
)
def test_a_hostile_error_page_is_only_its_status(body: bytes) -> None:
    error = problems.error_for(503, body)
    assert (type(error), error.detail, error.hint) == (TryLaterError, "the receiver answered 503", None)


@pytest.mark.parametrize(
    ("asked", "given_"),
    [(None, None), (0, 0), (-5, 0), (1.5, 1.5), (3600, 3600), (3601, 3600), (math.inf, 3600), (math.nan, None)],
)
@pytest.mark.parametrize("status", [408, 425, 429, 502, 503, 504])
def test_what_the_receiver_asks_to_wait_is_bounded(status: int, asked: float | None, given_: float | None) -> None:
    error = problems.error_for(status, b"", asked)
    assert isinstance(error, TryLaterError)
    assert error.delay_seconds == given_


def test_a_status_of_no_family_is_no_reason_to_drop_anything() -> None:
    for status in (100, 200, 204, 301, 302, 307, 418, 451, 500, 501, 505, 599):
        assert type(problems.error_for(status, b"")) is CarnetError


def test_a_public_key_is_written_as_openssl_writes_it() -> None:
    body = json.loads(joining.emit_keyring([b"{}"], root_signer().public.spki))
    assert body["rootKey"] == b64encode(root_signer().public.spki)


@pytest.mark.parametrize("rotations", [(), (b'{"payload":"a"}',), (b'{"payload":"a"}', b'{"payload":"b"}')])
def test_a_request_for_access_is_read_as_it_was_written(rotations: tuple[bytes, ...]) -> None:
    assert joining.parse_access(joining.emit_access(b'{"payload":"r"}', rotations)) == (b'{"payload":"r"}', rotations)


@pytest.mark.parametrize(
    "body",
    [
        b'{"request":null}',
        b'{"request":null,"rotations":[]}',
        b'{"request":{},"rotations":{}}',
        b'{"request":{},"more":1}',
        b'{"request":{}',
        b'{"request":{},"rotations":[' + b",".join([b"{}"] * 101) + b"]}",
    ],
)
def test_a_request_for_access_with_something_else_beside_it_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedError):
        joining.parse_access(body)
