"""The committed vectors of statements are what the contract says, and are read as they are named."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from shared import dsse, predicates, statement
from shared.dsse import Verified
from shared.encoding import b64decode, canonical, digest_text, parse_payload
from shared.errors import CarnetError, Code, MalformedError, UntrustedError
from shared.keys import key_from_spki
from shared.predicates import TABLE, Collected, Heartbeat, Receipt, Role, StreamMark
from tests.helpers import build
from tests.vectors import make

FILES = sorted(make.FOLDER.glob("*.json"))
VECTORS: dict[str, dict[str, Any]] = {path.stem: json.loads(path.read_bytes()) for path in FILES}
GOOD = [pytest.param(vector, id=name) for name, vector in VECTORS.items() if name.startswith("good-")]
BAD = [pytest.param(vector, id=name) for name, vector in VECTORS.items() if name.startswith("bad-")]


def read(vector: dict[str, Any]) -> statement.Statement:
    keys = [key_from_spki(b64decode(vector[name])) for name in ("signedBy", "alsoSignedBy") if name in vector]
    return statement.read(dsse.verify(dsse.parse(vector["envelope"].encode()), *keys))


def refusal(vector: dict[str, Any]) -> CarnetError:
    with pytest.raises(CarnetError) as refused:
        read(vector)
    return refused.value


def verified(payload: bytes) -> Verified:
    return dsse.verify(dsse.sign(payload, build.signer()), build.signer().public)


def changed(path: str, value: object) -> Verified:
    fields: Any = parse_payload(build.collected_envelope().payload)
    *parents, last = path.split(".")
    at = fields
    for part in parents:
        at = at[part]
    at[last] = value
    return verified(canonical(fields))


def test_the_committed_vectors_are_what_their_script_makes() -> None:
    assert {path.name: path.read_bytes() for path in FILES} == make.made()
    assert len(GOOD) + len(BAD) == len(FILES) > 100
    assert all(vector["name"] == name for name, vector in VECTORS.items())


def test_each_predicate_type_has_a_good_vector() -> None:
    good = {vector["expect"] for name, vector in VECTORS.items() if name.startswith("good-")}
    assert good == set(TABLE)


@pytest.mark.parametrize("vector", GOOD)
def test_a_good_statement_is_read_and_written_back_as_the_same_bytes(vector: dict[str, Any]) -> None:
    found = read(vector)
    assert found.kind is TABLE[vector["expect"]]
    assert list(found.not_understood) == vector["notUnderstood"]
    if vector["name"] not in ("good-unknown-fields", "good-crit-unknown", "good-crit-by-another-name"):
        written = statement.payload(found.kind.uri, found.subjects, found.predicate)
        assert written == found.verified.payload


@pytest.mark.parametrize("vector", BAD)
def test_a_bad_statement_is_refused_for_its_named_reason(vector: dict[str, Any]) -> None:
    error = refusal(vector)
    assert error.code == vector["expect"]
    assert len(error.detail) < 500
    assert isinstance(error, UntrustedError) == (error.code is Code.BAD_SIGNATURE)


def test_fields_of_a_later_version_change_nothing_that_is_understood() -> None:
    later = read(VECTORS["good-unknown-fields"])
    assert later.predicate == read(VECTORS["good-collected-first"]).predicate
    later.expect_understood()


def test_what_crit_names_and_nobody_here_knows_must_not_be_used() -> None:
    found = read(VECTORS["good-crit-unknown"])
    with pytest.raises(UntrustedError, match="'new'") as refused:
        found.expect_understood()
    assert refused.value.code is Code.NOT_UNDERSTOOD
    read(VECTORS["good-crit-known"]).expect_understood()


def test_a_payload_cannot_be_carried_under_another_key() -> None:
    payload = build.collected_envelope(build.signer(1)).payload
    stolen = dsse.sign(payload, build.signer(2))
    with pytest.raises(MalformedError, match="keyId") as refused:
        statement.read(dsse.verify(stolen, build.signer(2).public))
    assert refused.value.code is Code.MALFORMED_STATEMENT


def test_only_the_audience_that_is_expected_is_accepted() -> None:
    found = statement.read(verified(build.collected_envelope().payload))
    found.expect_audience(build.AUDIENCE)
    found.expect_audience(build.OTHER_AUDIENCE, build.AUDIENCE)
    for wrong in (
        (),
        (build.OTHER_AUDIENCE,),
        (build.AUDIENCE.model_copy(update={"receiver": "rcv_other"}),),
    ):
        with pytest.raises(UntrustedError) as refused:
            found.expect_audience(*wrong)
        assert refused.value.code is Code.WRONG_AUDIENCE


def test_a_statement_of_another_type_than_expected_is_refused() -> None:
    found = statement.read(verified(build.heartbeat_envelope().payload))
    assert found.as_(Heartbeat).beat == 1
    with pytest.raises(MalformedError) as refused:
        found.as_(Collected)
    assert refused.value.code is Code.WRONG_TYPE


def test_a_statement_without_a_subject_is_not_written() -> None:
    with pytest.raises(ValueError, match="subject"):
        statement.payload(predicates.COLLECTED, (), build.collected())


def test_evidence_is_signed_as_it_came_with_its_nulls_and_in_its_depth() -> None:
    evidence = {"a": None, "b": [None, {"c": None}], "d": {"e": [1, 2.5, "x", True]}, "keyId": "snake_case"}
    envelope = build.collected_envelope(claim=build.claim(evidence=evidence))
    fields: Any = parse_payload(envelope.payload)
    assert fields["predicate"]["claim"]["evidence"] == evidence
    found = statement.read(verified(envelope.payload)).as_(Collected)
    assert found.claim.evidence == evidence


def test_the_null_of_a_first_place_is_written_out() -> None:
    fields: Any = parse_payload(build.collected_envelope().payload)
    assert fields["predicate"]["stream"]["previous"] is None
    fields = parse_payload(build.keyring().payload)
    assert fields["predicate"]["previous"] is None
    assert fields["predicate"]["register"] == {"number": 1, "previous": None}
    receipt = build.receipt_for([], streams=[StreamMark(id="5a" * 16, contiguous_to=None, head=3)])
    fields = parse_payload(receipt.payload)
    assert fields["predicate"]["streams"] == [{"id": "5a" * 16, "contiguousTo": None, "head": 3}]


def test_a_hostile_field_name_is_not_repeated_at_length() -> None:
    with pytest.raises(MalformedError) as refused:
        statement.read(changed("predicate.contextFrom", {"x" * 100_000: "guess"}))
    assert len(str(refused.value)) < 500


def test_a_value_is_never_repeated_in_a_refusal() -> None:
    with pytest.raises(MalformedError) as refused:
        statement.read(changed("predicate.claim.type", "hunter2-secret"))
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("count", [0, 1, 100])
def test_a_receipt_names_every_entry_in_order(count: int) -> None:
    run = build.collected_run(count)
    receipt = statement.read(dsse.verify(build.receipt_for(run), build.receipt_signer().public)).as_(Receipt)
    assert [entry.attestation_id for entry in receipt.entries] == [digest_text(e.id) for e in run]


REGISTERED = {
    predicates.KEYRING,
    predicates.ENROLMENT,
    predicates.REVOCATION,
    predicates.RELEASE,
    predicates.GAP_CLOSED,
    predicates.POLICY,
    predicates.WAIVER,
    predicates.APPROVAL,
    predicates.PASSPORT,
}


def test_the_table_is_closed_and_says_who_signs() -> None:
    assert {uri: row.role for uri, row in TABLE.items()} == {
        predicates.COLLECTED: Role.COLLECTOR,
        predicates.HEARTBEAT: Role.COLLECTOR,
        predicates.ACCESS: Role.COLLECTOR,
        predicates.ENROLMENT_REQUEST: Role.COLLECTOR,
        predicates.CLAIMED: Role.CLAIM,
        predicates.RECEIPT: Role.RECEIPT,
        predicates.KEYRING: Role.ROOT,
        predicates.ENROLMENT: Role.DECISION,
        predicates.KEY_ROTATION: Role.COLLECTOR,
        predicates.REVOCATION: Role.DECISION,
        predicates.RELEASE: Role.DECISION,
        predicates.GAP_CLOSED: Role.DECISION,
        predicates.MISSING: Role.DECISION,
        predicates.POLICY: Role.DECISION,
        predicates.WAIVER: Role.DECISION,
        predicates.APPROVAL: Role.DECISION,
        predicates.PASSPORT: Role.DECISION,
        predicates.SUMMARY: Role.DECISION,
    }
    assert {uri for uri, row in TABLE.items() if row.logged} == {
        predicates.COLLECTED,
        predicates.CLAIMED,
        predicates.KEY_ROTATION,
        predicates.MISSING,
        *REGISTERED,
    }
    assert {uri for uri, row in TABLE.items() if row.registered} == REGISTERED


def test_a_statement_cannot_be_changed_once_it_is_read() -> None:
    predicate = build.collected()
    with pytest.raises(ValidationError, match="frozen"):
        predicate.salt = "00" * 16  # type: ignore[misc]  # the frozen field is what is tested


def test_times_keep_their_moment() -> None:
    moment = build.NOW + timedelta(microseconds=1)
    envelope = build.collected_envelope(observed_at=moment)
    assert statement.read(verified(envelope.payload)).as_(Collected).observed_at == moment


def test_vectors_name_no_machine() -> None:
    for path in FILES:
        assert str(Path.cwd()) not in path.read_text()
